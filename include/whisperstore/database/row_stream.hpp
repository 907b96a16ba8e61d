#pragma once
/// \file
/// Large results in bounded memory.

#include <whisperstore/core/async.hpp>
#include <whisperstore/database/query_result.hpp>

#include <memory>

namespace whisperstore {

/// What a backend implements for an open stream.
class RowStreamBackend
{
public:
    virtual ~RowStreamBackend() = default;
    virtual awaitable<Rows> next() = 0;
    virtual void close() noexcept = 0;
};

/// A result read piece by piece over one consistent snapshot, from
/// AbstractDatabaseAdapter::stream_query(). Holds a connection until the end, close() or
/// destruction (which never wait), so finish or drop it soon. One coroutine at a time.
class RowStream
{
public:
    RowStream() noexcept = default; ///< at its end
    explicit RowStream(std::shared_ptr<RowStreamBackend> backend) : backend_(std::move(backend)) {}
    RowStream(RowStream&&) noexcept = default;
    RowStream& operator=(RowStream&& other) noexcept;
    RowStream(const RowStream&) = delete;
    RowStream& operator=(const RowStream&) = delete;
    ~RowStream() { close(); }

    /// The next piece (at most 1,024 rows or about 1 MiB); empty at the end, and after it. An error,
    /// cancellation included, ends the stream. After the adapter's disconnect() it is `closed`.
    awaitable<Rows> next();
    void close() noexcept;

private:
    std::shared_ptr<RowStreamBackend> backend_;
};

} // namespace whisperstore
