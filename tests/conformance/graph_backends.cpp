#include "conformance/decorated.hpp"
#include "conformance/graph_conformance.hpp"

#include <whisperstore/database/sqlite_adapter.hpp>
#include <whisperstore/graph/mock_graph_database_manager.hpp>

namespace whisperstore::test {

const std::vector<GraphBackend>& graph_backends()
{
    static const std::vector<GraphBackend> backends = [] {
        std::vector<GraphBackend> list;
        GraphBackend sqlite;
        sqlite.name = "sqlite";
        sqlite.make = [](const std::filesystem::path& directory) -> std::shared_ptr<GraphDatabaseManager> {
            DatabaseConfig config;
            config.connection_string = "sqlite:///" + (directory / "database.db").string();
            auto database = std::make_shared<SQLiteAdapter>(config);
            run(database->connect());
            return std::make_shared<MockGraphDatabaseManager>(database);
        };
        list.push_back(sqlite);

        GraphBackend decorated = sqlite;
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
