#include "sqlite/connection.hpp"

#include <sqlite3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace whisperstore::sqlite {

namespace {

constexpr std::size_t cache_capacity = 64;

} // namespace

Statement::Statement(Connection& connection, sqlite3_stmt* handle, bool cached) noexcept
    : connection_(&connection), handle_(handle), cached_(cached)
{}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), handle_(std::exchange(other.handle_, nullptr)), cached_(other.cached_)
{}

Statement::~Statement()
{
    if (!handle_)
        return;
    if (cached_)
        connection_->give_back(handle_);
    else
        sqlite3_finalize(handle_);
}

Statement& Statement::bind(int index, const ValueView& value)
{
    int code = SQLITE_OK;
    switch (value.kind()) {
    case ValueKind::null: code = sqlite3_bind_null(handle_, index); break;
    case ValueKind::boolean: code = sqlite3_bind_int(handle_, index, value.as_bool() ? 1 : 0); break;
    case ValueKind::integer: code = sqlite3_bind_int64(handle_, index, value.as_int()); break;
    case ValueKind::real: code = sqlite3_bind_double(handle_, index, value.as_real()); break;
    case ValueKind::text: {
        // SQLite reads a null pointer as NULL, and an empty view may have one.
        const std::string_view text = value.as_text();
        code = sqlite3_bind_text64(handle_, index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC,
                                   SQLITE_UTF8);
        break;
    }
    case ValueKind::blob: {
        const auto blob = value.as_blob();
        code = blob.empty() ? sqlite3_bind_zeroblob(handle_, index, 0)
                            : sqlite3_bind_blob64(handle_, index, blob.data(), blob.size(), SQLITE_STATIC);
        break;
    }
    }
    if (code != SQLITE_OK)
        connection_->fail(code);
    return *this;
}

bool Statement::step()
{
    const int code = sqlite3_step(handle_);
    if (code == SQLITE_ROW)
        return true;
    if (code == SQLITE_DONE)
        return false;
    connection_->fail(code);
}

void Statement::run()
{
    while (step()) {
    }
}

void Statement::reset() noexcept { sqlite3_reset(handle_); }

int Statement::column_count() const noexcept { return sqlite3_column_count(handle_); }

std::string Statement::column_name(int column) const
{
    const char* name = sqlite3_column_name(handle_, column);
    return name ? name : "";
}

std::int64_t Statement::column_int(int column) const noexcept { return sqlite3_column_int64(handle_, column); }
double Statement::column_real(int column) const noexcept { return sqlite3_column_double(handle_, column); }

std::string_view Statement::column_text(int column) const noexcept
{
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
    return text ? std::string_view(text, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column)))
                : std::string_view();
}

std::span<const std::byte> Statement::column_blob(int column) const noexcept
{
    const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(handle_, column));
    if (!data)
        return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

bool Statement::column_is_null(int column) const noexcept
{
    return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

int Statement::parameter_count() const noexcept { return sqlite3_bind_parameter_count(handle_); }
bool Statement::read_only() const noexcept { return sqlite3_stmt_readonly(handle_) != 0; }

void Connection::Closer::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }

Connection::Connection(OpenOptions options) : options_(std::move(options))
{
    const std::string path = options_.path.string();
    if (!options_.read_only) {
        // Created here because SQLite would make the file readable by others; WAL files inherit the mode.
        const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file >= 0)
            ::close(file);
    }
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE |
                      (options_.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    const int code = sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr);
    owner_.reset(handle_);
    if (code != SQLITE_OK) {
        if (options_.read_only && !std::filesystem::exists(options_.path))
            throw StorageError(StorageErrc::not_found, path + " does not exist", ErrorDetails{options_.backend, "open"});
        fail(code);
    }
    sqlite3_busy_timeout(handle_, options_.busy_timeout_ms);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    if (options_.read_only) {
        execute("PRAGMA query_only=ON; PRAGMA foreign_keys=ON;");
        static_cast<void>(query_int("SELECT count(*) FROM sqlite_schema")); // reports a damaged file now
        return;
    }
    execute("PRAGMA page_size=" + std::to_string(options_.page_size));
    const std::string journal = query_text(options_.archive ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL");
    if (journal != (options_.archive ? "delete" : "wal"))
        throw StorageError(StorageErrc::unsupported,
                           path + ": write-ahead logging is not possible here (journal mode stays '" + journal +
                               "'); network file systems do not support it",
                           ErrorDetails{options_.backend, "open"});
    // Checkpoints are run by the writer between commits, not inside them.
    execute("PRAGMA synchronous=" + options_.synchronous +
            "; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA wal_autocheckpoint=0;"
            " PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;");
}

