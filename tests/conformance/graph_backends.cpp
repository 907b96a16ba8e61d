#include "conformance/decorated.hpp"
#include "conformance/graph_conformance.hpp"

#include <whisperstore/graph/mock_graph_database_manager.hpp>

#ifdef WHISPERSTORE_TEST_SQLITE
#include <whisperstore/database/sqlite_adapter.hpp>
#endif
#ifdef WHISPERSTORE_TEST_POSTGRESQL
#include "servers/postgresql_servers.hpp"

#include <whisperstore/database/postgresql_adapter.hpp>

#endif
#ifdef WHISPERSTORE_TEST_NEO4J
#include "servers/neo4j_servers.hpp"

#include <whisperstore/graph/neo4j_graph_database_manager.hpp>
#endif

#include <map>
#include <mutex>

namespace whisperstore::test {

namespace {

#ifdef WHISPERSTORE_TEST_SQLITE
GraphBackend sqlite()
{
    GraphBackend backend;
    backend.name = "sqlite";
    backend.make = [](const std::filesystem::path& directory) -> std::shared_ptr<GraphDatabaseManager> {
        DatabaseConfig config;
        config.connection_string = "sqlite:///" + (directory / "database.db").string();
        auto database = std::make_shared<SQLiteAdapter>(config);
        run(database->connect());
        return std::make_shared<MockGraphDatabaseManager>(database);
    };
    return backend;
}
#endif

#ifdef WHISPERSTORE_TEST_POSTGRESQL
/// The database that stands for a directory.
std::shared_ptr<const TestDatabase> database_of(const std::filesystem::path& directory)
{
    static std::mutex mutex;
    static std::map<std::filesystem::path, std::weak_ptr<const TestDatabase>> databases;
    const std::lock_guard lock(mutex);
    std::shared_ptr<const TestDatabase> database = databases[directory].lock();
    if (!database) {
        database = std::make_shared<const TestDatabase>();
        databases[directory] = database;
    }
    return database;
}

GraphBackend postgresql()
{
    GraphBackend backend;
    backend.name = "postgresql";
    backend.place = database_of;
    backend.make = [](const std::filesystem::path& directory) -> std::shared_ptr<GraphDatabaseManager> {
        DatabaseConfig config;
        config.type = "postgresql";
        config.connection_string = database_of(directory)->url().to_string();
        config.pool_size = 4;
        auto database = std::make_shared<PostgreSQLAdapter>(config);
        run(database->connect());
        return std::make_shared<MockGraphDatabaseManager>(database);
    };
    return backend;
}
#endif

#ifdef WHISPERSTORE_TEST_NEO4J
/// The namespace that stands for a directory; for this process only, for other runs may get the same directories.
std::string namespace_of(const std::filesystem::path& directory)
{
    static std::mutex mutex;
    static std::map<std::filesystem::path, std::string> names;
    const std::lock_guard lock(mutex);
    return names.try_emplace(directory, unique_graph_name()).first->second;
}

GraphBackend neo4j()
{
    GraphBackend backend;
    backend.name = "neo4j";
    backend.make = [](const std::filesystem::path& directory) -> std::shared_ptr<GraphDatabaseManager> {
        const Neo4jAddress server = neo4j_address();
        GraphDatabaseConfig config;
        config.type = "neo4j";
        config.uri = server.uri();
        config.username = server.username;
        config.password = server.password;
        config.graph_namespace = namespace_of(directory);
        return std::make_shared<Neo4jGraphDatabaseManager>(config);
    };
    return backend;
}
#endif

GraphBackend decorated(const GraphBackend& backend)
{
    GraphBackend made = backend;
    made.name += "_decorated";
    made.make = [make = backend.make](const std::filesystem::path& directory) {
        return decorate(make(directory), every_layer());
    };
    return made;
}

} // namespace

const std::vector<GraphBackend>& graph_backends()
{
    static const std::vector<GraphBackend> backends = [] {
        std::vector<GraphBackend> list;
#ifdef WHISPERSTORE_TEST_SQLITE
        list.push_back(sqlite());
        list.push_back(decorated(sqlite()));
#endif
#ifdef WHISPERSTORE_TEST_POSTGRESQL
        list.push_back(postgresql());
#endif
#ifdef WHISPERSTORE_TEST_NEO4J
        list.push_back(neo4j());
        list.push_back(decorated(neo4j()));
#endif
        return list;
    }();
    return backends;
}

} // namespace whisperstore::test
