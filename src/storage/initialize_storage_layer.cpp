#include "core/failure.hpp"

#include <whisperstore/database/schema.hpp>
#include <whisperstore/resilience/decorate.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>

namespace whisperstore {

namespace {

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

/// What starts a backend that cannot be reached; empty for those in this process.
std::string how_to_start(const std::string& type)
{
    if (type.starts_with("postgresql"))
        return "; is the server running? Set POSTGRES_HOST and POSTGRES_PORT, or WHISPERENGINE_DATABASE_TYPE=sqlite to "
               "run without a server";
    if (type.ends_with("qdrant") && type != "local_qdrant")
        return "; is the server running? Set QDRANT_URL, or WHISPERENGINE_VECTOR_DB_TYPE=local_qdrant to run without a "
               "server";
    if (type.ends_with("chromadb"))
        return "; is the server running? Set CHROMADB_URL, or WHISPERENGINE_VECTOR_DB_TYPE=local_qdrant to run without "
               "a server";
    if (type.starts_with("redis"))
        return "; is the server running? Set REDIS_URL, or WHISPERENGINE_CACHE_TYPE=memory to run without a server";
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
        return "; create it with CREATE DATABASE, or set POSTGRES_DB";
    if (error.errc() == StorageErrc::authentication)
        return "; set POSTGRES_USER and POSTGRES_PASSWORD, and POSTGRES_SSLMODE with its certificates";
    return {};
}

StorageError at_start(const StorageError& error, const std::string& type)
{
    if (type.starts_with("postgresql"))
        if (const std::string advice = how_to_enter(error); !advice.empty())
            return advised(error, advice);
    if (error.errc() != StorageErrc::unavailable && error.errc() != StorageErrc::timeout)
        return error;
    const std::string advice = how_to_start(type);
    return advice.empty() ? error : advised(error, advice);
}

awaitable<void> prepare_collections(VectorDatabaseManager& vectors, OperationContext context)
{
    for (const auto& [name, config] : VECTOR_COLLECTIONS)
        co_await vectors.create_collection(name, config, context);
}

awaitable<std::exception_ptr> initialize_graph(GraphDatabaseManager* graph, OperationContext context)
{
    if (graph == nullptr)
        co_return nullptr;
    try {
        co_await graph->initialize(std::move(context));
    } catch (const StorageError& error) {
        // The fallback lives in the required database: its failure is that one's.
        if (error.errc() == StorageErrc::cancelled || graph->graph_database_type() == "sqlite")
            throw;
        co_return std::current_exception();
    }
    co_return nullptr;
}

/// All components behind their decorators, none connected. The graph fallback gets the bare database: its
/// calls have the decorators of the graph, and one set is enough.
StorageComponents create_components(const StorageConfiguration& configuration,
                                    const std::shared_ptr<OperationObserver>& observer, Logger logger)
{
    const StorageResilience& resilience = configuration.resilience;
    const auto database = StorageManagerFactory::create_database_manager(configuration.database, std::move(logger));
    const auto graph = StorageManagerFactory::create_graph_manager(configuration.graph_database, database);
    StorageComponents components;
    components.database = decorate(database, resilience.database, observer);
    components.vector_db = decorate(StorageManagerFactory::create_vector_manager(configuration.vector_database),
                                    resilience.vector_database, observer);
    components.cache =
        decorate(StorageManagerFactory::create_cache_manager(configuration.cache), resilience.cache, observer);
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

/// Connects the components in the layer. An exception leaves those that are open to the caller.
awaitable<std::exception_ptr> open_components(const StorageComponents& components,
                                              const StorageConfiguration& configuration, OperationContext context)
{
    try {
        co_await components.database->initialize(context);
        if (!configuration.database.read_only)
            co_await components.database->setup_schema(WhisperEngineSchema::get_core_schema(), context);
    } catch (const StorageError& error) {
        throw at_start(error, configuration.database.type);
    }
    try {
        co_await components.vector_db->initialize(context);
        if (!configuration.vector_database.read_only)
            co_await prepare_collections(*components.vector_db, context);
    } catch (const StorageError& error) {
        throw at_start(error, configuration.vector_database.type);
    }
    try {
        components.cache->set_history_source(history_from_messages(components.database));
        co_await components.cache->initialize(context);
    } catch (const StorageError& error) {
        throw at_start(error, configuration.cache.type);
    }
    co_return co_await initialize_graph(components.graph.get(), context);
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
    StorageComponents components = create_components(configuration, observer, logger);
    std::exception_ptr embedding_failure = create_embeddings(components, configuration);
    std::exception_ptr graph_failure;
    std::string unfinished;
    try {
        // Dropped components close themselves, so a failure here leaves nothing open.
        graph_failure = co_await open_components(components, configuration, context);
        unfinished = co_await unfinished_restore(*components.database, std::move(context));
    } catch (...) {
        rethrow_as_storage_error("storage", "initialize_storage_layer");
    }
    const auto layer = std::make_shared<StorageLayer>(std::move(components), std::move(configuration),
                                                      std::move(graph_failure), std::move(embedding_failure));
    if (logger && !unfinished.empty())
        logger(LogLevel::warning, "storage", unfinished);
    layer->start_backups(logger);
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
