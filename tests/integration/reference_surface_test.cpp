// Every class, method, field and constant of the reference design that has landed, called once under
// the names it has there. What each of them must do is the matter of the other suites.

#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/cache/hybrid_conversation_cache.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>
#include <whisperstore/graph/mock_graph_database_manager.hpp>
#include <whisperstore/vector/local_qdrant_manager.hpp>
#include <whisperstore/whisperstore.hpp>

namespace whisperstore::test {
namespace {

std::vector<float> axis(std::size_t number)
{
    std::vector<float> vector(384);
    vector[number] = 1;
    return vector;
}

UniversalMessage message(std::int64_t id, std::string content)
{
    UniversalMessage out;
    out.message_id = id;
    out.channel_id = "test_channel";
    out.user_id = "test_user";
    out.username = "Test User";
    out.content = std::move(content);
    out.timestamp = parse_timestamp("2026-01-01T00:00:00Z") + std::chrono::seconds(id);
    return out;
}

class ReferenceSurface : public testing::Test
{
protected:
    DatabaseConfig database_config(const std::string& file = "database.db") const
    {
        DatabaseConfig config;
        config.type = "sqlite";
        config.connection_string = "sqlite:///" + (directory / file).string();
        config.pool_size = 2;
        config.backup_enabled = true;
        return config;
    }
    VectorDatabaseConfig vector_config(const std::string& folder = "vectors") const
    {
        VectorDatabaseConfig config;
        config.type = "local_qdrant";
        config.persist_directory = directory / folder;
        return config;
    }
    StorageConfiguration configuration(const std::string& name) const
    {
        ConfigOptions options;
        options.environment = EnvironmentMap();
        options.config_file = std::filesystem::path();
        options.data_dir = directory / name;
        options.laptop_defaults = LaptopDefaults::on;
        return AdaptiveConfigManager(std::move(options)).get_storage_configuration();
    }

    TestDirectory directory;
};

TEST_F(ReferenceSurface, DatabaseAdapter)
{
    const auto adapter = std::make_shared<SQLiteAdapter>(database_config());
    AbstractDatabaseAdapter& database = *adapter;
    run(database.connect());
    run(database.initialize());
    run(database.create_tables(WhisperEngineSchema::get_core_schema().render(SqlDialect::sqlite)));
    run(database.setup_schema(WhisperEngineSchema::get_core_schema()));
    EXPECT_EQ(database.database_type(), "sqlite");

    // The reference's own examples: names in the order of the placeholders.
    QueryResult result = run(database.execute_query("INSERT INTO users (user_id, username) VALUES (?, ?)",
                                                    params(arg("user_id", "test_user"), arg("username", "Test User"))));
    EXPECT_TRUE(result.success);
    result = run(database.execute_query("SELECT * FROM users WHERE user_id = ?", params(arg("user_id", "test_user"))));
    ASSERT_EQ(result.rows.size(), 1U);
    EXPECT_EQ(result.rows[0]["username"], "Test User");
    EXPECT_EQ(
        run(database.execute_transaction(queries(query("DELETE FROM facts"), query("DELETE FROM emotions")))).size(),
        2U);
    run(database.migrate_schema(std::vector<std::string>{"CREATE TABLE added (id INTEGER)"}));

    run(database.backup_database(directory / "backup"));
    run(database.execute_query("DELETE FROM users"));
    run(database.restore_database(directory / "backup"));
    EXPECT_EQ(run(database.execute_query("SELECT 1 FROM users")).row_count, 1);

    EXPECT_GE(run(database.get_pool_size()), 2U);
    EXPECT_TRUE(eventually([&] { return run(database.get_active_connections()) == 0; }));
    EXPECT_GT(run(database.get_avg_response_time()), 0.0);
    EXPECT_GT(run(database.get_query_count()), 0U);
    EXPECT_EQ(run(database.get_error_rate()), 0.0);
    run(database.disconnect());
}

TEST_F(ReferenceSurface, UnifiedSchema)
{
    const Schema& schema = WhisperEngineSchema::get_core_schema();
    for (const char* table : {"users", "conversations", "memory_entries", "emotions", "facts", "relationships",
                              "system_settings", "performance_metrics"})
        EXPECT_NE(schema.find(table), nullptr) << table;
}

TEST_F(ReferenceSurface, VectorDatabaseManager)
{
    const auto manager = std::make_shared<LocalQdrantManager>(vector_config());
    VectorDatabaseManager& vectors = *manager;
    run(vectors.initialize());
    json::object shape;
    shape["description"] = "User-specific conversation memories";
    shape["embedding_dimension"] = 384;
    shape["distance_metric"] = "cosine";
    run(vectors.create_collection("user_memories", shape));
    json::object metadata;
    metadata["user_id"] = "test_user";
    const std::vector<float> embedding = axis(7);
    run(vectors.store_document("user_memories", "doc", "content", embedding, metadata));

    const std::vector<SearchResult> found =
        run(vectors.search_similar("user_memories", embedding, 5, filter::eq("user_id", "test_user")));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].id, "doc");
    EXPECT_EQ(found[0].content, "content");
    EXPECT_EQ(found[0].metadata, metadata);
    EXPECT_NEAR(found[0].score, 1.0, 1e-6);

