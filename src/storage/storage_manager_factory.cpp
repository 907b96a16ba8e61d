#include <whisperstore/core/error.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>

#if defined(WHISPERSTORE_HAS_SQLITE)
#include <whisperstore/database/sqlite_adapter.hpp>
#endif
#if defined(WHISPERSTORE_HAS_POSTGRESQL)
#include <whisperstore/database/postgresql_adapter.hpp>
#include <whisperstore/database/postgresql_cluster_adapter.hpp>
#endif
#if defined(WHISPERSTORE_HAS_QDRANT)
#include <whisperstore/vector/distributed_qdrant_manager.hpp>
#include <whisperstore/vector/http_qdrant_manager.hpp>
#endif
#if defined(WHISPERSTORE_HAS_CHROMADB)
#include <whisperstore/vector/distributed_chromadb_manager.hpp>
#include <whisperstore/vector/http_chromadb_manager.hpp>
#include <whisperstore/vector/local_chromadb_manager.hpp>
#endif
#if defined(WHISPERSTORE_HAS_LOCAL_QDRANT)
#include <whisperstore/vector/local_qdrant_manager.hpp>
#endif
#if defined(WHISPERSTORE_HAS_MEMORY_CACHE)
#include <whisperstore/cache/hybrid_conversation_cache.hpp>
#endif
#if defined(WHISPERSTORE_HAS_REDIS)
#include <whisperstore/cache/redis_cluster_conversation_cache.hpp>
#include <whisperstore/cache/redis_conversation_cache.hpp>
#endif
#if defined(WHISPERSTORE_HAS_LOCAL_EMBEDDING)
#include <whisperstore/embedding/local_embedding_provider.hpp>
#endif
#if defined(WHISPERSTORE_HAS_OPENAI_EMBEDDING)
#include <whisperstore/embedding/openai_embedding_provider.hpp>
#endif
#if defined(WHISPERSTORE_HAS_NEO4J)
#include <whisperstore/graph/neo4j_cluster_graph_database_manager.hpp>
#include <whisperstore/graph/neo4j_graph_database_manager.hpp>
#endif
#include <whisperstore/embedding/cached_embedding_provider.hpp>
#include <whisperstore/graph/mock_graph_database_manager.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <string_view>

