// Type names become classes; what this build does not contain is told from what nobody knows. Runs in
// every build, also in one without some backends.
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>

#include <algorithm>
#include <functional>

namespace whisperstore::test {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

class Factory : public testing::Test
{
protected:
    /// `create(type)` gives a manager that calls itself `type` when that is among `supported`, else the
    /// error says that it is not part of this build, and what is.
    void expect_types(const std::vector<std::string>& types, const std::vector<std::string>& supported,
                      const std::function<std::string(const std::string& type)>& create, const std::string& variable)
    {
        for (const std::string& type : types) {
            if (contains(supported, type)) {
                EXPECT_EQ(create(type), type);
                continue;
            }
            const StorageError error = error_of([&] { create(type); });
            EXPECT_EQ(error.errc(), StorageErrc::unsupported) << type;
            expect_list(error, supported, variable);
        }
        for (const char* type : {"", "unheard-of", "SQLite"}) {
            const StorageError error = error_of([&] { create(type); });
            EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << type;
            expect_list(error, supported, variable);
        }
    }

    static void expect_list(const StorageError& error, const std::vector<std::string>& supported,
                            const std::string& variable)
    {
        const std::string message = error.what();
        EXPECT_NE(message.find("supported is "), std::string::npos) << message;
        EXPECT_NE(message.find(variable), std::string::npos) << message;
        for (const std::string& name : supported)
            EXPECT_NE(message.find(name), std::string::npos) << message;
        EXPECT_EQ(message.find("supported is none") != std::string::npos, supported.empty()) << message;
    }

    TestDirectory directory;
};

TEST_F(Factory, DatabaseTypes)
{
    expect_types(
        {"sqlite", "postgresql", "postgresql_cluster"}, StorageManagerFactory::supported_database_types(),
        [&](const std::string& type) {
            DatabaseConfig config;
            config.type = type;
            config.connection_string = type == "sqlite" ? "sqlite:///" + (directory / "database.db").string()
                                                        : "postgresql://user:secret@localhost/db";
            return std::string(StorageManagerFactory::create_database_manager(config)->database_type());
        },
        "WHISPERENGINE_DATABASE_TYPE");
}

TEST_F(Factory, VectorTypes)
{
    expect_types(
        {"local_qdrant", "http_qdrant", "distributed_qdrant", "local_chromadb", "http_chromadb",
         "distributed_chromadb"},
        StorageManagerFactory::supported_vector_types(),
        [&](const std::string& type) {
            VectorDatabaseConfig config;
            config.type = type;
            config.persist_directory = directory / "vectors";
            return std::string(StorageManagerFactory::create_vector_manager(config)->vector_database_type());
        },
        "WHISPERENGINE_VECTOR_DB_TYPE");
}

TEST_F(Factory, CacheTypes)
{
    expect_types(
        {"memory", "redis", "redis_cluster"}, StorageManagerFactory::supported_cache_types(),
        [](const std::string& type) {
            CacheConfig config;
            config.type = type;
            config.redis_host = "localhost"; // does not connect
            return std::string(StorageManagerFactory::create_cache_manager(config)->cache_type());
        },
        "WHISPERENGINE_CACHE_TYPE");
}

TEST_F(Factory, GraphTypes)
{
    GraphDatabaseConfig config;
    config.type = "none";
    EXPECT_EQ(StorageManagerFactory::create_graph_manager(config, nullptr), nullptr);
    for (const char* type : {"sqlite", "disabled"}) {
        config.type = type;
        EXPECT_STORAGE_ERROR(StorageManagerFactory::create_graph_manager(config, nullptr), invalid_argument);
    }
    for (const char* type : {"neo4j", "neo4j_cluster"}) {
        config.type = type;
        const StorageError error = error_of([&] { StorageManagerFactory::create_graph_manager(config, nullptr); });
        EXPECT_EQ(error.errc(), StorageErrc::unsupported);
        expect_list(error, StorageManagerFactory::supported_graph_types(), "WHISPERENGINE_GRAPH_DB_TYPE");
    }
    config.type = "unheard-of";
    EXPECT_STORAGE_ERROR(StorageManagerFactory::create_graph_manager(config, nullptr), invalid_argument);
}

TEST_F(Factory, TheFallbackGraphIsOfAnyDatabase)
{
    if (!contains(StorageManagerFactory::supported_database_types(), "sqlite"))
        GTEST_SKIP() << "this build has no database";
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + (directory / "database.db").string();
    const auto database = StorageManagerFactory::create_database_manager(config);
    for (const char* type : {"sqlite", "disabled"}) {
        GraphDatabaseConfig graph;
        graph.type = type;
        EXPECT_EQ(StorageManagerFactory::create_graph_manager(graph, database)->graph_database_type(), "sqlite");
    }
}

TEST_F(Factory, WrongSettingsOfAKnownType)
{
    if (contains(StorageManagerFactory::supported_database_types(), "sqlite")) {
        DatabaseConfig config;
        config.connection_string = "postgresql://somewhere/else";
        EXPECT_STORAGE_ERROR(StorageManagerFactory::create_database_manager(config), invalid_argument);
    }
    if (contains(StorageManagerFactory::supported_cache_types(), "memory")) {
        CacheConfig config;
        config.timeout_minutes = -1;
        EXPECT_STORAGE_ERROR(StorageManagerFactory::create_cache_manager(config), invalid_argument);
    }
}

TEST_F(Factory, AStorageLayerOfAMissingTypeSaysSo)
{
    StorageConfiguration configuration;
    configuration.database.connection_string = "sqlite:///" + (directory / "database.db").string();
    configuration.vector_database.persist_directory = directory / "vectors";
    configuration.graph_database.type = "neo4j";
    configuration.graph_database.uri = "bolt://user:secret@localhost:7687";
    const StorageError error = error_of([&] { run(initialize_storage_layer(configuration)); });
    EXPECT_EQ(error.errc(), StorageErrc::unsupported);
    EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
}

TEST_F(Factory, AServerThatIsNotThereIsToldWithWhatToDo)
{
    if (!contains(StorageManagerFactory::supported_database_types(), "postgresql"))
        GTEST_SKIP();
    for (const std::string type : {"postgresql", "postgresql_cluster"}) {
        StorageConfiguration configuration;
        configuration.vector_database.persist_directory = directory / "vectors";
        configuration.database.type = type;
        // Nobody listens on the port that is for nobody (TCP's discard).
        configuration.database.connection_string = "postgresql://whisper:secret@127.0.0.1:9/db?connect_timeout=2";
        const StorageError error = error_of([&] { run(initialize_storage_layer(configuration)); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable) << error.what();
        const std::string message = error.what();
        for (const char* part : {"postgresql", "127.0.0.1:9", "user whisper", "is the server running?", "POSTGRES_HOST",
                                 "WHISPERENGINE_DATABASE_TYPE=sqlite"})
            EXPECT_NE(message.find(part), std::string::npos) << message;
        EXPECT_EQ(message.find("secret"), std::string::npos);
    }
}

} // namespace
} // namespace whisperstore::test
