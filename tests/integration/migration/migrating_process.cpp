// Migrates a database for a test that may kill it meanwhile:
//
//   migrating_process SOURCE_URL TARGET_URL refuse|replace|merge
//
// Prints "begin" before it reads the source, "copied" when the target has everything, then its report as a line of
// JSON; or "error" and the code of a StorageError.

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/database/postgresql_adapter.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>
#include <whisperstore/migration/storage_migration_manager.hpp>

#include <iostream>
#include <memory>
#include <string>

namespace {

using namespace whisperstore;

std::shared_ptr<AbstractDatabaseAdapter> open(const std::string& url)
{
    DatabaseConfig config;
    config.connection_string = url;
    config.type = url.starts_with("sqlite") ? "sqlite" : "postgresql";
    std::shared_ptr<AbstractDatabaseAdapter> adapter;
    if (config.type == "sqlite")
        adapter = std::make_shared<SQLiteAdapter>(config);
    else
        adapter = std::make_shared<PostgreSQLAdapter>(config);
    blocking::run(adapter->connect());
    return adapter;
}

ExistingData existing_of(const std::string& word)
{
    if (word == "merge")
        return ExistingData::merge;
    return word == "replace" ? ExistingData::replace : ExistingData::refuse;
}

} // namespace

int main(int count, char** arguments)
{
    if (count != 4)
        return 2;
    try {
        const auto source = open(arguments[1]);
        const auto target = open(arguments[2]);
        MigrationOptions options;
        options.existing = existing_of(arguments[3]);
        bool copied = false;
        options.progress = [&](const MigrationProgress& progress) {
            if (progress.phase == "verify" && !std::exchange(copied, true))
                std::cout << "copied" << std::endl;
        };
        std::cout << "begin" << std::endl;
        StorageMigrationManager manager;
        const MigrationReport report = blocking::run(manager.migrate_database(*source, *target, options));
        std::cout << json::serialize(report.to_json()) << std::endl;
        return 0;
    } catch (const StorageError& error) {
        std::cout << "error " << to_string(error.errc()) << std::endl;
        std::cerr << error.what() << '\n';
        return 1;
    }
}
