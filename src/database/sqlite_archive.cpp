#include "database/sqlite_archive.hpp"

#include <whisperstore/core/version.hpp>
#include <whisperstore/database/schema.hpp>

namespace whisperstore {

namespace {

// Marks our relational files, so that a restore can tell them from other SQLite files: "WSdb".
constexpr std::int64_t application_id = 0x57536462;
constexpr std::int64_t archive_format = 1;

void set_number(sqlite::Connection& connection, const std::string& pragma, std::int64_t value)
{
    connection.execute("PRAGMA " + pragma + "=" + std::to_string(value));
}

void check_format(sqlite::Connection& connection)
{
    if (connection.query_int("PRAGMA user_version") > archive_format)
        throw StorageError(StorageErrc::version_mismatch,
                           connection.options().path.string() + " was written by a newer whisperstore: use that one");
}

/// Versions of the core schema are rows "whisperengine_core.<n>" of schema_migrations.
void check_schema_version(sqlite::Connection& connection)
{
    if (connection.query_int(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'") == 0)
        return;
    const Schema& schema = WhisperEngineSchema::get_core_schema();
    const Version ours = Version::parse(std::to_string(schema.version));
    const std::string prefix = schema.name + ".";
    sqlite::Statement versions = connection.prepare("SELECT version FROM schema_migrations");
    while (versions.step()) {
        const std::string_view version = versions.column_text(0);
        if (version.starts_with(prefix) && Version::parse(version.substr(prefix.size())) > ours)
            throw StorageError(StorageErrc::version_mismatch, connection.options().path.string() +
                                                                  " holds a newer schema (" + std::string(version) +
                                                                  "): use a newer whisperstore");
    }
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

/// Begins a read transaction and makes it take its snapshot.
void hold_snapshot(sqlite::Connection& connection)
{
    connection.execute("BEGIN");
    static_cast<void>(connection.query_int("SELECT count(*) FROM sqlite_schema"));
}

/// A restore copies the encoding as well, and connections that are open would refuse to read from then
/// on. So does an attached database, also for a damaged mark that a first opening takes for UTF-8.
void check_encoding(sqlite::Connection& live, const std::filesystem::path& archive)
{
    sqlite::Statement attach = live.prepare_once("ATTACH ?1 AS archive");
    const std::string path = archive.string();
    attach.bind_text(1, path);
    try {
        attach.run();
    } catch (const StorageError& error) {
        if (!error.native_code().starts_with("SQLITE_ERROR"))
            throw;
        throw StorageError(StorageErrc::version_mismatch,
                           archive.string() + " cannot be read beside the database, whose text encoding is " +
                               live.query_text("PRAGMA encoding") + ": " + error.message());
    }
}

} // namespace

void mark_database(sqlite::Connection& connection)
{
    const bool is_ours = connection.query_int("PRAGMA application_id") == application_id;
    if (is_ours)
        check_format(connection);
    else if (!connection.options().read_only && connection.query_int("SELECT count(*) FROM sqlite_schema") == 0)
        set_number(connection, "application_id", application_id);
}

void write_archive(const sqlite::OpenOptions& live, const std::filesystem::path& archive, sqlite::Stopper& stopper)
{
    // Created first, so that it is never readable by others; VACUUM INTO accepts an empty file.
    sqlite::PartialFile partial(archive, live.backend);
    {
        sqlite::OpenOptions options = live;
        options.read_only = true;
        sqlite::Connection source(options);
        const sqlite::Stopper::Scope scope(stopper, source);
        vacuum_into(source, partial.path());
    }
    {
        sqlite::OpenOptions options = live;
        options.path = partial.path();
        options.read_only = false;
        options.archive = true;
        sqlite::Connection copy(options);
        const sqlite::Stopper::Scope scope(stopper, copy);
        set_number(copy, "application_id", application_id);
        set_number(copy, "user_version", archive_format);
        if (const std::string check = copy.query_text("PRAGMA quick_check(1)"); check != "ok")
            throw StorageError(StorageErrc::corrupt, "the copy does not pass its check: " + check);
    }
    partial.publish();
}

CheckedArchive check_archive(const std::filesystem::path& archive, const sqlite::OpenOptions& live,
                             sqlite::Stopper& stopper)
{
    std::error_code unknown; // told below
    if (std::filesystem::equivalent(archive, live.path, unknown))
        throw StorageError(StorageErrc::invalid_argument,
                           archive.string() + " is the database itself, not a backup of it");
    CheckedArchive checked;
    checked.connection = sqlite::open_for_check(archive, live.backend);
    {
        const sqlite::Stopper::Scope scope(stopper, *checked.connection);
        hold_snapshot(*checked.connection);
        if (checked.connection->query_int("PRAGMA application_id") != application_id)
            throw StorageError(StorageErrc::corrupt,
                               archive.string() + " is a SQLite file, but not a database backup of whisperstore");
        check_format(*checked.connection);
        sqlite::check_integrity(*checked.connection);
        check_schema_version(*checked.connection);
    }

    sqlite::OpenOptions reading = live;
    reading.read_only = true;
    sqlite::Connection beside(reading);
    check_encoding(beside, archive);
    const std::int64_t page_size = beside.query_int("PRAGMA main.page_size");
    if (checked.connection->query_int("PRAGMA page_size") == page_size)
        return checked;

    // A database in write-ahead logging keeps its page size, so the archive is rebuilt with it.
    checked.rebuilt = std::make_unique<sqlite::PartialFile>(live.path.string() + ".restore", live.backend);
    {
        const sqlite::Stopper::Scope scope(stopper, *checked.connection);
        checked.connection->execute("COMMIT"); // VACUUM has a snapshot of its own
        set_number(*checked.connection, "page_size", page_size);
        vacuum_into(*checked.connection, checked.rebuilt->path());
    }
    checked.connection = sqlite::open_for_check(checked.rebuilt->path(), live.backend);
    hold_snapshot(*checked.connection);
    return checked;
}

} // namespace whisperstore
