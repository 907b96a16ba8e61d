#include "sqlite/connection.hpp"

#include "sqlite/stopper.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <mutex>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace whisperstore::sqlite {

namespace {

constexpr std::size_t cache_capacity = 64;
// Operations between two calls of the progress handler, and the call that ends a statement on a budget.
constexpr int operations_per_call = 1000;
constexpr int calls_in_budget = 3;

/// The error number of a failed write that had no space; 0 for other failures.
int out_of_space(sqlite3* handle, int extended)
{
    if (extended != SQLITE_IOERR_WRITE && extended != SQLITE_IOERR_TRUNCATE)
        return 0;
    sqlite3_file* log = nullptr;
    sqlite3_file* file = nullptr;
    sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    for (sqlite3_file* one : {log, file}) {
        int reason = 0;
        if (one && one->pMethods && one->pMethods->xFileControl(one, SQLITE_FCNTL_LAST_ERRNO, &reason) == SQLITE_OK &&
            (reason == ENOSPC || reason == EDQUOT || reason == EFBIG))
            return reason;
    }
    return 0;
}

/// Settings of the whole process, made before SQLite is used by anybody in it; where it is in use already, the
/// application has chosen, and they stay as they are. Without statistics no allocation takes a lock that all
/// connections share, and pages that come and go with each commit of another connection need no allocations at all.
void configure_sqlite()
{
    static std::once_flag once;
    std::call_once(once, [] {
        constexpr int pages = 256; // for each connection, allocated together
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
        sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, pages);
    });
}

} // namespace

Statement::Statement(Connection& connection, sqlite3_stmt* handle, KeptStatement* kept) noexcept
    : connection_(&connection), handle_(handle), kept_(kept)
{
}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), handle_(std::exchange(other.handle_, nullptr)), kept_(other.kept_)
{
}

Statement::~Statement()
{
    if (!handle_)
        return;
    if (!kept_) {
        sqlite3_finalize(handle_);
        return;
    }
    sqlite3_reset(handle_);
    sqlite3_clear_bindings(handle_);
    kept_->leased = false;
}

