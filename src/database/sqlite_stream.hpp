#pragma once
// Streams of SQLiteAdapter: a private connection holds the snapshot and is read piece by piece.

#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/database/row_stream.hpp>

#include "database/sqlite_query.hpp"
#include "sqlite/store.hpp"

#include <memory>
#include <mutex>

namespace whisperstore {

class SqliteStream final : public RowStreamBackend, public std::enable_shared_from_this<SqliteStream>
{
public:
    /// `permit` counts the open streams of the adapter: it is held until the stream is closed.
    SqliteStream(std::shared_ptr<sqlite::Store> store, BoundQuery query, std::shared_ptr<void> permit,
                 OperationContext context);

    /// Opens the connection and prepares. Called once.
    awaitable<void> open();
    awaitable<Rows> next() override;
    void close() noexcept override;

private:
    void open_here();
    Rows read_piece();
    void release() noexcept;

    std::shared_ptr<sqlite::Store> store_;
    const BoundQuery query_;
    std::shared_ptr<void> permit_;
    const OperationContext context_;

    std::mutex mutex_;          // reading a piece against close() from another thread
    std::mutex connection_mutex_; // connection_ against interrupt()
    std::unique_ptr<sqlite::Connection> connection_;
    std::unique_ptr<sqlite::Statement> statement_;
    std::vector<std::string> columns_;
    std::vector<bool> booleans_;
    bool closed_ = false;
};

} // namespace whisperstore