    const CollectionExport exported = run(vectors.export_collection("user_memories"));
    EXPECT_EQ(exported.metadata.embedding_dimension, 384U);
    ASSERT_EQ(exported.documents.size(), 1U);
    EXPECT_EQ(exported.documents[0].id, "doc");
    EXPECT_EQ(exported.documents[0].content, "content");
    EXPECT_EQ(exported.documents[0].embedding.size(), 384U);
    EXPECT_EQ(exported.documents[0].metadata, metadata);

    EXPECT_EQ(run(vectors.get_collection_stats("user_memories")).document_count, 1U);
    EXPECT_EQ(run(vectors.get_total_documents()), 1U);
    EXPECT_EQ(run(vectors.get_collections_count()), 1U);
    EXPECT_GT(run(vectors.get_avg_search_time()), 0.0);
    EXPECT_EQ(run(vectors.get_cache_hit_rate()), 0.0);
    run(vectors.backup_collections(directory / "backup"));
    EXPECT_TRUE(run(vectors.delete_document("user_memories", "doc")));
    run(vectors.restore_collections(directory / "backup"));
    EXPECT_EQ(run(vectors.get_total_documents()), 1U);
    run(vectors.cleanup());

    ASSERT_EQ(VECTOR_COLLECTIONS.size(), 3U);
    for (const auto& [name, config] : VECTOR_COLLECTIONS) {
        EXPECT_TRUE(name == "user_memories" || name == "global_facts" || name == "emotional_contexts") << name;
        EXPECT_FALSE(config.description.empty());
        EXPECT_EQ(config.embedding_dimension, 384U);
        EXPECT_EQ(config.distance_metric, "cosine");
    }
}

TEST_F(ReferenceSurface, ConversationCacheManager)
{
    const auto made = std::make_shared<HybridConversationCache>(15.0, std::size_t{50});
    ConversationCacheManager& cache = *made;
    run(cache.initialize());
    run(cache.add_message("test_channel", message(1, "Hello, world!")));
    run(cache.add_message("test_channel", message(2, "Bye.")));
    std::vector<CachedMessage> context = run(cache.get_conversation_context("test_channel", 5, 2));
    ASSERT_EQ(context.size(), 1U);
    EXPECT_EQ(context[0]->content, "Hello, world!");
    EXPECT_TRUE(run(cache.remove_message("test_channel", 2)));
    const json::object stats = run(cache.get_cache_stats()).to_json();
    for (const char* key : {"hit_rate", "cached_channels", "total_cached_messages", "memory_usage_mb"})
        EXPECT_TRUE(stats.contains(key)) << key;
    run(cache.clear_channel_cache("test_channel"));
    EXPECT_TRUE(run(cache.get_conversation_context("test_channel")).empty());
    run(cache.cleanup());
}

TEST_F(ReferenceSurface, CacheConfigs)
{
    const CacheConfig& desktop = CACHE_CONFIGS.at("desktop");
    EXPECT_EQ(desktop.timeout_minutes, 15);
    EXPECT_EQ(desktop.max_messages, 50U);
    EXPECT_EQ(desktop.bootstrap_limit, 20U);
    EXPECT_EQ(desktop.type, "memory");
    const CacheConfig& docker = CACHE_CONFIGS.at("docker");
    EXPECT_EQ(docker.timeout_minutes, 30);
    EXPECT_EQ(docker.max_messages, 100U);
    EXPECT_EQ(docker.bootstrap_limit, 50U);
    EXPECT_EQ(docker.type, "redis");
    EXPECT_EQ(docker.redis_host, "redis");
    EXPECT_EQ(docker.redis_port, 6379);
    const CacheConfig& kubernetes = CACHE_CONFIGS.at("kubernetes");
    EXPECT_EQ(kubernetes.timeout_minutes, 60);
    EXPECT_EQ(kubernetes.max_messages, 200U);
    EXPECT_EQ(kubernetes.bootstrap_limit, 100U);
    EXPECT_EQ(kubernetes.type, "redis_cluster");
    const std::vector<std::string> nodes{"redis-1:6379", "redis-2:6379", "redis-3:6379"};
    EXPECT_EQ(kubernetes.cluster_nodes, nodes);
}

