#include "sqlite/connection.hpp"

#include <sqlite3.h>

#include <array>

namespace whisperstore::sqlite {

namespace {

struct Name
{
    int code;
    const char* name;
};

// The codes of sqlite.org/rescode.html that can reach us.
constexpr std::array names{
    Name{SQLITE_ERROR, "SQLITE_ERROR"},
    Name{SQLITE_INTERNAL, "SQLITE_INTERNAL"},
    Name{SQLITE_PERM, "SQLITE_PERM"},
    Name{SQLITE_ABORT, "SQLITE_ABORT"},
    Name{SQLITE_BUSY, "SQLITE_BUSY"},
    Name{SQLITE_LOCKED, "SQLITE_LOCKED"},
    Name{SQLITE_NOMEM, "SQLITE_NOMEM"},
    Name{SQLITE_READONLY, "SQLITE_READONLY"},
    Name{SQLITE_INTERRUPT, "SQLITE_INTERRUPT"},
    Name{SQLITE_IOERR, "SQLITE_IOERR"},
    Name{SQLITE_CORRUPT, "SQLITE_CORRUPT"},
    Name{SQLITE_FULL, "SQLITE_FULL"},
    Name{SQLITE_CANTOPEN, "SQLITE_CANTOPEN"},
    Name{SQLITE_PROTOCOL, "SQLITE_PROTOCOL"},
    Name{SQLITE_SCHEMA, "SQLITE_SCHEMA"},
    Name{SQLITE_TOOBIG, "SQLITE_TOOBIG"},
    Name{SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT"},
    Name{SQLITE_MISMATCH, "SQLITE_MISMATCH"},
    Name{SQLITE_MISUSE, "SQLITE_MISUSE"},
    Name{SQLITE_AUTH, "SQLITE_AUTH"},
    Name{SQLITE_RANGE, "SQLITE_RANGE"},
    Name{SQLITE_NOTADB, "SQLITE_NOTADB"},
    Name{SQLITE_CONSTRAINT_CHECK, "SQLITE_CONSTRAINT_CHECK"},
    Name{SQLITE_CONSTRAINT_FOREIGNKEY, "SQLITE_CONSTRAINT_FOREIGNKEY"},
    Name{SQLITE_CONSTRAINT_NOTNULL, "SQLITE_CONSTRAINT_NOTNULL"},
    Name{SQLITE_CONSTRAINT_PRIMARYKEY, "SQLITE_CONSTRAINT_PRIMARYKEY"},
    Name{SQLITE_CONSTRAINT_TRIGGER, "SQLITE_CONSTRAINT_TRIGGER"},
    Name{SQLITE_CONSTRAINT_UNIQUE, "SQLITE_CONSTRAINT_UNIQUE"},
    Name{SQLITE_CONSTRAINT_ROWID, "SQLITE_CONSTRAINT_ROWID"},
    Name{SQLITE_CONSTRAINT_DATATYPE, "SQLITE_CONSTRAINT_DATATYPE"},
    Name{SQLITE_IOERR_READ, "SQLITE_IOERR_READ"},
    Name{SQLITE_IOERR_SHORT_READ, "SQLITE_IOERR_SHORT_READ"},
    Name{SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE"},
    Name{SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"},
    Name{SQLITE_IOERR_TRUNCATE, "SQLITE_IOERR_TRUNCATE"},
    Name{SQLITE_IOERR_SHMOPEN, "SQLITE_IOERR_SHMOPEN"},
    Name{SQLITE_READONLY_DIRECTORY, "SQLITE_READONLY_DIRECTORY"},
    Name{SQLITE_READONLY_CANTINIT, "SQLITE_READONLY_CANTINIT"},
    Name{SQLITE_READONLY_DBMOVED, "SQLITE_READONLY_DBMOVED"},
    Name{SQLITE_READONLY_ROLLBACK, "SQLITE_READONLY_ROLLBACK"},
    Name{SQLITE_BUSY_SNAPSHOT, "SQLITE_BUSY_SNAPSHOT"},
    Name{SQLITE_BUSY_RECOVERY, "SQLITE_BUSY_RECOVERY"},
};

std::string code_name(int extended)
{
    for (const int code : {extended, extended & 0xFF})
        for (const Name& name : names)
            if (name.code == code)
                return name.name + (" (" + std::to_string(extended) + ")");
    return "SQLite " + std::to_string(extended);
}

StorageErrc classify(int extended, std::string_view detail) noexcept
{
    switch (extended) {
    case SQLITE_CONSTRAINT_DATATYPE:
        return StorageErrc::type_mismatch;
    // The portable schema names its type checks "<table>_<column>_type".
    case SQLITE_CONSTRAINT_CHECK:
        return detail.ends_with("_type") ? StorageErrc::type_mismatch : StorageErrc::constraint_violation;
    case SQLITE_READONLY_ROLLBACK:
        return StorageErrc::unavailable;
    default:
        break;
    }
    switch (extended & 0xFF) {
    case SQLITE_CONSTRAINT:
        return StorageErrc::constraint_violation;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_IOERR:
        return StorageErrc::unavailable;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        return StorageErrc::permission;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
        return StorageErrc::resource_exhausted;
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_MISUSE:
        return StorageErrc::invalid_argument;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return StorageErrc::corrupt;
    case SQLITE_INTERRUPT:
        return StorageErrc::cancelled;
    case SQLITE_MISMATCH:
        return StorageErrc::type_mismatch;
    case SQLITE_SCHEMA:
        return StorageErrc::conflict;
    default:
        break;
    }
    // The rest has one code for everything, so SQLite's words decide.
    if (detail.starts_with("no such ") || detail.find(" has no column named ") != std::string_view::npos)
        return StorageErrc::not_found;
    if (detail.ends_with("already exists") || detail.starts_with("duplicate column name") ||
        detail.starts_with("there is already "))
        return StorageErrc::already_exists;
    if (detail.starts_with("malformed JSON") || detail == "integer overflow")
        return StorageErrc::type_mismatch;
    return StorageErrc::syntax;
}

std::string advice(int extended, const std::filesystem::path& path)
{
    if (extended == SQLITE_READONLY_ROLLBACK)
        return " (" + path.string() +
               " was left in the middle of a write by a process that is gone: open it for writing once)";
    switch (extended & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return " (another process holds a lock on " + path.string() + "; close it or try again)";
    case SQLITE_FULL:
        return " (no space left for " + path.string() + "; nothing of this write was kept)";
    case SQLITE_IOERR:
        return " (reading or writing " + path.string() + " failed; check the disk)";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return " (" + path.string() + ": check that the file and its folder exist and are writable)";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return " (" + path.string() + " is damaged or not a database; restore it from a backup)";
    default:
        return {};
    }
}

} // namespace

StorageError make_error(int extended, std::string_view detail, const std::filesystem::path& path,
                        std::string_view backend)
{
    const StorageErrc code = classify(extended, detail);
    ErrorDetails details;
    details.backend = backend;
    details.native_code = code_name(extended);
    const int primary = extended & 0xFF;
    details.retryable = primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_SCHEMA;
    return StorageError(code, std::string(detail) + advice(extended, path), std::move(details));
}

StorageError commit_error(const StorageError& error)
{
    return error.native_code().starts_with("SQLITE_IOERR") ? error.with_outcome(Outcome::unknown) : error;
}

bool is_interrupt(const StorageError& error) noexcept { return error.native_code().starts_with("SQLITE_INTERRUPT"); }

} // namespace whisperstore::sqlite
