#include "storage/layer_stores.hpp"

#include <array>
#include <string>

namespace whisperstore {

namespace {

std::exception_ptr switched_off(StoreKind kind)
{
    constexpr std::array<std::string_view, store_kinds.size()> what{
        "the database is switched off; set WHISPERENGINE_DATABASE_AVAILABILITY=required to have it",
        "the vector database is switched off; set WHISPERENGINE_VECTOR_DB_AVAILABILITY=required to have it",
        "the cache is switched off; set WHISPERENGINE_CACHE_AVAILABILITY=required to have it",
        "the graph is switched off; set WHISPERENGINE_GRAPH_DB_TYPE=sqlite for the one in the database"};
    return std::make_exception_ptr(
        StorageError(StorageErrc::unsupported, std::string(what.at(static_cast<std::size_t>(kind)))));
}

} // namespace

std::string_view to_string(StoreKind kind) noexcept
{
    switch (kind) {
    case StoreKind::database:
        return "database";
    case StoreKind::vector_database:
        return "vector_database";
    case StoreKind::cache:
        return "cache";
    case StoreKind::graph_database:
        break;
    }
    return "graph_database";
}

LayerStores::LayerStores(StorageComponents components_of_layer, StorageConfiguration configuration_of_layer,
                         const StorageFailures& failures)
    : components(std::move(components_of_layer)), configuration(std::move(configuration_of_layer))
{
    const StorageAvailability& of = configuration.availability;
    const std::array<Availability, store_kinds.size()> availability{of.database, of.vector_database, of.cache,
                                                                    of.graph_database};
    const std::array<std::exception_ptr, store_kinds.size()> failure{failures.database, failures.vector_database,
                                                                     failures.cache, failures.graph_database};
    for (const StoreKind kind : store_kinds) {
        const auto place = static_cast<std::size_t>(kind);
        if (exists(kind)) {
            gates_.at(place) = std::make_unique<ComponentGate>(availability.at(place), failure.at(place));
            continue;
        }
        if (kind != StoreKind::graph_database && availability.at(place) != Availability::disabled)
            throw StorageError(StorageErrc::invalid_argument,
                               "a storage layer needs a " + std::string(to_string(kind)) +
                                   " unless its configuration disables it; only the graph may be left out");
        gates_.at(place) = std::make_unique<ComponentGate>(Availability::disabled, switched_off(kind));
    }
}

bool LayerStores::exists(StoreKind kind) const noexcept
{
    switch (kind) {
    case StoreKind::database:
        return components.database != nullptr;
    case StoreKind::vector_database:
        return components.vector_db != nullptr;
    case StoreKind::cache:
        return components.cache != nullptr;
    case StoreKind::graph_database:
        break;
    }
    return components.graph != nullptr;
}

AbstractDatabaseAdapter& LayerStores::database() const
{
    gate(StoreKind::database).require();
    return *components.database;
}

VectorDatabaseManager& LayerStores::vector_db() const
{
    gate(StoreKind::vector_database).require();
    return *components.vector_db;
}

ConversationCacheManager& LayerStores::cache() const
{
    gate(StoreKind::cache).require();
    return *components.cache;
}

GraphDatabaseManager& LayerStores::graph() const
{
    gate(StoreKind::graph_database).require();
    return *components.graph;
}

const std::string& LayerStores::type(StoreKind kind) const noexcept
{
    switch (kind) {
    case StoreKind::database:
        return configuration.database.type;
    case StoreKind::vector_database:
        return configuration.vector_database.type;
    case StoreKind::cache:
        return configuration.cache.type;
    case StoreKind::graph_database:
        break;
    }
    return configuration.graph_database.type;
}

bool LayerStores::graph_is_in_database() const noexcept
{
    return components.graph && components.graph->graph_database_type() == "sqlite";
}

awaitable<void> LayerStores::close(StoreKind kind)
{
    switch (kind) {
    case StoreKind::database:
        co_await components.database->disconnect();
        break;
    case StoreKind::vector_database:
        co_await components.vector_db->cleanup();
        break;
    case StoreKind::cache:
        co_await components.cache->cleanup();
        break;
    case StoreKind::graph_database:
        co_await components.graph->cleanup();
        break;
    }
}

} // namespace whisperstore
