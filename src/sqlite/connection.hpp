#pragma once
// SQLite connections and statements with the error mapping of whisperstore.

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/value.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

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

/// A prepared statement leased from its connection's cache; reset and unbound when it goes.
class Statement
{
public:
    Statement(Connection& connection, sqlite3_stmt* handle, bool cached) noexcept;
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
    std::string column_name(int column) const;
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
    bool cached_;
};

/// One connection, used by one thread at a time (interrupt() from any).
class Connection
{
public:
    /// Opens or creates the file: WAL, foreign keys, secure_delete, busy timeout, mode 0600.
    explicit Connection(OpenOptions options);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// A statement from the cache (64 entries) or newly prepared. One statement only: text after it
    /// is `invalid_argument`.
    Statement prepare(std::string_view sql);
    /// Runs all statements of a script; rows are ignored.
    void execute(const std::string& script);
    /// The first column of the first row as int / text; 0 / empty without a row.
    std::int64_t query_int(std::string_view sql);
    std::string query_text(std::string_view sql);

    /// Rows changed by the last finished INSERT, UPDATE or DELETE.
    std::int64_t changes() const noexcept;
    std::int64_t last_insert_rowid() const noexcept;
    bool in_transaction() const noexcept;
    /// Stops the running statement; it ends with an `interrupted` error. Any thread.
    void interrupt() noexcept;

    /// Throws the mapped StorageError for a result code of this connection.
    [[noreturn]] void fail(int code);
    sqlite3* handle() const noexcept { return handle_; }
    const OpenOptions& options() const noexcept { return options_; }

private:
    friend class Statement;
    void give_back(sqlite3_stmt* handle) noexcept;

    struct Closer
    {
        void operator()(sqlite3* handle) const noexcept;
    };
    struct Cached
    {
        std::string sql;
        sqlite3_stmt* handle;
        bool leased;
    };
    OpenOptions options_;
    std::unique_ptr<sqlite3, Closer> owner_;
    sqlite3* handle_ = nullptr;
    std::list<Cached> cache_; // most recently used first
    std::unordered_map<std::string_view, std::list<Cached>::iterator> by_sql_;
    std::unordered_map<sqlite3_stmt*, std::list<Cached>::iterator> by_handle_;
};

/// Maps an (extended) result code. `detail` is SQLite's own message.
StorageError make_error(int extended_code, std::string_view detail, const std::filesystem::path& path,
                        std::string_view backend);
/// True for errors of an interrupted statement.
bool is_interrupt(const StorageError& error) noexcept;

/// Checks a SQLite file without changing it: header, integrity, foreign keys.
/// Throws StorageError not_found or corrupt naming the file.
void check_file(const std::filesystem::path& path, std::string_view backend);

/// Gives a finished `<path>.partial` its name, durably. Throws StorageError already_exists when there
/// is such a file already (then the partial file is left for its maker to remove).
void publish_file(const std::filesystem::path& partial, const std::filesystem::path& path, std::string_view backend);

/// Runs every statement of a script on its own; each must be free of placeholders and is first
/// passed to `check`. Rows are ignored.
void run_script(Connection& connection, std::string_view script,
                const std::function<void(std::string_view statement)>& check);

/// Copies the whole database of `from` over that of `to` in one transaction (sqlite3_backup). The
/// content of `to` is unchanged when it fails. `from` must hold a snapshot if others write to it.
void copy_database(Connection& from, Connection& to);

/// Makes a directory and its parents (0700 for those created). Throws StorageError permission/….
void make_private_directory(const std::filesystem::path& path, std::string_view backend);
/// fsyncs a file or directory.
void sync_path(const std::filesystem::path& path, std::string_view backend);

} // namespace whisperstore::sqlite
