#include "database/sqlite_archive.hpp"

#include "database/archive/archive_format.hpp"

#include <sqlite3.h>

namespace whisperstore {

namespace {

void set_number(sqlite::Connection& connection, const std::string& pragma, std::int64_t value)
{
    connection.execute("PRAGMA " + pragma + "=" + std::to_string(value));
}

/// One statement, so one snapshot, however many writes come meanwhile.
void vacuum_into(sqlite::Connection& source, const std::filesystem::path& target)
{
    source.execute("PRAGMA query_only=OFF");
    sqlite::Statement copy = source.prepare_once("VACUUM INTO ?1");
    const std::string path = target.string();
    copy.bind_text(1, path);
    copy.run();
}

/// A restore copies the encoding as well, and connections that are open would refuse to read from then
/// on. So does an attached database, also for a damaged mark that a first opening takes for UTF-8.
void check_encoding(sqlite::Connection& live, const std::filesystem::path& file)
{
    sqlite::Statement attach = live.prepare_once("ATTACH ?1 AS archive");
    const std::string path = file.string();
    attach.bind_text(1, path);
    try {
        attach.run();
    } catch (const StorageError& error) {
        if (!error.native_code().starts_with("SQLITE_ERROR"))
            throw;
        throw StorageError(StorageErrc::version_mismatch,
                           file.string() + " cannot be read beside the database, whose text encoding is " +
                               live.query_text("PRAGMA encoding") + ": " + error.message());
    }
}

} // namespace

void mark_database(sqlite::Connection& connection)
{
    const bool is_ours = connection.query_int("PRAGMA application_id") == archive::application_id;
    if (is_ours)
        archive::check_format(connection);
    else if (!connection.options().read_only && connection.query_int("SELECT count(*) FROM sqlite_schema") == 0)
        set_number(connection, "application_id", archive::application_id);
}

void write_archive(const sqlite::OpenOptions& live, const std::filesystem::path& file, sqlite::Stopper& stopper)
{
    sqlite::PartialFile partial(file, live.backend); // created first, so that it is never readable by others
    sqlite::OpenOptions making = live;
    making.path = partial.path();
    making.read_only = false;
    making.archive = true;
    making.synchronous = "OFF"; // it is synced as a whole when it is finished
    {
        // Page by page: VACUUM INTO builds every index anew, which takes many times as long.
        sqlite::OpenOptions options = live;
        options.read_only = true;
        sqlite::Connection source(options);
        archive::hold_snapshot(source);
        making.page_size = static_cast<int>(source.query_int("PRAGMA page_size"));
        sqlite::Connection copy(making);
        const sqlite::Stopper::Scope scope(stopper, copy);
        sqlite::copy_database(source, copy);
    }
    {
        sqlite::Connection copy(making); // which makes it a file that needs no other, as the database does
        const sqlite::Stopper::Scope scope(stopper, copy);
        archive::mark(copy);
        if (const std::string check = copy.query_text("PRAGMA quick_check(1)"); check != "ok")
            throw StorageError(StorageErrc::corrupt, "the copy does not pass its check: " + check);
    }
    partial.publish();
}

CheckedArchive check_archive(const std::filesystem::path& file, const sqlite::OpenOptions& live,
                             sqlite::Stopper& stopper)
{
    std::error_code unknown; // told below
    if (std::filesystem::equivalent(file, live.path, unknown))
        throw StorageError(StorageErrc::invalid_argument,
                           file.string() + " is the database itself, not a backup of it");
    CheckedArchive checked;
    checked.connection = sqlite::open_for_check(file, live.backend);
    {
        const sqlite::Stopper::Scope scope(stopper, *checked.connection);
        archive::hold_snapshot(*checked.connection);
        archive::check_content(*checked.connection);
    }

    sqlite::OpenOptions reading = live;
    reading.read_only = true;
    sqlite::Connection beside(reading);
    check_encoding(beside, file);
    const std::int64_t page_size = beside.query_int("PRAGMA main.page_size");
    const bool has_definitions = archive::has_definitions(*checked.connection);
    if (checked.connection->query_int("PRAGMA page_size") == page_size && !has_definitions)
        return checked;

    // A database in write-ahead logging keeps its page size, so the archive is rebuilt with it. What only PostgreSQL
    // understands is of no use here, and would soon be untrue.
    checked.rebuilt = std::make_unique<sqlite::PartialFile>(live.path.string() + ".restore", live.backend);
    {
        const sqlite::Stopper::Scope scope(stopper, *checked.connection);
        checked.connection->execute("COMMIT"); // VACUUM has a snapshot of its own
        set_number(*checked.connection, "page_size", page_size);
        vacuum_into(*checked.connection, checked.rebuilt->path());
    }
    if (has_definitions) {
        sqlite::OpenOptions options = live;
        options.path = checked.rebuilt->path();
        options.archive = true;
        sqlite::Connection rebuilt(options);
        rebuilt.execute("DROP TABLE " + std::string(archive::definitions_table));
    }
    checked.connection = sqlite::open_for_check(checked.rebuilt->path(), live.backend);
    archive::hold_snapshot(*checked.connection);
    return checked;
}

void take_over(sqlite::Connection& from, sqlite::Connection& live)
{
    try {
        sqlite::copy_database(from, live);
    } catch (const StorageError& error) {
        throw sqlite::commit_error(error);
    }
    // The log now holds the whole database. If it cannot be emptied yet, it will be later.
    sqlite3_wal_checkpoint_v2(live.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

} // namespace whisperstore
