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
#include <whisperstore/storage/health_report.hpp>
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

class OtlpTraceExporter;

/// What a StorageLayer is made of. Those that are switched off are null; those that were down at the start are not.
struct StorageComponents
{
    std::shared_ptr<AbstractDatabaseAdapter> database;
    std::shared_ptr<VectorDatabaseManager> vector_db;
    std::shared_ptr<ConversationCacheManager> cache;
    std::shared_ptr<GraphDatabaseManager> graph;
    /// Null: callers pass vectors.
    std::shared_ptr<EmbeddingProvider> embeddings = nullptr;
    /// Gets the last spans when the layer closes. Null: there are none.
    std::shared_ptr<OtlpTraceExporter> traces = nullptr;
};

/// Why components are not ready; null for those that are.
struct StorageFailures
{
    std::exception_ptr database = nullptr;
    std::exception_ptr vector_database = nullptr;
    std::exception_ptr cache = nullptr;
    std::exception_ptr graph_database = nullptr;
    std::exception_ptr embeddings = nullptr;
};

struct LayerStores;
class StoreReopener;
class MetricsRecorder;

/// The storage of an assistant: database, vectors, cache and graph, from initialize_storage_layer().
/// The application never learns which backends they are. Thread safe.
class StorageLayer
{
public:
    /// Takes components that are connected, but for those with a failure. Only those that the configuration disables
    /// may be missing, and the graph. \throws StorageError invalid_argument for another one.
    StorageLayer(StorageComponents components, StorageConfiguration configuration,
                 StorageFailures failures = StorageFailures());
    /// Does not wait for the network: call close() first where that matters.
    ~StorageLayer();
    StorageLayer(const StorageLayer&) = delete;
    StorageLayer& operator=(const StorageLayer&) = delete;

    /// \name Components
    /// \throws StorageError `unsupported` where the component is switched off; what it failed with where it was down at
    /// the start and has not come back yet (Availability::degrade; it is tried again in the background and by
    /// health()). One that is lost later stays here, and its calls fail until it is back.
    ///@{
    AbstractDatabaseAdapter& database() const;
    VectorDatabaseManager& vector_db() const;
    ConversationCacheManager& cache() const;
    GraphDatabaseManager& graph() const;
    ///@}
    /// \name Whether they can be asked for
    /// Without asking the store: one that was lost later counts as there.
    ///@{
    bool has_database() const noexcept;
    bool has_vector_db() const noexcept;
    bool has_cache() const noexcept;
    bool has_graph() const noexcept;
    ///@}
    /// Whether the configuration has a graph, even if it is down.
    bool graph_is_configured() const noexcept;

    /// Turns texts into vectors. \throws StorageError unsupported when the configuration has none; why there is none
    /// otherwise. What takes vectors works all the same.
    EmbeddingProvider& embeddings() const;
    bool has_embeddings() const noexcept;

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
    const StorageConfiguration& configuration() const noexcept;

    /// Begins to open what was down at the start, again and again until it is there or the layer is closed;
    /// initialize_storage_layer() does it. \param logger hears of what came back.
    void start_reopening(Logger logger = Logger());

    /// Begins to write the metrics into `performance_metrics` where the configuration has an interval, unless the layer
    /// only reads; close() ends it. initialize_storage_layer() does it.
    void start_metrics(Logger logger = Logger());

    /// Asks all components at once with one small read each, which may take five seconds. Never throws for a
    /// component that is down: that is in the report. One that was down at the start is tried again.
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
    awaitable<HealthReport> look_at_all(OperationContext context);

    const std::shared_ptr<LayerStores> stores_;
    const std::exception_ptr embedding_failure_;
    std::unique_ptr<BackupSchedule> backups_;   // null: none are made
    std::unique_ptr<StoreReopener> reopener_;   // null: nothing was down
    std::unique_ptr<MetricsRecorder> recorder_; // null: no history is kept
    std::unique_ptr<TextMemory> texts_;
    mutable std::mutex mutex_; // of closed_
    bool closed_ = false;
};

} // namespace whisperstore
