#include "database/sqlite_stream.hpp"

#include "core/failure.hpp"

#include <sqlite3.h>

namespace whisperstore {

namespace {

constexpr std::size_t piece_rows = 1024;
constexpr std::size_t piece_bytes = 1024 * 1024;

} // namespace

SqliteStream::SqliteStream(std::shared_ptr<sqlite::Store> store, BoundQuery query, std::shared_ptr<void> permit,
                           OperationContext context)
    : store_(std::move(store)), query_(std::move(query)), context_(std::move(context)), permit_(std::move(permit))
{
}

void SqliteStream::open_here()
{
    const std::lock_guard lock(mutex_);
    sqlite::OpenOptions options = store_->options().open;
    options.read_only = true;
    connection_ = std::make_unique<sqlite::Connection>(std::move(options));
    const sqlite::Stopper::Scope scope(stopper_, *connection_);
    statement_ = std::make_unique<sqlite::Statement>(prepare(*connection_, query_));
    if (!statement_->read_only() || statement_->column_count() == 0)
        throw StorageError(StorageErrc::invalid_argument, "stream_query takes queries that only read");
    has_row_ = statement_->step(); // the snapshot is that of now
    store_->commits().seen();
    columns_ = statement_->columns();
}

Rows SqliteStream::read_piece()
{
    const std::lock_guard lock(mutex_);
    if (disconnected_)
        throw StorageError(StorageErrc::closed, "the adapter was disconnected; the stream has ended");
    if (failed_)
        throw StorageError(StorageErrc::closed, "the stream has ended with an error");
    if (closed_ || !statement_)
        return Rows();
    RowsBuilder rows(columns_->names);
    try {
        const sqlite::Stopper::Scope scope(stopper_, *connection_);
        while (has_row_ && rows.row_count() < piece_rows && rows.bytes() < piece_bytes) {
            add_row(rows, *statement_, *columns_);
            has_row_ = statement_->step();
        }
    } catch (...) {
        failed_ = true;
        release();
        if (disconnected_)
            throw StorageError(StorageErrc::closed, "the adapter was disconnected; the stream has ended");
        throw;
    }
    if (!has_row_ || closed_)
        release();
    return rows.finish();
}

void SqliteStream::release() noexcept
{
    statement_.reset();
    connection_.reset();
    permit_.reset();
}

awaitable<void> SqliteStream::open()
{
    auto self = shared_from_this();
    std::function<void()> work = [self] { self->open_here(); };
    std::function<void()> interrupt = [self] { self->stopper_.stop(); };
    co_await sqlite::run_on_thread(std::move(work), context_, std::move(interrupt));
}

awaitable<Rows> SqliteStream::next()
{
    auto self = shared_from_this();
    auto rows = std::make_shared<Rows>();
    std::function<void()> work = [self, rows] { *rows = self->read_piece(); };
    std::function<void()> interrupt = [self] { self->stopper_.stop(); };
    try {
        co_await sqlite::run_on_thread(std::move(work), context_, std::move(interrupt));
    } catch (...) {
        rethrow_as_storage_error("sqlite", "stream_query");
    }
    co_return std::move(*rows);
}

void SqliteStream::close() noexcept
{
    closed_ = true;
    stopper_.stop();
    // Whoever is reading a piece now closes after it: a destructor must not wait for that.
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock)
        release();
}

void SqliteStream::disconnect() noexcept
{
    disconnected_ = true;
    stopper_.stop();
    const std::lock_guard lock(mutex_);
    release();
}

} // namespace whisperstore
