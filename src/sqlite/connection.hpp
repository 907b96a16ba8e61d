#pragma once
// SQLite connections and statements with the error mapping of whisperstore.

#include "sqlite/files.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/value.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace whisperstore::sqlite {

/// How a file is opened.
struct OpenOptions
{
    std::filesystem::path path; ///< ":memory:" is refused here, see Store
    bool read_only = false;
    bool archive = false; ///< a single file: rollback journal instead of WAL
    std::string synchronous = "FULL";
    int busy_timeout_ms = 5000;
    int page_size = 4096;           ///< of a file that does not exist yet
    std::string backend = "sqlite"; ///< names the backend in errors
};

class Connection;
class Stopper;

/// What the rows of a statement consist of.
struct Columns
{
    std::shared_ptr<const std::vector<std::string>> names;
    /// As which type an integer in the column is meant, by the column's declaration.
    enum class Integers : std::uint8_t
    {
        integers,
        booleans,
        reals,
    };
    std::vector<Integers> integers;
};

struct HandleCloser
{
    void operator()(sqlite3* handle) const noexcept;
    void operator()(sqlite3_stmt* handle) const noexcept;
};

/// A statement that its connection keeps prepared.
struct KeptStatement
{
    std::string sql;
    std::unique_ptr<sqlite3_stmt, HandleCloser> handle;
    bool leased = false;
    std::shared_ptr<const Columns> columns; ///< null: nobody has asked yet
    int prepared_anew = 0;                  ///< how often SQLite had, when they were read
};

/// A prepared statement leased from its connection's cache; reset and unbound when it goes.
class Statement
{
public:
    /// \param kept null: it is finalized when it goes.
    Statement(Connection& connection, sqlite3_stmt* handle, KeptStatement* kept) noexcept;
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    /// Binds by 1-based index. Text and blobs are borrowed until the statement is reset or goes.
    Statement& bind(int index, const ValueView& value);
    Statement& bind(int index, const Value& value) { return bind(index, value.view()); }
    Statement& bind(int index, std::int64_t value) { return bind(index, ValueView(value)); }
    Statement& bind_text(int index, std::string_view value) { return bind(index, ValueView(value)); }
    Statement& bind_blob(int index, std::span<const std::byte> value) { return bind(index, ValueView(value)); }

    /// True: a row is there. False: done. Throws StorageError.
    bool step();
    /// Steps to the end, ignoring rows.
    void run();
    /// Back to the start, keeping the bindings; needed before stepping again.
    void reset() noexcept;

    int column_count() const noexcept;
    /// Once it was stepped, for SQLite may have prepared it anew then.
    std::shared_ptr<const Columns> columns() const;
    std::int64_t column_int(int column) const noexcept;
    double column_real(int column) const noexcept;
    std::string_view column_text(int column) const noexcept;           ///< valid until the next step
    std::span<const std::byte> column_blob(int column) const noexcept; ///< valid until the next step
    bool column_is_null(int column) const noexcept;

    int parameter_count() const noexcept;
    bool read_only() const noexcept;
    sqlite3_stmt* handle() const noexcept { return handle_; }

private:
    friend class Connection;
    Connection* connection_;
    sqlite3_stmt* handle_;
    KeptStatement* kept_;
};

/// One connection, used by one thread at a time (interrupt() from any).
class Connection
{
public:
    /// Opens or creates the file: WAL, foreign keys, secure_delete, busy timeout, mode 0600.
    explicit Connection(OpenOptions options);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// A statement from the cache (64 entries) or newly prepared. One statement only: text after it
    /// is `invalid_argument`. Where the schema changed meanwhile SQLite prepares it anew at its first
    /// step, so ask for its columns after that.
    Statement prepare(std::string_view sql);
    /// A statement that is not worth keeping.
    Statement prepare_once(std::string_view sql);
    /// Runs all statements of a script; rows are ignored.
    void execute(const std::string& script);
    /// The first column of the first row as int / text; 0 / empty without a row.
    std::int64_t query_int(std::string_view sql);
    std::string query_text(std::string_view sql);

    /// Rows changed by the last finished INSERT, UPDATE or DELETE.
    std::int64_t changes() const noexcept;
    std::int64_t last_insert_rowid() const noexcept;
    bool in_transaction() const noexcept;
    /// Stops the running statement; it ends with an `interrupted` error. Any thread. See Stopper.
    void interrupt() noexcept;
    /// Whether the work that uses the connection was asked to stop: for long work without statements.
    bool stop_requested() const noexcept;
    /// For Stopper::Scope: sets whose stop ends the work, returns the one before.
    const Stopper* exchange_stopper(const Stopper* stopper) noexcept;

    /// While it lives, a statement is interrupted after its work of about 2,000 to 3,000 operations.
    class Budget
    {
    public:
        explicit Budget(Connection& connection) noexcept;
        ~Budget();
        Budget(const Budget&) = delete;
        Budget& operator=(const Budget&) = delete;

    private:
        Connection& connection_;
    };

    /// Throws the mapped StorageError for a result code of this connection.
    [[noreturn]] void fail(int code);
    sqlite3* handle() const noexcept { return handle_; }
    const OpenOptions& options() const noexcept { return options_; }

private:
    friend class Statement;
    sqlite3_stmt* compile(std::string_view sql, unsigned int flags);
    void configure();
    static int on_progress(void* self) noexcept;
    static int on_busy(void* self, int attempts) noexcept;

    OpenOptions options_;
    std::unique_ptr<sqlite3, HandleCloser> owner_;
    sqlite3* handle_ = nullptr;
    const Stopper* stopper_ = nullptr;
    int progress_left_ = -1; // calls of the progress handler a budget allows; negative: any number
    int busy_waited_ms_ = 0;
    // Most recently used first; closed before their connection, also by a failed constructor.
    std::list<KeptStatement> cache_;
    std::unordered_map<std::string_view, std::list<KeptStatement>::iterator> by_sql_;
};

/// Maps an (extended) result code. `detail` is SQLite's own message.
StorageError make_error(int extended_code, std::string_view detail, const std::filesystem::path& path,
                        std::string_view backend);
/// The error of a COMMIT: after a failed write or sync the commit record may be on the disk all the
/// same, so the outcome is unknown then.
StorageError commit_error(const StorageError& error);
/// True for errors of an interrupted statement.
bool is_interrupt(const StorageError& error) noexcept;

/// Opens a file that is to be checked, read-only. Throws StorageError not_found, or corrupt for what
/// is no SQLite database.
std::unique_ptr<Connection> open_for_check(const std::filesystem::path& path, std::string_view backend);
/// Integrity and foreign keys. Throws StorageError corrupt naming the file.
void check_integrity(Connection& connection);
/// The pages and rows of a database as far as reading them shows; not what CHECK constraints say, which were held to
/// when the rows were written, and not whether indexes have all rows. A fifth of the time of the whole check.
/// Returns what is wrong, empty: nothing.
std::string check_structure(Connection& connection);
/// Both, without changing the file.
void check_file(const std::filesystem::path& path, std::string_view backend);

/// Copies the whole database of `from` over that of `to` in one transaction (sqlite3_backup). The
/// content of `to` is unchanged when it fails or is stopped. `from` must hold a snapshot if others
/// write to it, and have the page size of `to`.
void copy_database(Connection& from, Connection& to);

} // namespace whisperstore::sqlite
