#pragma once
// Streams of SQLiteAdapter: a private connection holds the snapshot and is read piece by piece.

#include "database/sqlite_query.hpp"
#include "sqlite/stopper.hpp"
#include "sqlite/store.hpp"

#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/database/row_stream.hpp>

#include <atomic>
#include <memory>
#include <mutex>

namespace whisperstore {

class SqliteStream final : public RowStreamBackend, public std::enable_shared_from_this<SqliteStream>
{
public:
    /// `permit` counts the open streams of the adapter: it is held until the stream is closed.
    SqliteStream(std::shared_ptr<sqlite::Store> store, BoundQuery query, std::shared_ptr<void> permit,
                 OperationContext context);

    /// Opens the connection, prepares and takes the snapshot. Called once.
    awaitable<void> open();
    awaitable<Rows> next() override;
    void close() noexcept override;
    /// From the adapter's side: the next call is `closed`.
    void disconnect() noexcept;

private:
    void open_here();
    Rows read_piece();
    void release() noexcept;

    std::shared_ptr<sqlite::Store> store_;
    const BoundQuery query_;
    const OperationContext context_;
    sqlite::Stopper stopper_; // for good: whatever is stopped ends the stream
    std::atomic<bool> closed_{false};
    std::atomic<bool> disconnected_{false};

    std::mutex mutex_; // reading against closing
    std::shared_ptr<void> permit_;
    std::unique_ptr<sqlite::Connection> connection_;
    std::unique_ptr<sqlite::Statement> statement_;
    bool has_row_ = false; // the statement is at a row that was not handed out yet
    bool failed_ = false;
    std::shared_ptr<const sqlite::Columns> columns_;
};

} // namespace whisperstore
