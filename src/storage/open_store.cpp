#include "core/failure.hpp"
#include "storage/layer_stores.hpp"

#include <whisperstore/database/schema.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

namespace whisperstore {

namespace {

/// What starts a backend that cannot be reached; empty for those in this process.
std::string how_to_start(const std::string& type)
{
    if (type.starts_with("postgresql"))
        return "is the server running? Set POSTGRES_HOST and POSTGRES_PORT, or WHISPERENGINE_DATABASE_TYPE=sqlite to "
               "run without a server";
    if (type.ends_with("qdrant") && type != "local_qdrant")
        return "is the server running? Set QDRANT_URL, or WHISPERENGINE_VECTOR_DB_TYPE=local_qdrant to run without a "
               "server";
    if (type.ends_with("chromadb"))
        return "is the server running? Set CHROMADB_URL, or WHISPERENGINE_VECTOR_DB_TYPE=local_qdrant to run without "
               "a server";
    if (type.starts_with("redis"))
        return "is the server running? Set REDIS_URL, or WHISPERENGINE_CACHE_TYPE=memory to run without a server";
    if (type.starts_with("neo4j"))
        return "is the server running? Set NEO4J_URI, or WHISPERENGINE_GRAPH_DB_TYPE=sqlite to run without a server";
    return {};
}

StorageError advised(const StorageError& error, const std::string& advice)
{
    ErrorDetails details{error.backend(), error.operation(), error.native_code(), error.outcome(), error.retryable()};
    return StorageError(error.errc(), error.message() + advice, std::move(details));
}

/// What to do about a server that answers, but not as it should.
std::string how_to_enter(const StorageError& error)
{
    if (error.native_code() == "3D000")
        return "create it with CREATE DATABASE, or set POSTGRES_DB";
    if (error.errc() == StorageErrc::authentication)
        return "set POSTGRES_USER and POSTGRES_PASSWORD, and POSTGRES_SSLMODE with its certificates";
    return {};
}

awaitable<void> prepare_collections(VectorDatabaseManager& vectors, OperationContext context)
{
    for (const auto& [name, config] : VECTOR_COLLECTIONS)
        co_await vectors.create_collection(name, config, context);
}

awaitable<void> open_database(std::shared_ptr<LayerStores> stores, OperationContext context)
{
    AbstractDatabaseAdapter& database = *stores->components.database;
    co_await database.initialize(context);
    if (!stores->configuration.database.read_only)
        co_await database.setup_schema(WhisperEngineSchema::get_core_schema(), std::move(context));
}

awaitable<void> open_vectors(std::shared_ptr<LayerStores> stores, OperationContext context)
{
    VectorDatabaseManager& vectors = *stores->components.vector_db;
    co_await vectors.initialize(context);
    if (!stores->configuration.vector_database.read_only)
        co_await prepare_collections(vectors, std::move(context));
}

/// The history is in a database that may not be there yet.
HistorySource history_behind_gate(const std::shared_ptr<LayerStores>& stores)
{
    // Weak: the cache is one of these stores.
    return [weak = std::weak_ptr(stores), read = history_from_messages(stores->components.database)](
               std::string channel_id, std::size_t limit, OperationContext context) {
        if (const auto alive = weak.lock())
            alive->gate(StoreKind::database).require();
        return read(std::move(channel_id), limit, std::move(context));
    };
}

awaitable<void> open_cache(std::shared_ptr<LayerStores> stores, OperationContext context)
{
    ConversationCacheManager& cache = *stores->components.cache;
    if (stores->exists(StoreKind::database))
        cache.set_history_source(history_behind_gate(stores));
    co_await cache.initialize(std::move(context));
}

awaitable<void> open_graph(std::shared_ptr<LayerStores> stores, OperationContext context)
{
    if (stores->graph_is_in_database())
        stores->gate(StoreKind::database).require();
    co_await stores->components.graph->initialize(std::move(context));
}

/// The turn to open a store, given back when the coroutine ends, however it does.
class Turn
{
public:
    explicit Turn(ComponentGate& gate) noexcept : gate_(gate) {}
    ~Turn()
    {
        if (!ended_)
            gate_.give_up_opening();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    void end(std::exception_ptr failure) noexcept
    {
        ended_ = true;
        gate_.end_opening(std::move(failure));
    }

private:
    ComponentGate& gate_;
    bool ended_ = false;
};

} // namespace

StorageError as_storage_error(const std::exception_ptr& error)
{
    try {
        try {
            std::rethrow_exception(error);
        } catch (...) {
            rethrow_as_storage_error("storage", "initialize_storage_layer");
        }
    } catch (const StorageError& failure) {
        return failure;
    }
}

std::string advice_for(const std::string& type, const StorageError& error)
{
    std::string advice;
    if (type.starts_with("postgresql"))
        advice = how_to_enter(error);
    if (advice.empty() && (error.errc() == StorageErrc::unavailable || error.errc() == StorageErrc::timeout ||
                           error.errc() == StorageErrc::outcome_unknown))
        advice = how_to_start(type);
    if (advice.empty() && type.starts_with("local_") && error.errc() == StorageErrc::not_found)
        advice = "`whisperstore init` makes an empty one"; // opened read-only
    return advice;
}

awaitable<void> open_store(std::shared_ptr<LayerStores> stores, StoreKind kind, OperationContext context)
{
    std::optional<StorageError> failure;
    try {
        switch (kind) {
        case StoreKind::database:
            co_await open_database(stores, std::move(context));
            break;
        case StoreKind::vector_database:
            co_await open_vectors(stores, std::move(context));
            break;
        case StoreKind::cache:
            co_await open_cache(stores, std::move(context));
            break;
        case StoreKind::graph_database:
            co_await open_graph(stores, std::move(context));
            break;
        }
        co_return;
    } catch (...) {
        failure = as_storage_error(std::current_exception());
    }
    const std::string advice = advice_for(stores->type(kind), *failure);
    throw advice.empty() ? *failure : advised(*failure, "; " + advice);
}

awaitable<void> open_again(std::shared_ptr<LayerStores> stores, StoreKind kind, OperationContext context)
{
    ComponentGate& gate = stores->gate(kind);
    if (gate.is_open())
        co_return;
    if (!gate.begin_opening()) {
        gate.require();
        co_return;
    }
    Turn turn(gate);
    try {
        co_await open_store(stores, kind, std::move(context));
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::cancelled) // which says nothing about the store
            turn.end(std::current_exception());
        throw;
    }
    turn.end(nullptr);
    if (stores->closed)
        co_await stores->close(kind);
}

} // namespace whisperstore
