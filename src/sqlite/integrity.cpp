// Checking and copying whole databases.
#include "sqlite/connection.hpp"

#include <sqlite3.h>

#include <array>
#include <cerrno>

namespace whisperstore::sqlite {

namespace {

constexpr std::uintmax_t smallest_database = 512; // one page of the smallest size

StorageError damaged(const std::filesystem::path& path, const std::string& backend, const std::string& why)
{
    return StorageError(StorageErrc::corrupt, path.string() + " " + why, ErrorDetails{backend});
}

} // namespace

// Through SQLite and stat() only: opening the file ourselves and closing it again would drop the locks
// that connections of this process may have on it.
std::unique_ptr<Connection> open_for_check(const std::filesystem::path& path, std::string_view backend)
{
    std::error_code unknown; // counts as not readable
    if (!std::filesystem::is_regular_file(path, unknown))
        throw StorageError(StorageErrc::not_found, path.string() + " is not a readable file",
                           ErrorDetails{std::string(backend)});
    if (std::filesystem::file_size(path, unknown) < smallest_database)
        throw damaged(path, std::string(backend), "is not a SQLite database");
    OpenOptions options;
    options.path = path;
    options.read_only = true;
    options.backend = backend;
    return std::make_unique<Connection>(std::move(options));
}

void check_integrity(Connection& connection)
{
    const OpenOptions& options = connection.options();
    const std::string integrity = connection.query_text("PRAGMA integrity_check(1)");
    if (integrity != "ok")
        throw damaged(options.path, options.backend, "is damaged: " + integrity);
    Statement orphans = connection.prepare("PRAGMA foreign_key_check");
    if (orphans.step())
        throw damaged(options.path, options.backend,
                      "has rows of " + std::string(orphans.column_text(0)) + " that refer to missing rows of " +
                          std::string(orphans.column_text(2)));
}

std::string check_structure(Connection& connection)
{
    connection.execute("PRAGMA ignore_check_constraints=ON");
    std::string check = connection.query_text("PRAGMA quick_check(1)");
    connection.execute("PRAGMA ignore_check_constraints=OFF");
    return check == "ok" ? std::string() : check;
}

void check_file(const std::filesystem::path& path, std::string_view backend)
{
    check_integrity(*open_for_check(path, backend));
}

void copy_database(Connection& from, Connection& to)
{
    constexpr int pages_per_step = 1024; // between two looks at a stop
    sqlite3_backup* backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
    if (!backup)
        to.fail(sqlite3_errcode(to.handle()));
    int stepped = SQLITE_OK;
    while (stepped == SQLITE_OK) {
        stepped = sqlite3_backup_step(backup, pages_per_step);
        if (stepped == SQLITE_OK && to.stop_requested())
            stepped = SQLITE_INTERRUPT;
    }
    // The error code of `to` is only set by finish(), and not for a stop.
    const int finished = sqlite3_backup_finish(backup);
    if (stepped == SQLITE_DONE && finished == SQLITE_OK)
        return;
    const int code = stepped == SQLITE_DONE ? finished : stepped;
    throw make_error(code, sqlite3_errstr(code), to.options().path, to.options().backend);
}

} // namespace whisperstore::sqlite
