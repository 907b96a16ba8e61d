#include "storage/layer_health.hpp"

#include "core/both.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <string>

namespace whisperstore {

namespace {

using Clock = std::chrono::steady_clock;

// A probe that takes longer than this is a component that is down.
constexpr auto probe_limit = std::chrono::seconds(5);

/// What is amiss with a store that works for the most part; no reason: nothing.
struct Trouble
{
    std::string reason;
    std::string action;
};

Trouble with_a_server(std::string reason)
{
    if (reason.empty())
        return Trouble();
    return Trouble{std::move(reason),
                   "Start the server it names, or take it out of the configuration; everything works meanwhile"};
}

/// One small read, and what the store says about itself.
awaitable<Trouble> ask_database(AbstractDatabaseAdapter& database, OperationContext context)
{
    co_await database.execute_query("SELECT 1", Parameters(), context);
    Trouble trouble = with_a_server(database.get_trouble());
    if (!trouble.reason.empty())
        co_return trouble;
    trouble.reason = co_await unfinished_restore(database, std::move(context));
    if (!trouble.reason.empty())
        trouble.action = "Run the restore again, to its end";
    co_return trouble;
}

awaitable<Trouble> ask_vectors(VectorDatabaseManager& vectors, OperationContext context)
{
    co_await vectors.list_collections(std::move(context));
    co_return Trouble();
}

awaitable<Trouble> ask_cache(ConversationCacheManager& cache, OperationContext context)
{
    co_await cache.get_cache_stats(std::move(context));
    co_return with_a_server(cache.get_trouble());
}

awaitable<Trouble> ask_graph(GraphDatabaseManager& graph, OperationContext context)
{
    co_await graph.ping(std::move(context));
    co_return Trouble();
}

awaitable<Trouble> ask(LayerStores& stores, StoreKind kind, OperationContext context)
{
    switch (kind) {
    case StoreKind::database:
        return ask_database(*stores.components.database, std::move(context));
    case StoreKind::vector_database:
        return ask_vectors(*stores.components.vector_db, std::move(context));
    case StoreKind::cache:
        return ask_cache(*stores.components.cache, std::move(context));
    case StoreKind::graph_database:
        break;
    }
    return ask_graph(*stores.components.graph, std::move(context));
}

/// Type and endpoints of the store itself.
void describe(const LayerStores& stores, StoreKind kind, ComponentHealth& component)
{
    const StorageComponents& parts = stores.components;
    switch (kind) {
    case StoreKind::database:
        component.type = parts.database->database_type();
        component.endpoints = parts.database->endpoints();
        break;
    case StoreKind::vector_database:
        component.type = parts.vector_db->vector_database_type();
        component.endpoints = parts.vector_db->endpoints();
        break;
    case StoreKind::cache:
        component.type = parts.cache->cache_type();
        component.endpoints = parts.cache->endpoints();
        break;
    case StoreKind::graph_database:
        component.type = parts.graph->graph_database_type();
        component.endpoints = parts.graph->endpoints();
        break;
    }
}

/// As a sentence.
std::string capitalized(std::string text)
{
    if (!text.empty())
        text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
    return text;
}

/// What is wrong, and apart from it what to do.
void set_down(ComponentHealth& component, const std::string& type, const StorageError& error)
{
    component.status = HealthStatus::down;
    component.reason = error.what();
    const std::string advice = advice_for(type, error);
    if (component.reason.ends_with("; " + advice)) // as a failure of the start has it
        component.reason.resize(component.reason.size() - advice.size() - 2);
    component.action = advice.empty() ? "Run \"whisperstore doctor\", which looks closer" : capitalized(advice);
}

/// The store's part of the report, in `component`.
awaitable<void> look(std::shared_ptr<LayerStores> stores, StoreKind kind, ComponentHealth& component,
                     OperationContext context)
{
    ComponentGate& gate = stores->gate(kind);
    component.component = to_string(kind);
    component.availability = gate.availability();
    if (!stores->exists(kind)) {
        component.type = "none";
        component.status = HealthStatus::disabled;
        component.since = gate.saw(HealthStatus::disabled);
        co_return;
    }
    describe(*stores, kind, component);
    context = context.limited_to(probe_limit);
    const auto start = Clock::now();
    try {
        co_await open_again(stores, kind, context);
        Trouble trouble = co_await ask(*stores, kind, std::move(context));
        if (!trouble.reason.empty())
            component.status = HealthStatus::degraded;
        component.reason = std::move(trouble.reason);
        component.action = std::move(trouble.action);
    } catch (const StorageError& error) {
        // A caller that gives up wants to stop; that says nothing about the component.
        if (error.errc() == StorageErrc::cancelled)
            throw;
        set_down(component, stores->type(kind), error);
    }
    component.latency_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    component.since = gate.saw(component.status);
}

} // namespace

awaitable<std::vector<ComponentHealth>> look_at(std::shared_ptr<LayerStores> stores, OperationContext context)
{
    std::vector<ComponentHealth> components(store_kinds.size());
    const auto one = [&](StoreKind kind) {
        return look(stores, kind, components[static_cast<std::size_t>(kind)], context);
    };
    awaitable<void> graph = one(StoreKind::graph_database);
    // The fallback waits for its database, or one of the two would find the other opening it.
    awaitable<void> database = one(StoreKind::database);
    awaitable<void> others = both(one(StoreKind::vector_database), one(StoreKind::cache));
    if (stores->graph_is_in_database()) {
        co_await both(std::move(database), std::move(others));
        co_await std::move(graph);
    } else {
        awaitable<void> first = both(std::move(database), std::move(graph));
        co_await both(std::move(first), std::move(others));
    }
    co_return components;
}

ComponentHealth backup_health(const LayerStores& stores, const BackupSchedule& schedule)
{
    ComponentHealth component;
    component.component = "backup";
    component.type = "schedule";
    component.availability = Availability::degrade;
    component.endpoints.push_back(stores.configuration.backup.folder.string());
    component.since = now();
    component.reason = schedule.trouble();
    if (!component.reason.empty()) {
        component.status = HealthStatus::degraded;
        component.action = "Run \"whisperstore backup create\" to see the whole of it; it is tried again by itself";
    }
    return component;
}

HealthStatus overall(const std::vector<ComponentHealth>& components) noexcept
{
    HealthStatus status = HealthStatus::ok;
    for (const ComponentHealth& component : components) {
        if (component.status != HealthStatus::down && component.status != HealthStatus::degraded)
            continue;
        const bool required = component.availability == Availability::required;
        status = std::max(status, required ? component.status : HealthStatus::degraded);
    }
    return status;
}

} // namespace whisperstore
