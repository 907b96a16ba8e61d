#pragma once
// The stores of a layer, each behind its gate.

#include "storage/component_gate.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

namespace whisperstore {

/// In the order in which they are opened: the cache reads its history from the database, and the graph fallback lives
/// in it.
enum class StoreKind : std::size_t
{
    database,
    vector_database,
    cache,
    graph_database,
};
inline constexpr std::array store_kinds{StoreKind::database, StoreKind::vector_database, StoreKind::cache,
                                        StoreKind::graph_database};
/// "database", "vector_database", "cache" or "graph_database".
std::string_view to_string(StoreKind kind) noexcept;

/// Shared by a layer and by what opens its stores later.
struct LayerStores
{
    /// Gates of stores that are null are closed for good; those of the others as `failures` says.
    /// Throws StorageError invalid_argument for one that is missing though it is not disabled.
    LayerStores(StorageComponents components, StorageConfiguration configuration, const StorageFailures& failures);

    StorageComponents components;
    StorageConfiguration configuration;
    std::atomic<bool> closed = false;

    ComponentGate& gate(StoreKind kind) const noexcept { return *gates_[static_cast<std::size_t>(kind)]; }
    bool exists(StoreKind kind) const noexcept;
    /// The stores, as StorageLayer gives them out: they throw what keeps one from being used.
    AbstractDatabaseAdapter& database() const;
    VectorDatabaseManager& vector_db() const;
    ConversationCacheManager& cache() const;
    GraphDatabaseManager& graph() const;
    bool has_embeddings() const noexcept { return components.embeddings != nullptr; }
    EmbeddingProvider& embeddings() const noexcept { return *components.embeddings; }

    /// Whether the graph lives in the database.
    bool graph_is_in_database() const noexcept;
    /// Closes what was opened after the layer was closed.
    awaitable<void> close(StoreKind kind);
    /// Its configured type, also where it is switched off.
    const std::string& type(StoreKind kind) const noexcept;

private:
    std::array<std::unique_ptr<ComponentGate>, store_kinds.size()> gates_;
};

/// Connects one store and makes it ready: schema, collections, history. Never twice at once: see open_again().
/// Throws StorageError that says how to start it.
awaitable<void> open_store(std::shared_ptr<LayerStores> stores, StoreKind kind, OperationContext context);

/// Opens a store whose gate is closed, and the gate. When somebody else is at it, what keeps it from being used is
/// thrown.
awaitable<void> open_again(std::shared_ptr<LayerStores> stores, StoreKind kind, OperationContext context);

/// What was thrown, as a StorageError.
StorageError as_storage_error(const std::exception_ptr& error);

/// What to do about a store of this type that fails with this error; empty when there is nothing to say.
std::string advice_for(const std::string& type, const StorageError& error);

} // namespace whisperstore
