#include <whisperstore/database/row_stream.hpp>

#include <utility>

namespace whisperstore {

RowStream& RowStream::operator=(RowStream&& other) noexcept
{
    close();
    backend_ = std::move(other.backend_);
    return *this;
}

awaitable<Rows> RowStream::next()
{
    if (!backend_)
        co_return Rows();
    Rows rows = co_await backend_->next();
    if (rows.empty())
        close();
    co_return rows;
}

void RowStream::close() noexcept
{
    if (auto backend = std::exchange(backend_, nullptr))
        backend->close();
}

} // namespace whisperstore