Connection::~Connection()
{
    for (Cached& entry : cache_)
        sqlite3_finalize(entry.handle);
}

void Connection::fail(int code)
{
    const int extended = handle_ ? sqlite3_extended_errcode(handle_) : code;
    const bool own = handle_ && (extended & 0xFF) == (code & 0xFF);
    throw make_error(own ? extended : code, own ? sqlite3_errmsg(handle_) : sqlite3_errstr(code), options_.path,
                     options_.backend);
}

Statement Connection::prepare(std::string_view sql)
{
    if (const auto found = by_sql_.find(sql); found != by_sql_.end() && !found->second->leased) {
        cache_.splice(cache_.begin(), cache_, found->second);
        found->second->leased = true;
        return Statement(*this, found->second->handle, true);
    }
    sqlite3_stmt* handle = nullptr;
    const char* tail = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &handle, &tail);
    if (code != SQLITE_OK)
        fail(code);
    if (!handle)
        throw StorageError(StorageErrc::invalid_argument, "the query holds no statement",
                           ErrorDetails{options_.backend});
    for (const char* end = sql.data() + sql.size(); tail < end; ++tail)
        if (!std::strchr(" \t\r\n\f;", *tail)) {
            sqlite3_finalize(handle);
            throw StorageError(StorageErrc::invalid_argument, "the query holds more than one statement",
                               ErrorDetails{options_.backend});
        }
    if (by_sql_.contains(sql)) // its cached twin is in use
        return Statement(*this, handle, false);

    if (cache_.size() >= cache_capacity) {
        for (auto last = std::prev(cache_.end());; --last) {
            if (!last->leased) {
                by_sql_.erase(last->sql);
                by_handle_.erase(last->handle);
                sqlite3_finalize(last->handle);
                cache_.erase(last);
                break;
            }
            if (last == cache_.begin())
                break;
        }
    }
    cache_.push_front(Cached{std::string(sql), handle, true});
    by_sql_.emplace(cache_.front().sql, cache_.begin());
    by_handle_.emplace(handle, cache_.begin());
    return Statement(*this, handle, true);
}

void Connection::give_back(sqlite3_stmt* handle) noexcept
{
    sqlite3_reset(handle);
    sqlite3_clear_bindings(handle);
    by_handle_.find(handle)->second->leased = false;
}

void Connection::execute(const std::string& script)
{
    const int code = sqlite3_exec(handle_, script.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK)
        fail(code);
}

std::int64_t Connection::query_int(std::string_view sql)
{
    Statement statement = prepare(sql);
    return statement.step() ? statement.column_int(0) : 0;
}

std::string Connection::query_text(std::string_view sql)
{
    Statement statement = prepare(sql);
    return statement.step() ? std::string(statement.column_text(0)) : std::string();
}

void run_script(Connection& connection, std::string_view script,
                const std::function<void(std::string_view statement)>& check)
{
    const char* at = script.data();
    const char* const end = at + script.size();
    while (at < end) {
        sqlite3_stmt* handle = nullptr;
        const char* tail = nullptr;
        const int code = sqlite3_prepare_v2(connection.handle(), at, static_cast<int>(end - at), &handle, &tail);
        if (code != SQLITE_OK)
            connection.fail(code);
        if (handle) { // otherwise only white space or a comment was left
            Statement statement(connection, handle, false);
            check(std::string_view(at, static_cast<std::size_t>(tail - at)));
            if (statement.parameter_count() > 0)
                throw StorageError(StorageErrc::invalid_argument, "a script must not hold placeholders",
                                   ErrorDetails{connection.options().backend});
            statement.run();
        }
        at = tail;
    }
}

std::int64_t Connection::changes() const noexcept { return sqlite3_changes64(handle_); }
std::int64_t Connection::last_insert_rowid() const noexcept { return sqlite3_last_insert_rowid(handle_); }
bool Connection::in_transaction() const noexcept { return sqlite3_get_autocommit(handle_) == 0; }
void Connection::interrupt() noexcept { sqlite3_interrupt(handle_); }

} // namespace whisperstore::sqlite
