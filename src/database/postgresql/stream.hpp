#pragma once
// Streams: a cursor in a read-only transaction on a lent connection.

#include "database/postgresql/lease.hpp"
#include "database/postgresql/request.hpp"
#include "database/postgresql/statement.hpp"

#include <whisperstore/database/row_stream.hpp>

#include <memory>
#include <mutex>

namespace whisperstore::postgresql {

class OpenStream final : public RowStreamBackend, public std::enable_shared_from_this<OpenStream>
{
public:
    /// \param permit counts the open streams: held until the end
    OpenStream(Lease lease, std::shared_ptr<void> permit, OperationContext context);

    /// Takes the snapshot and reads the first piece. Called once. Throws invalid_argument for what does not only read.
    awaitable<void> open(BoundStatement statement);
    awaitable<Rows> next() override;
    void close() noexcept override;
    /// From the adapter's side: the next call is `closed`.
    void disconnect() noexcept;

private:
    awaitable<void> declare(const BoundStatement& statement);
    awaitable<Rows> fetch();
    void release() noexcept;

    const OperationContext context_;
    std::mutex mutex_;
    Lease lease_;
    std::shared_ptr<void> permit_;
    Rows first_;
    bool has_first_ = false;
    bool ended_ = false;
    bool failed_ = false;
    bool closed_ = false;
    bool disconnected_ = false;
    bool reading_ = false;
    std::shared_ptr<const Description> description_;
    std::size_t rows_to_fetch_ = 0;
};

} // namespace whisperstore::postgresql