namespace whisperstore {

namespace {

// Types that the configuration knows, so that one missing from this build is told from a typing error.
constexpr std::array<std::string_view, 3> database_types{"sqlite", "postgresql", "postgresql_cluster"};
constexpr std::array<std::string_view, 6> vector_types{"local_qdrant",   "http_qdrant",   "distributed_qdrant",
                                                       "local_chromadb", "http_chromadb", "distributed_chromadb"};
constexpr std::array<std::string_view, 3> cache_types{"memory", "redis", "redis_cluster"};
constexpr std::array<std::string_view, 5> graph_types{"sqlite", "disabled", "neo4j", "neo4j_cluster", "none"};
constexpr std::array<std::string_view, 3> embedding_types{"local", "openai", "none"};

[[noreturn]] void refuse(std::string_view what, const std::string& type, std::span<const std::string_view> known,
                         const std::vector<std::string>& supported, std::string_view variable)
{
    std::string list;
    for (const std::string& name : supported)
        list += (list.empty() ? "" : ", ") + name;
    const bool is_known = std::find(known.begin(), known.end(), type) != known.end();
    throw StorageError(is_known ? StorageErrc::unsupported : StorageErrc::invalid_argument,
                       "the " + std::string(what) + " type '" + type + "' is " +
                           (is_known ? "not part of this build" : "unknown") + "; supported is " +
                           (list.empty() ? "none" : list) + " (" + std::string(variable) + ")");
}

} // namespace

std::vector<std::string> StorageManagerFactory::supported_database_types()
{
    std::vector<std::string> types;
#if defined(WHISPERSTORE_HAS_SQLITE)
    types.emplace_back("sqlite");
#endif
#if defined(WHISPERSTORE_HAS_POSTGRESQL)
    types.emplace_back("postgresql");
    types.emplace_back("postgresql_cluster");
#endif
    return types;
}

std::vector<std::string> StorageManagerFactory::supported_vector_types()
{
    std::vector<std::string> types;
#if defined(WHISPERSTORE_HAS_LOCAL_QDRANT)
    types.emplace_back("local_qdrant");
#endif
#if defined(WHISPERSTORE_HAS_QDRANT)
    types.emplace_back("http_qdrant");
    types.emplace_back("distributed_qdrant");
#endif
#if defined(WHISPERSTORE_HAS_CHROMADB)
    types.emplace_back("local_chromadb");
    types.emplace_back("http_chromadb");
    types.emplace_back("distributed_chromadb");
#endif
    return types;
}

std::vector<std::string> StorageManagerFactory::supported_cache_types()
{
    std::vector<std::string> types;
#if defined(WHISPERSTORE_HAS_MEMORY_CACHE)
    types.emplace_back("memory");
#endif
#if defined(WHISPERSTORE_HAS_REDIS)
    types.emplace_back("redis");
    types.emplace_back("redis_cluster");
#endif
    return types;
}

std::vector<std::string> StorageManagerFactory::supported_embedding_types()
{
    std::vector<std::string> types;
#if defined(WHISPERSTORE_HAS_LOCAL_EMBEDDING)
    types.emplace_back("local");
#endif
#if defined(WHISPERSTORE_HAS_OPENAI_EMBEDDING)
    types.emplace_back("openai");
#endif
    types.emplace_back("none");
    return types;
}

std::vector<std::string> StorageManagerFactory::supported_graph_types()
{
    std::vector<std::string> types{"sqlite", "disabled"};
#if defined(WHISPERSTORE_HAS_NEO4J)
    types.emplace_back("neo4j");
    types.emplace_back("neo4j_cluster");
#endif
    types.emplace_back("none");
    return types;
}

std::shared_ptr<AbstractDatabaseAdapter> StorageManagerFactory::create_database_manager(DatabaseConfig config,
                                                                                        [[maybe_unused]] Logger logger)
{
#if defined(WHISPERSTORE_HAS_SQLITE)
    if (config.type == "sqlite")
        return std::make_shared<SQLiteAdapter>(std::move(config));
#endif
#if defined(WHISPERSTORE_HAS_POSTGRESQL)
    if (config.type == "postgresql")
        return std::make_shared<PostgreSQLAdapter>(std::move(config), std::move(logger));
    if (config.type == "postgresql_cluster")
        return std::make_shared<PostgreSQLClusterAdapter>(std::move(config), std::move(logger));
#endif
    refuse("database", config.type, database_types, supported_database_types(), "WHISPERENGINE_DATABASE_TYPE");
}

std::shared_ptr<VectorDatabaseManager> StorageManagerFactory::create_vector_manager(VectorDatabaseConfig config)
{
#if defined(WHISPERSTORE_HAS_LOCAL_QDRANT)
    if (config.type == "local_qdrant")
        return std::make_shared<LocalQdrantManager>(std::move(config));
#endif
#if defined(WHISPERSTORE_HAS_QDRANT)
    if (config.type == "http_qdrant")
        return std::make_shared<HTTPQdrantManager>(std::move(config));
    if (config.type == "distributed_qdrant")
        return std::make_shared<DistributedQdrantManager>(std::move(config));
#endif
#if defined(WHISPERSTORE_HAS_CHROMADB)
    if (config.type == "local_chromadb")
        return std::make_shared<LocalChromaDBManager>(std::move(config));
    if (config.type == "http_chromadb")
        return std::make_shared<HTTPChromaDBManager>(std::move(config));
    if (config.type == "distributed_chromadb")
        return std::make_shared<DistributedChromaDBManager>(std::move(config));
#endif
    refuse("vector database", config.type, vector_types, supported_vector_types(), "WHISPERENGINE_VECTOR_DB_TYPE");
}

std::shared_ptr<ConversationCacheManager> StorageManagerFactory::create_cache_manager(CacheConfig config)
{
#if defined(WHISPERSTORE_HAS_MEMORY_CACHE)
    if (config.type == "memory")
        return std::make_shared<HybridConversationCache>(std::move(config));
#endif
#if defined(WHISPERSTORE_HAS_REDIS)
    if (config.type == "redis")
        return std::make_shared<RedisConversationCache>(std::move(config));
    if (config.type == "redis_cluster")
        return std::make_shared<RedisClusterConversationCache>(std::move(config));
#endif
    refuse("cache", config.type, cache_types, supported_cache_types(), "WHISPERENGINE_CACHE_TYPE");
}

std::shared_ptr<GraphDatabaseManager> StorageManagerFactory::create_graph_manager(
    GraphDatabaseConfig config, std::shared_ptr<AbstractDatabaseAdapter> database, [[maybe_unused]] Logger logger)
{
    if (config.type == "none")
        return nullptr;
    if (config.type == "sqlite" || config.type == "disabled") {
        if (!database)
            throw StorageError(StorageErrc::invalid_argument,
                               "the graph type '" + config.type + "' keeps its nodes in a database: pass one");
        return std::make_shared<MockGraphDatabaseManager>(std::move(database));
    }
#if defined(WHISPERSTORE_HAS_NEO4J)
    if (config.type == "neo4j")
        return std::make_shared<Neo4jGraphDatabaseManager>(std::move(config), std::move(logger));
    if (config.type == "neo4j_cluster")
        return std::make_shared<Neo4jClusterGraphDatabaseManager>(std::move(config), std::move(logger));
#endif
    refuse("graph", config.type, graph_types, supported_graph_types(), "WHISPERENGINE_GRAPH_DB_TYPE");
}

std::shared_ptr<EmbeddingProvider> StorageManagerFactory::create_embedding_provider(EmbeddingConfig config,
                                                                                    bool read_only)
{
    if (config.type == "none")
        return nullptr;
    std::shared_ptr<EmbeddingProvider> provider;
#if defined(WHISPERSTORE_HAS_LOCAL_EMBEDDING)
    if (config.type == "local")
        provider = std::make_shared<LocalEmbeddingProvider>(config);
#endif
#if defined(WHISPERSTORE_HAS_OPENAI_EMBEDDING)
    if (config.type == "openai")
        provider = std::make_shared<OpenAIEmbeddingProvider>(config);
#endif
    if (!provider)
        refuse("embedding", config.type, embedding_types, supported_embedding_types(), "WHISPERENGINE_EMBEDDING_TYPE");
    EmbeddingCacheOptions cache;
    cache.entries = config.cache_entries;
    cache.file = config.cache_file;
    cache.file_entries = config.cache_file_entries;
    cache.read_only = read_only;
    return std::make_shared<CachedEmbeddingProvider>(std::move(provider), std::move(cache));
}

} // namespace whisperstore