TEST_F(ReferenceSurface, GraphDatabaseManager)
{
    const auto database = std::make_shared<SQLiteAdapter>(database_config());
    run(database->connect());
    const auto manager = std::make_shared<MockGraphDatabaseManager>(database);
    GraphDatabaseManager& graph = *manager;
    run(graph.initialize());
    json::object owned;
    owned["user_id"] = "test_user";
    run(graph.create_user_node("test_user", json::object()));
    run(graph.create_memory_node("memory", "likes tea", owned));
    run(graph.create_relationship("test_user", "memory", "REMEMBERS", json::object()));
    const std::vector<ConnectedMemory> found = run(graph.find_connected_memories("test_user", "tea", 3));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].content, "likes tea");
    EXPECT_EQ(run(graph.get_user_relationship_network("test_user")).edges.size(), 1U);
    run(graph.cleanup());
    run(database->disconnect());
}

TEST_F(ReferenceSurface, AdaptiveConfiguration)
{
    static_cast<void>(EnvironmentDetector::detect_environment());
    EXPECT_GT(EnvironmentDetector::detect_resources().memory_gb, 0.0);
    EXPECT_GT(EnvironmentDetector::detect_resources().cpu_cores, 0.0);

    ConfigOptions options;
    options.environment = EnvironmentMap{{"WHISPERENGINE_DATA_DIR", directory.path().string()}};
    options.config_file = std::filesystem::path();
    options.root = directory.path();
    const AdaptiveConfigManager manager(std::move(options));
    EXPECT_EQ(manager.environment(), Environment::desktop);
    EXPECT_GE(manager.resources().memory_gb, 0.0);
    EXPECT_EQ(manager.scale_tier(), determine_scale_tier(manager.environment(), manager.resources()));
    const StorageConfiguration& configuration = manager.get_storage_configuration();
    EXPECT_EQ(configuration.database.type, "sqlite");
    EXPECT_FALSE(configuration.database.connection_string.empty());
    EXPECT_EQ(configuration.database.pool_size, 2U);
    EXPECT_TRUE(configuration.database.backup_enabled);
    EXPECT_EQ(configuration.vector_database.type, "local_qdrant");
    EXPECT_FALSE(configuration.vector_database.persist_directory.empty());
    EXPECT_TRUE(configuration.vector_database.cluster_nodes.empty());
    EXPECT_EQ(configuration.cache.type, "memory");
    EXPECT_EQ(configuration.graph_database.type, "sqlite");
    EXPECT_EQ(configuration.scale_tier, 1);
    EXPECT_EQ(configuration.environment, Environment::desktop);
}

TEST_F(ReferenceSurface, EnvironmentVariables)
{
    for (const char* variable :
         {"WHISPERENGINE_DATABASE_TYPE", "WHISPERENGINE_VECTOR_DB_TYPE", "WHISPERENGINE_CACHE_TYPE",
          "WHISPERENGINE_GRAPH_DB_TYPE", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER",
          "POSTGRES_PASSWORD", "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD", "QDRANT_HOST", "CHROMADB_PORT",
          "NEO4J_HOST", "NEO4J_PORT", "NEO4J_USERNAME", "NEO4J_PASSWORD"})
        EXPECT_NE(find_setting(variable), nullptr) << variable;
}

TEST_F(ReferenceSurface, StorageManagerFactory)
{
    EXPECT_EQ(StorageManagerFactory::create_database_manager(database_config())->database_type(), "sqlite");
    EXPECT_EQ(StorageManagerFactory::create_vector_manager(vector_config())->vector_database_type(), "local_qdrant");
    EXPECT_EQ(StorageManagerFactory::create_cache_manager(CACHE_CONFIGS.at("desktop"))->cache_type(), "memory");
    DatabaseConfig unknown = database_config();
    unknown.type = "oracle";
    EXPECT_STORAGE_ERROR(StorageManagerFactory::create_database_manager(unknown), invalid_argument);
}

