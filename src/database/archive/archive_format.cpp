#include "database/archive/archive_format.hpp"

#include "database/archive/archive_indexes.hpp"
#include "database/archive/sqlite_catalog.hpp"

#include <whisperstore/core/version.hpp>
#include <whisperstore/database/schema.hpp>

namespace whisperstore::archive {

namespace {

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

} // namespace

bool is_of_archive(std::string_view name) noexcept { return name == definitions_table || name == index_list; }

void mark(sqlite::Connection& connection)
{
    connection.execute("PRAGMA application_id=" + std::to_string(application_id));
    const std::int64_t version = has_table(connection, index_list) ? format_with_index_list : format;
    connection.execute("PRAGMA user_version=" + std::to_string(version));
}

void check_format(sqlite::Connection& connection)
{
    if (connection.query_int("PRAGMA user_version") > format_with_index_list)
        throw StorageError(StorageErrc::version_mismatch,
                           connection.options().path.string() + " was written by a newer whisperstore: use that one");
}

void hold_snapshot(sqlite::Connection& connection)
{
    connection.execute("BEGIN");
    static_cast<void>(connection.query_int("SELECT count(*) FROM sqlite_schema"));
}

void check_content(sqlite::Connection& connection)
{
    if (connection.query_int("PRAGMA application_id") != application_id)
        throw StorageError(StorageErrc::corrupt, connection.options().path.string() +
                                                     " is a SQLite file, but not a database backup of whisperstore");
    check_format(connection);
    sqlite::check_integrity(connection);
    check_schema_version(connection);
    if (has_index_list(connection))
        read_tables(connection); // which looks at the list
}

bool has_table(sqlite::Connection& connection, std::string_view name)
{
    sqlite::Statement found =
        connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE");
    found.bind_text(1, name);
    return found.step();
}

bool has_definitions(sqlite::Connection& connection) { return has_table(connection, definitions_table); }

} // namespace whisperstore::archive
