#include "core/failure.hpp"
#include "storage/layer_stores.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/metrics/otlp_trace_exporter.hpp>
#include <whisperstore/resilience/decorate.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>

#include <chrono>
#include <string>

namespace whisperstore {

namespace {

// A layer that can do without a store does not wait for it for long.
constexpr std::chrono::seconds patience_for_optional{10};

UniversalMessage message_of(const Row& row)
{
    UniversalMessage message;
    message.message_id = row["message_id"].as_int();
    message.channel_id = row["channel_id"].as_text();
    message.user_id = row["user_id"].as_text();
    message.username = row["username"].as_optional_text().value_or(std::string_view());
    message.content = row["content"].as_text();
    message.timestamp = row["timestamp"].as_timestamp();
    message.is_bot = !row["is_bot"].is_null() && row["is_bot"].as_bool();
    message.reply_to = row["reply_to"].as_optional_int();
    message.attachments =
        parse_json(row["attachments"].as_optional_text().value_or("[]"), "attachments of a message").as_array();
    message.metadata = parse_json_object(row["metadata"].as_optional_text().value_or("{}"), "metadata of a message");
    return message;
}

awaitable<std::vector<UniversalMessage>> read_history(std::shared_ptr<AbstractDatabaseAdapter> database,
                                                      std::string channel_id, std::size_t limit,
                                                      OperationContext context)
{
    Parameters values = params(arg("channel", channel_id), arg("limit", limit));
    const QueryResult result = co_await database->execute_query(
        "SELECT message_id, channel_id, user_id, username, content, timestamp, is_bot, "
        "reply_to, attachments, metadata FROM messages WHERE channel_id = :channel "
        "ORDER BY timestamp DESC, message_id DESC LIMIT :limit",
        std::move(values), std::move(context));
    std::vector<UniversalMessage> messages;
    messages.reserve(result.rows.size());
    for (const Row& row : result)
        messages.push_back(message_of(row));
    co_return messages;
}

/// All components behind their decorators, none connected. The graph fallback gets the bare database: its
/// calls have the decorators of the graph, and one set is enough.
StorageComponents create_components(const StorageConfiguration& configuration,
                                    const std::shared_ptr<OperationObserver>& observer, Logger logger)
{
    const StorageResilience& resilience = configuration.resilience;
    const StorageAvailability& availability = configuration.availability;
    StorageComponents components;
    std::shared_ptr<AbstractDatabaseAdapter> database;
    if (availability.database != Availability::disabled) {
        database = StorageManagerFactory::create_database_manager(configuration.database, logger);
        components.database = decorate(database, resilience.database, observer);
    }
    if (availability.vector_database != Availability::disabled)
        components.vector_db = decorate(StorageManagerFactory::create_vector_manager(configuration.vector_database),
                                        resilience.vector_database, observer);
    if (availability.cache != Availability::disabled)
        components.cache =
            decorate(StorageManagerFactory::create_cache_manager(configuration.cache), resilience.cache, observer);
    std::shared_ptr<GraphDatabaseManager> graph;
    if (availability.graph_database != Availability::disabled)
        graph = StorageManagerFactory::create_graph_manager(configuration.graph_database, database, std::move(logger));
    if (graph)
        components.graph = decorate(graph, resilience.graph_database, observer);
    return components;
}

/// Never fails: what takes vectors works without. \returns why there is no provider.
std::exception_ptr create_embeddings(StorageComponents& components, const StorageConfiguration& configuration)
{
    try {
        components.embeddings = StorageManagerFactory::create_embedding_provider(
            configuration.embedding, configuration.vector_database.read_only);
        return nullptr;
    } catch (const StorageError&) {
        return std::current_exception();
    }
}

void check_availability(const StorageConfiguration& configuration)
{
    const StorageAvailability& availability = configuration.availability;
    if (availability.database == Availability::disabled && availability.graph_database != Availability::disabled &&
        configuration.graph_database.type == "sqlite")
        throw StorageError(StorageErrc::invalid_argument,
                           "the graph type 'sqlite' keeps its nodes in the database, which is disabled "
                           "(WHISPERENGINE_DATABASE_AVAILABILITY); allowed without it: neo4j, neo4j_cluster and none "
                           "(WHISPERENGINE_GRAPH_DB_TYPE)");
}

/// Before anything was tried.
StorageFailures not_opened_yet()
{
    const std::exception_ptr closed =
        std::make_exception_ptr(StorageError(StorageErrc::closed, "the storage layer is being opened"));
    StorageFailures failures;
    failures.database = closed;
    failures.vector_database = closed;
    failures.cache = closed;
    failures.graph_database = closed;
    return failures;
}

StorageFailures failures_of(const LayerStores& stores, std::exception_ptr embeddings)
{
    StorageFailures failures;
    failures.database = stores.gate(StoreKind::database).failure();
    failures.vector_database = stores.gate(StoreKind::vector_database).failure();
    failures.cache = stores.gate(StoreKind::cache).failure();
    failures.graph_database = stores.gate(StoreKind::graph_database).failure();
    failures.embeddings = std::move(embeddings);
    return failures;
}

/// Opens one store after the other; those the layer can do without may fail.
awaitable<void> open_stores(std::shared_ptr<LayerStores> stores, Logger logger, OperationContext context)
{
    for (const StoreKind kind : store_kinds) {
        if (!stores->exists(kind))
            continue;
        const bool is_needed = stores->gate(kind).availability() == Availability::required;
        try {
            OperationContext limited = is_needed ? context : context.limited_to(patience_for_optional);
            co_await open_again(stores, kind, std::move(limited));
        } catch (const StorageError& error) {
            // A fallback that fails in a database that works is broken, and not away.
            const bool is_broken = kind == StoreKind::graph_database && stores->graph_is_in_database() &&
                                   stores->gate(StoreKind::database).is_open();
            if (is_needed || is_broken || error.errc() == StorageErrc::cancelled)
                throw;
            if (logger)
                logger(LogLevel::warning, "storage",
                       "the layer starts without its " + std::string(to_string(kind)) + ": " + error.what());
        }
    }
}

} // namespace

HistorySource history_from_messages(std::shared_ptr<AbstractDatabaseAdapter> database)
{
    return [database = std::move(database)](std::string channel_id, std::size_t limit, OperationContext context) {
        return read_history(database, std::move(channel_id), limit, std::move(context));
    };
}

awaitable<std::shared_ptr<StorageLayer>> initialize_storage_layer(StorageConfiguration configuration,
                                                                  OperationContext context,
                                                                  std::shared_ptr<OperationObserver> observer,
                                                                  Logger logger)
{
    check_availability(configuration);
    std::shared_ptr<OtlpTraceExporter> traces;
    if (!configuration.tracing.endpoint.empty())
        traces = std::make_shared<OtlpTraceExporter>(configuration.tracing, logger);
    observer = both_observers(std::move(observer), traces);
    StorageComponents components = create_components(configuration, observer, logger);
    components.traces = traces;
    std::exception_ptr embedding_failure = create_embeddings(components, configuration);
    const auto stores = std::make_shared<LayerStores>(components, configuration, not_opened_yet());
    std::string unfinished;
    try {
        // Dropped components close themselves, so a failure here leaves nothing open.
        co_await open_stores(stores, logger, context);
        if (stores->gate(StoreKind::database).is_open())
            unfinished = co_await unfinished_restore(*components.database, std::move(context));
    } catch (...) {
        rethrow_as_storage_error("storage", "initialize_storage_layer");
    }
    const auto layer = std::make_shared<StorageLayer>(std::move(components), std::move(configuration),
                                                      failures_of(*stores, std::move(embedding_failure)));
    if (logger && !unfinished.empty())
        logger(LogLevel::warning, "storage", unfinished);
    layer->start_reopening(logger);
    layer->start_backups(logger);
    layer->start_metrics(logger);
    co_return layer;
}

awaitable<std::shared_ptr<StorageLayer>> initialize_storage_layer(const AdaptiveConfigManager& config_manager,
                                                                  OperationContext context)
{
    // No coroutine itself: the configuration is copied before the first suspension.
    return initialize_storage_layer(config_manager.get_storage_configuration(), std::move(context));
}

awaitable<std::shared_ptr<StorageLayer>> initialize_storage_layer(OperationContext context)
{
    return initialize_storage_layer(AdaptiveConfigManager(), std::move(context));
}

} // namespace whisperstore
