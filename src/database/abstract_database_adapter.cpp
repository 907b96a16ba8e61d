#include "core/hash.hpp"
#include "database/archive/database_snapshot.hpp"

#include <whisperstore/core/version.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>

namespace whisperstore {

namespace {

constexpr std::string_view header = "-- version:";

std::string_view trim(std::string_view text) noexcept
{
    constexpr std::string_view space = " \t\r";
    const std::size_t begin = text.find_first_not_of(space);
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

Query migration_record(const Migration& migration, const std::string& checksum, std::int64_t milliseconds)
{
    return query(
        "INSERT INTO schema_migrations (version, name, checksum, applied_at, execution_time_ms) "
        "VALUES (?, ?, ?, ?, ?)",
        params(arg(migration.version), arg(migration.name), arg(checksum), arg(timestamp(now())), arg(milliseconds)));
}

Query migration_probe(const std::string& version)
{
    return query("SELECT checksum, name FROM schema_migrations WHERE version = ?", params(arg(version)));
}

TableDefinitions migrations_table(SqlDialect dialect)
{
    TableDefinitions table;
    for (auto& definition : WhisperEngineSchema::get_core_schema().render(dialect))
        if (definition.first == "schema_migrations")
            table.push_back(std::move(definition));
    return table;
}

Migration from_script(std::string script)
{
    Migration migration;
    const std::string_view first = std::string_view(script).substr(0, script.find('\n'));
    if (first.starts_with(header)) {
        const std::string_view facts = trim(first.substr(header.size()));
        const std::size_t end = std::min(facts.find_first_of(" \t"), facts.size());
        migration.version = facts.substr(0, end);
        migration.name = trim(facts.substr(end));
        if (migration.version.empty())
            throw StorageError(
                StorageErrc::invalid_argument,
                "a migration script begins with '-- version:' but names none; write '-- version: 3 add topics'");
    }
    migration.script = std::move(script);
    return migration;
}

} // namespace

awaitable<void> AbstractDatabaseAdapter::setup_schema(Schema schema, OperationContext context)
{
    // Versions of one schema are rows "whisperengine_core.<n>" of schema_migrations.
    const std::string prefix = schema.name + ".";
    TableDefinitions table = migrations_table(dialect());
    co_await create_tables(std::move(table), context);
    const QueryResult known =
        co_await execute_query("SELECT version, checksum FROM schema_migrations", Parameters(), context);
    const std::string checksum = schema.checksum();
    const Version ours = Version::parse(std::to_string(schema.version));
    bool recorded = false;
    for (const Row& row : known) {
        if (!row["version"].as_text().starts_with(prefix))
            continue; // a migration of the application
        // Numbers, not texts: 10 comes after 9.
        const Version version = Version::parse(row["version"].as_text().substr(prefix.size()));
        if (version > ours)
            throw StorageError(StorageErrc::version_mismatch,
                               "the database holds version " + version.text() + " of the schema " + schema.name +
                                   ", this program knows " + ours.text() + ": use a newer whisperstore")
                .within(database_type(), "setup_schema");
        if (version == ours) {
            if (row["checksum"] != std::string_view(checksum))
                throw StorageError(StorageErrc::version_mismatch, "the schema " + schema.name +
                                                                      " differs from the one recorded under version " +
                                                                      version.text())
                    .within(database_type(), "setup_schema");
            recorded = true;
        }
    }
    TableDefinitions definitions = schema.render(dialect());
    co_await create_tables(std::move(definitions), context);
    if (recorded)
        co_return;
    Parameters values =
        params(arg(prefix + std::to_string(schema.version)), arg(schema.name), arg(checksum), arg(timestamp(now())));
    co_await execute_query("INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?) "
                           "ON CONFLICT (version) DO NOTHING",
                           std::move(values), context);
}

awaitable<void> AbstractDatabaseAdapter::migrate_schema(std::vector<std::string> migration_scripts,
                                                        OperationContext context)
{
    std::vector<Migration> migrations;
    migrations.reserve(migration_scripts.size());
    for (std::string& script : migration_scripts)
        migrations.push_back(from_script(std::move(script)));
    co_await migrate_schema(std::move(migrations), std::move(context));
}

awaitable<void> AbstractDatabaseAdapter::migrate_schema(std::vector<Migration> migrations, OperationContext context)
{
    TableDefinitions table = migrations_table(dialect());
    co_await create_tables(std::move(table), context);
    for (Migration& migration : migrations) {
        const std::string checksum = sha256_hex(migration.script);
        if (migration.version.empty())
            migration.version = "sha256:" + checksum.substr(0, 16);
        Query probe = migration_probe(migration.version);
        const QueryResult applied = co_await execute_query(probe.sql, probe.params, context);
        if (applied.row_count > 0) {
            if (applied.rows[0]["checksum"] != std::string_view(checksum))
                throw StorageError(StorageErrc::version_mismatch,
                                   "migration " + migration.version +
                                       " was applied with another script; give a changed script a new version")
                    .within(database_type(), "migrate_schema");
            continue;
        }
        std::function<Query(std::int64_t)> record = [&migration, &checksum](std::int64_t milliseconds) {
            return migration_record(migration, checksum, milliseconds);
        };
        try {
            co_await run_script(migration.script, std::move(probe), std::move(record), context);
        } catch (const StorageError& error) {
            throw error.prefixed("migration " + migration.version + ": ").within(database_type(), "migrate_schema");
        }
    }
}

awaitable<std::shared_ptr<DatabaseSnapshot>> AbstractDatabaseAdapter::open_snapshot(OperationContext)
{
    throw StorageError(StorageErrc::unsupported, "this database gives no snapshots to move")
        .within(database_type(), "open_snapshot");
    co_return nullptr;
}

awaitable<void> AbstractDatabaseAdapter::load_snapshot(std::shared_ptr<DatabaseSnapshot>, LoadOptions, OperationContext)
{
    throw StorageError(StorageErrc::unsupported, "this database takes no snapshots")
        .within(database_type(), "load_snapshot");
    co_return;
}

} // namespace whisperstore
