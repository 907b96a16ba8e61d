#pragma once
/// \file
/// The four stores of an assistant as one.

#include <whisperstore/backup/backup_schedule.hpp>
#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/config/storage_configuration.hpp>
#include <whisperstore/core/async.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/storage/text_memory.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

enum class HealthStatus
{
    up,       ///< answers
    degraded, ///< it works, but an optional part of it does not: the graph of a layer, a server of a cluster
    down,     ///< does not answer
    disabled, ///< switched off by the configuration
};
std::string_view to_string(HealthStatus status) noexcept;

/// One component's part of a HealthReport.
struct ComponentHealth
{
    std::string component; ///< "database", "vector_database", "cache", "graph_database"
    std::string type;      ///< "sqlite", "local_qdrant", ...
    bool required = true;
    HealthStatus status = HealthStatus::up;
    double latency_ms = 0;              ///< of the probe: one small read
    std::vector<std::string> endpoints; ///< without secrets
    std::string message;                ///< what is wrong and what to do; empty when up
    json::object to_json() const;
};

/// The answer of StorageLayer::health(): `down` when a required component is, `degraded` when only an
/// optional one is, else `up`.
struct HealthReport
{
    HealthStatus status = HealthStatus::up;
    /// database, vector_database, cache, graph_database, and `backup` where backups are scheduled
    std::vector<ComponentHealth> components;
    json::object to_json() const;
};

/// What a StorageLayer is made of. The graph may be null: switched off, or down at the start.
struct StorageComponents
{
    std::shared_ptr<AbstractDatabaseAdapter> database;
    std::shared_ptr<VectorDatabaseManager> vector_db;
    std::shared_ptr<ConversationCacheManager> cache;
    std::shared_ptr<GraphDatabaseManager> graph;
    /// Null: callers pass vectors.
    std::shared_ptr<EmbeddingProvider> embeddings = nullptr;
};

/// The storage of an assistant: database, vectors, cache and graph, from initialize_storage_layer().
/// The application never learns which backends they are. Thread safe.
class StorageLayer
{
public:
    /// Takes components that are connected. `graph_failure` says why a configured graph is not ready,
    /// `embedding_failure` why a configured embedding provider is not.
    StorageLayer(StorageComponents components, StorageConfiguration configuration,
                 std::exception_ptr graph_failure = nullptr, std::exception_ptr embedding_failure = nullptr);
    /// Does not wait for the network: call close() first where that matters.
    ~StorageLayer();
    StorageLayer(const StorageLayer&) = delete;
    StorageLayer& operator=(const StorageLayer&) = delete;

    AbstractDatabaseAdapter& database() const noexcept { return *components_.database; }
    VectorDatabaseManager& vector_db() const noexcept { return *components_.vector_db; }
    ConversationCacheManager& cache() const noexcept { return *components_.cache; }
    /// \throws StorageError unsupported when the graph is switched off; the error it failed with when
    /// it was down at the start (health() tries again).
    GraphDatabaseManager& graph() const;
    /// Whether the graph is there to be used.
    bool has_graph() const noexcept;
    /// Whether the configuration has one, even if it is down.
    bool graph_is_configured() const noexcept { return components_.graph != nullptr; }

    /// Turns texts into vectors. \throws StorageError unsupported when the configuration has none; why there is none
    /// otherwise. What takes vectors works all the same.
    EmbeddingProvider& embeddings() const;
    bool has_embeddings() const noexcept { return components_.embeddings != nullptr; }

    /// \name Texts
    /// As TextMemory does with this layer's vector database, embeddings and `messages`.
    /// \throws StorageError of embeddings() as well.
    ///@{
    awaitable<void> store_text(std::string collection, std::string doc_id, std::string text,
                               json::object metadata = json::object(), OperationContext context = OperationContext());
    awaitable<void> store_texts(std::string collection, std::vector<TextDocument> documents,
                                OperationContext context = OperationContext());
    awaitable<std::vector<TextResult>> search_text(std::string collection, std::string query, std::size_t limit = 10,
                                                   Filter filters = Filter(),
                                                   TextSearchOptions options = TextSearchOptions(),
                                                   OperationContext context = OperationContext());
    ///@}

    /// Begins to make scheduled backups where the configuration has a folder for them, unless they are switched off or
    /// the layer only reads; close() ends it. initialize_storage_layer() does it.
    void start_backups(Logger logger = Logger());
    /// Null: none are made.
    const BackupSchedule* backup_schedule() const noexcept { return backups_.get(); }

    /// Secrets in the clear: show its to_json() only.
    const StorageConfiguration& configuration() const noexcept { return configuration_; }

    /// Asks each component with one small read, which may take five seconds. Never throws for a
    /// component that is down: that is in the report. A graph that was down at the start is tried again.
    /// \throws StorageError closed after close(); timeout and cancelled for the caller's own limits.
    awaitable<HealthReport> health(OperationContext context = OperationContext());

    /// Closes everything, cache first and database last, also when one of them fails (the first error
    /// is thrown at the end) and when the caller is cancelled. A second call does nothing. Afterwards
    /// every operation of every component is `closed`.
    awaitable<void> close();

private:
    TextMemory& texts(std::string_view operation);
    void require_open(std::string_view operation) const;
    awaitable<void> close_components();
    awaitable<std::vector<ComponentHealth>> probe_all(OperationContext context);
    awaitable<void> ping_graph(OperationContext context);
    awaitable<ComponentHealth> graph_health(OperationContext context);

    StorageComponents components_;
    StorageConfiguration configuration_;
    const std::exception_ptr embedding_failure_;
    std::unique_ptr<BackupSchedule> backups_; // null: none are made
    std::unique_ptr<TextMemory> texts_;
    mutable std::mutex mutex_; // of graph_failure_ and closed_
    std::exception_ptr graph_failure_;
    bool closed_ = false;
};

} // namespace whisperstore
