#include "database/sqlite_stream.hpp"

#include <sqlite3.h>

namespace whisperstore {

namespace {

constexpr std::size_t piece_rows = 1024;
constexpr std::size_t piece_bytes = 1024 * 1024;

} // namespace

SqliteStream::SqliteStream(std::shared_ptr<sqlite::Store> store, BoundQuery query, std::shared_ptr<void> permit,
                           OperationContext context)
    : store_(std::move(store)), query_(std::move(query)), permit_(std::move(permit)), context_(std::move(context))
{}

void SqliteStream::open_here()
{
    sqlite::OpenOptions options = store_->options().open;
    options.read_only = true;
    auto connection = std::make_unique<sqlite::Connection>(std::move(options));
    auto statement = std::make_unique<sqlite::Statement>(prepare(*connection, query_));
    if (!statement->read_only() || statement->column_count() == 0)
        throw StorageError(StorageErrc::invalid_argument, "stream_query takes queries that only read");
    columns_ = column_names(*statement);
    booleans_ = boolean_columns(*statement);
    const std::lock_guard lock(connection_mutex_);
    connection_ = std::move(connection);
    statement_ = std::move(statement);
}

Rows SqliteStream::read_piece()
{
    const std::lock_guard lock(mutex_);
    if (closed_ || !statement_)
        return Rows();
    RowsBuilder rows(columns_);
    bool more = true;
    while (rows.row_count() < piece_rows && rows.bytes() < piece_bytes && (more = statement_->step()))
        add_row(rows, *statement_, booleans_);
    if (!more)
        release();
    return rows.finish();
}

void SqliteStream::release() noexcept
{
    const std::lock_guard lock(connection_mutex_);
    statement_.reset();
    connection_.reset();
    permit_.reset();
}

awaitable<void> SqliteStream::open()
{
    auto self = shared_from_this();
    std::function<void()> work = [self] { self->open_here(); };
    co_await sqlite::run_on_thread(std::move(work), context_);
}

awaitable<Rows> SqliteStream::next()
{
    auto self = shared_from_this();
    auto rows = std::make_shared<Rows>();
    std::function<void()> work = [self, rows] { *rows = self->read_piece(); };
    std::function<void()> interrupt = [self] {
        const std::lock_guard lock(self->connection_mutex_);
        if (self->connection_)
            self->connection_->interrupt();
    };
    co_await sqlite::run_on_thread(std::move(work), context_, std::move(interrupt));
    co_return std::move(*rows);
}

void SqliteStream::close() noexcept
{
    {
        const std::lock_guard lock(connection_mutex_);
        if (connection_)
            connection_->interrupt();
    }
    const std::lock_guard lock(mutex_);
    closed_ = true;
    release();
}

} // namespace whisperstore