TEST_F(ReferenceSurface, StorageLayer)
{
    ConfigOptions options;
    options.data_dir = directory / "data";
    options.laptop_defaults = LaptopDefaults::on;
    const AdaptiveConfigManager config_manager(std::move(options));
    const std::shared_ptr<StorageLayer> storage = run(initialize_storage_layer(config_manager));
    EXPECT_EQ(run(storage->database().execute_query("SELECT 1 FROM users")).row_count, 0);
    EXPECT_EQ(run(storage->vector_db().get_collections_count()), 3U);
    EXPECT_TRUE(run(storage->cache().get_conversation_context("test_channel")).empty());
    EXPECT_EQ(run(storage->health()).status, HealthStatus::ok);
    run(storage->close());
}

TEST_F(ReferenceSurface, UnifiedBackupManager)
{
    const auto storage = run(initialize_storage_layer(configuration("data")));
    UnifiedBackupManager backup_manager;
    const BackupManifest manifest = run(backup_manager.create_full_backup(*storage, directory / "backup"));
    EXPECT_GT(manifest.timestamp, Timestamp());
    EXPECT_EQ(manifest.backup_path, directory / "backup");
    ASSERT_EQ(manifest.components.size(), 2U);
    EXPECT_EQ(manifest.components[0].type, "database");
    EXPECT_EQ(manifest.components[0].path, directory / "backup/database");
    EXPECT_EQ(manifest.components[1].type, "vector_db");
    EXPECT_EQ(manifest.components[1].path, directory / "backup/vector_db");
    const BackupManifest again = BackupManifest::from_dict(manifest.to_dict(), manifest.backup_path);
    EXPECT_EQ(again.components[1].sha256, manifest.components[1].sha256);
    EXPECT_TRUE(std::filesystem::exists(directory / "backup/backup_manifest.json"));
    run(backup_manager.restore_from_backup(directory / "backup", *storage));
    run(storage->close());
}

TEST_F(ReferenceSurface, StorageMigrationManager)
{
    const auto source = run(initialize_storage_layer(configuration("source")));
    const auto target = run(initialize_storage_layer(configuration("target")));
    run(source->database().execute_query("INSERT INTO users (user_id, username) VALUES ('test_user', 'Test User')"));
    run(source->vector_db().store_document("user_memories", "d1", "content", axis(0)));
    StorageMigrationManager migration_manager;
    EXPECT_TRUE(run(migration_manager.migrate_database(source->database(), target->database())).verified);
    EXPECT_TRUE(run(migration_manager.migrate_vector_database(source->vector_db(), target->vector_db())).verified);
    const QueryResult users = run(target->database().execute_query("SELECT username FROM users"));
    EXPECT_EQ(users.rows[0]["username"], "Test User");
    EXPECT_EQ(run(target->vector_db().count_documents("user_memories")), 1U);
    run(source->close());
    run(target->close());
}

TEST_F(ReferenceSurface, StorageMetricsCollector)
{
    const auto storage = run(initialize_storage_layer(configuration("data")));
    StorageMetricsCollector collector(*storage);
    const auto expect_keys = [](const json::object& metrics, std::initializer_list<const char*> keys) {
        for (const char* key : keys)
            EXPECT_TRUE(metrics.contains(key)) << key;
        EXPECT_EQ(metrics.size(), keys.size() + 1); // and "extended"
        EXPECT_TRUE(metrics.contains("extended"));
    };
    expect_keys(run(collector.collect_database_metrics()),
                {"connection_pool_size", "active_connections", "query_response_time_avg", "total_queries_executed",
                 "error_rate"});
    expect_keys(run(collector.collect_vector_metrics()),
                {"total_documents", "collections_count", "search_response_time_avg", "embedding_cache_hit_rate"});
    expect_keys(run(collector.collect_cache_metrics()),
                {"cache_hit_rate", "cached_channels", "total_cached_messages", "memory_usage_mb"});
    const json::object unified = run(collector.get_unified_metrics());
    for (const char* key : {"database", "vector_database", "cache", "timestamp"})
        EXPECT_TRUE(unified.contains(key)) << key;
    run(storage->close());
}

} // namespace
} // namespace whisperstore::test
