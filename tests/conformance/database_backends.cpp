#include "conformance/database_conformance.hpp"
#include "conformance/decorated.hpp"

#include <whisperstore/database/sqlite_adapter.hpp>

namespace whisperstore::test {

const std::vector<DatabaseBackend>& database_backends()
{
    static const std::vector<DatabaseBackend> backends = [] {
        std::vector<DatabaseBackend> list;
        DatabaseBackend sqlite;
        sqlite.name = "sqlite";
        sqlite.make = [](const std::filesystem::path& directory) -> std::shared_ptr<AbstractDatabaseAdapter> {
            DatabaseConfig config;
            config.connection_string = "sqlite:///" + (directory / "database.db").string();
            config.transaction_idle_limit = std::chrono::milliseconds(400);
            return std::make_shared<SQLiteAdapter>(config);
        };
        sqlite.endless_query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        list.push_back(sqlite);

        DatabaseBackend decorated = sqlite;
        decorated.name = "sqlite_decorated";
        decorated.make = [make = sqlite.make](const std::filesystem::path& directory) {
            return decorate(make(directory), every_layer());
        };
        list.push_back(decorated);
        return list;
    }();
    return backends;
}

} // namespace whisperstore::test