Statement& Statement::bind(int index, const ValueView& value)
{
    int code = SQLITE_OK;
    switch (value.kind()) {
    case ValueKind::null:
        code = sqlite3_bind_null(handle_, index);
        break;
    case ValueKind::boolean:
        code = sqlite3_bind_int(handle_, index, value.as_bool() ? 1 : 0);
        break;
    case ValueKind::integer:
        code = sqlite3_bind_int64(handle_, index, value.as_int());
        break;
    case ValueKind::real:
        code = sqlite3_bind_double(handle_, index, value.as_real());
        break;
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

std::shared_ptr<const Columns> Statement::columns() const
{
    const int prepared_anew = sqlite3_stmt_status(handle_, SQLITE_STMTSTATUS_REPREPARE, 0);
    if (kept_ && kept_->columns && kept_->prepared_anew == prepared_anew)
        return kept_->columns;
    std::vector<std::string> names;
    auto columns = std::make_shared<Columns>();
    for (int i = 0; i < column_count(); ++i) {
        const char* name = sqlite3_column_name(handle_, i);
        names.emplace_back(name ? name : "");
        const char* declared = sqlite3_column_decltype(handle_, i);
        auto integers = Columns::Integers::integers;
        if (declared && sqlite3_stricmp(declared, "BOOLEAN") == 0)
            integers = Columns::Integers::booleans;
        // A whole number is stored as an integer. SQLite makes a real of it again, but not for RETURNING.
        if (declared && sqlite3_stricmp(declared, "REAL") == 0)
            integers = Columns::Integers::reals;
        columns->integers.push_back(integers);
    }
    columns->names = std::make_shared<const std::vector<std::string>>(std::move(names));
    if (kept_) {
        kept_->columns = columns;
        kept_->prepared_anew = prepared_anew;
    }
    return columns;
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

void HandleCloser::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
void HandleCloser::operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }

Connection::Connection(OpenOptions options) : options_(std::move(options))
{
    // Absolute, so that no name is taken for a URI or for SQLite's ":memory:".
    const std::string path = std::filesystem::absolute(options_.path).string();
    if (!options_.read_only) {
        // Created here because SQLite would make the file readable by others; WAL files inherit the mode.
        // Never opened where it exists: closing a second descriptor would drop this process's locks on it.
        const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file >= 0)
            ::close(file);
    }
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE |
                      (options_.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    configure_sqlite();
    const int code = sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr);
    owner_.reset(handle_);
    if (code != SQLITE_OK) {
        std::error_code ignored; // then SQLite's own error is told
        if (options_.read_only && !std::filesystem::exists(options_.path, ignored))
            throw StorageError(StorageErrc::not_found, path + " does not exist",
                               ErrorDetails{options_.backend, "open"});
        fail(code);
    }
    sqlite3_busy_handler(handle_, &Connection::on_busy, this);
    sqlite3_progress_handler(handle_, operations_per_call, &Connection::on_progress, this);
    configure();
}

void Connection::configure()
{
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    // A misspelt column in double quotes is an error, not a text, as on other databases.
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    execute("PRAGMA case_sensitive_like=ON"); // as on other databases
    if (options_.read_only) {
        execute("PRAGMA query_only=ON; PRAGMA foreign_keys=ON; PRAGMA synchronous=" + options_.synchronous);
        static_cast<void>(query_int("SELECT count(*) FROM sqlite_schema")); // reports a damaged file now
        return;
    }
    execute("PRAGMA page_size=" + std::to_string(options_.page_size));
    const std::string journal = query_text(options_.archive ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL");
    if (journal != (options_.archive ? "delete" : "wal"))
        throw StorageError(StorageErrc::unsupported,
                           options_.path.string() + ": write-ahead logging is not possible here (journal mode stays '" +
                               journal + "'); network file systems do not support it",
                           ErrorDetails{options_.backend, "open"});
    // Checkpoints are run by the writer between commits, not inside them.
    execute("PRAGMA synchronous=" + options_.synchronous +
            "; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA wal_autocheckpoint=0;"
            " PRAGMA temp_store=MEMORY;");
}

bool Connection::stop_requested() const noexcept { return stopper_ && stopper_->stopped(); }

const Stopper* Connection::exchange_stopper(const Stopper* stopper) noexcept
{
    return std::exchange(stopper_, stopper);
}

int Connection::on_progress(void* self) noexcept
{
    auto& connection = *static_cast<Connection*>(self);
    if (connection.stop_requested())
        return 1;
    return connection.progress_left_ >= 0 && --connection.progress_left_ < 0 ? 1 : 0;
}

// SQLite's own busy handler sleeps through a stop.
int Connection::on_busy(void* self, int attempts) noexcept
{
    constexpr std::array pauses{1, 2, 5, 10, 15, 20, 25};
    auto& connection = *static_cast<Connection*>(self);
    if (attempts == 0)
        connection.busy_waited_ms_ = 0;
    if (connection.busy_waited_ms_ >= connection.options_.busy_timeout_ms || connection.stop_requested())
        return 0;
    const int pause = std::min(pauses[std::min(static_cast<std::size_t>(attempts), pauses.size() - 1)],
                               connection.options_.busy_timeout_ms - connection.busy_waited_ms_);
    std::this_thread::sleep_for(std::chrono::milliseconds(pause));
    connection.busy_waited_ms_ += pause;
    return 1;
}

// SQLite carries a statement's count of operations over from run to run, so the first call may come at once.
Connection::Budget::Budget(Connection& connection) noexcept : connection_(connection)
{
    connection_.progress_left_ = calls_in_budget - 1;
}

Connection::Budget::~Budget() { connection_.progress_left_ = -1; }

void Connection::fail(int code)
{
    const int extended = handle_ ? sqlite3_extended_errcode(handle_) : code;
    const bool own = handle_ && (extended & 0xFF) == (code & 0xFF);
    const int known = own ? extended : code;
    std::string detail = own ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
    // A quota or a limit on file sizes is a full disk, too; SQLite itself knows ENOSPC only.
    if (const int reason = handle_ ? out_of_space(handle_, known) : 0)
        throw make_error(SQLITE_FULL, detail + ": " + std::generic_category().message(reason), options_.path,
                         options_.backend);
    throw make_error(known, detail, options_.path, options_.backend);
}

sqlite3_stmt* Connection::compile(std::string_view sql, unsigned int flags)
{
    if (sql.size() > std::numeric_limits<int>::max())
        throw StorageError(StorageErrc::invalid_argument, "the query is larger than 2 GB",
                           ErrorDetails{options_.backend});
    sqlite3_stmt* handle = nullptr;
    const char* tail = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), flags, &handle, &tail);
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
    return handle;
}

Statement Connection::prepare_once(std::string_view sql) { return Statement(*this, compile(sql, 0), nullptr); }

Statement Connection::prepare(std::string_view sql)
{
    if (!cache_.empty() && !cache_.front().leased && cache_.front().sql == sql) { // the same again: a list, a loop
        cache_.front().leased = true;
        return Statement(*this, cache_.front().handle.get(), &cache_.front());
    }
    if (const auto found = by_sql_.find(sql); found != by_sql_.end() && !found->second->leased) {
        cache_.splice(cache_.begin(), cache_, found->second);
        found->second->leased = true;
        return Statement(*this, found->second->handle.get(), &cache_.front());
    }
    sqlite3_stmt* handle = compile(sql, SQLITE_PREPARE_PERSISTENT);
    if (by_sql_.contains(sql)) // its cached twin is in use
        return Statement(*this, handle, nullptr);

    if (cache_.size() >= cache_capacity) {
        for (auto last = std::prev(cache_.end());; --last) {
            if (!last->leased) {
                by_sql_.erase(last->sql);
                cache_.erase(last);
                break;
            }
            if (last == cache_.begin())
                break;
        }
    }
    KeptStatement& kept = cache_.emplace_front();
    kept.sql = sql;
    kept.handle.reset(handle);
    kept.leased = true;
    by_sql_.emplace(kept.sql, cache_.begin());
    return Statement(*this, handle, &kept);
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

std::int64_t Connection::changes() const noexcept { return sqlite3_changes64(handle_); }
std::int64_t Connection::last_insert_rowid() const noexcept { return sqlite3_last_insert_rowid(handle_); }
bool Connection::in_transaction() const noexcept { return sqlite3_get_autocommit(handle_) == 0; }
void Connection::interrupt() noexcept { sqlite3_interrupt(handle_); }

} // namespace whisperstore::sqlite
