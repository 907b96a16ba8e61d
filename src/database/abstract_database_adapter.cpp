#include "database/archive/database_snapshot.hpp"
#include "database/migration_records.hpp"
#include "database/migration_script.hpp"

#include <whisperstore/core/version.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/database/schema_migrator.hpp>

namespace whisperstore {

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
        migrations.push_back(migration_of_script(std::move(script)));
    co_await migrate_schema(std::move(migrations), std::move(context));
}

awaitable<void> AbstractDatabaseAdapter::migrate_schema(std::vector<Migration> migrations, OperationContext context)
{
    SchemaMigrator migrator(*this, std::move(migrations), MigrationOrder::as_given);
    co_await migrator.apply(SchemaMigrationOptions(), std::move(context));
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
