#include "conformance/database_conformance.hpp"

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
        return list;
    }();
    return backends;
}

} // namespace whisperstore::test
