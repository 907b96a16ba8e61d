#pragma once
/// \file
/// The only place that turns a configured type name into a class.

#include <whisperstore/cache/cache_config.hpp>
#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/core/log.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/database/database_config.hpp>
#include <whisperstore/embedding/embedding_config.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>
#include <whisperstore/graph/graph_database_config.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/vector/vector_database_config.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <memory>
#include <string>
#include <vector>

namespace whisperstore {

/// Creates storage managers based on configuration; none of them is connected yet.
///
/// A type that this build does not contain is `unsupported`, any other unknown type
/// `invalid_argument`; both messages list what is supported. Wrong settings of a known type are
/// `invalid_argument`.
class StorageManagerFactory
{
public:
    /// \param logger of adapters that have something to tell: PostgreSQL's notices, changes of a cluster
    static std::shared_ptr<AbstractDatabaseAdapter> create_database_manager(DatabaseConfig config,
                                                                            Logger logger = Logger());
    static std::shared_ptr<VectorDatabaseManager> create_vector_manager(VectorDatabaseConfig config);
    static std::shared_ptr<ConversationCacheManager> create_cache_manager(CacheConfig config);
    /// \param database where type `sqlite` (alias `disabled`) keeps nodes and relationships; \returns null for `none`.
    /// \param logger of managers that have something to tell: connections to Neo4j that break, leaders that change
    static std::shared_ptr<GraphDatabaseManager> create_graph_manager(GraphDatabaseConfig config,
                                                                      std::shared_ptr<AbstractDatabaseAdapter> database,
                                                                      Logger logger = Logger());

    /// A provider behind its cache (CachedEmbeddingProvider). Nothing is loaded, opened or connected before its first
    /// use. \param read_only the cache's file is only read. \returns null for `none`.
    static std::shared_ptr<EmbeddingProvider> create_embedding_provider(EmbeddingConfig config, bool read_only = false);

    /// \name The types this build contains
    ///@{
    static std::vector<std::string> supported_database_types();
    static std::vector<std::string> supported_vector_types();
    static std::vector<std::string> supported_cache_types();
    static std::vector<std::string> supported_graph_types();
    static std::vector<std::string> supported_embedding_types();
    ///@}
};

} // namespace whisperstore
