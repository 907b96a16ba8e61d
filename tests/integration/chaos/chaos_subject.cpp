#include "integration/chaos/chaos_subject.hpp"

#include <whisperstore/core/time.hpp>
#include <whisperstore/resilience/decorate.hpp>

#include <stdexcept>
#include <vector>

namespace whisperstore::test {

namespace {

class DatabaseSubject : public ChaosSubject
{
public:
    explicit DatabaseSubject(StorageLayer& storage) : database_(storage.database()) {}

    awaitable<void> prepare() override
    {
        co_await database_.execute_query("CREATE TABLE chaos (number BIGINT PRIMARY KEY)");
        co_await write(0, OperationContext());
    }
    awaitable<void> write(std::int64_t number, OperationContext context) override
    {
        Parameters values = params(arg(number));
        co_await database_.execute_query("INSERT INTO chaos VALUES (?)", std::move(values), std::move(context));
    }
    awaitable<bool> read(OperationContext context) override
    {
        const QueryResult result = co_await database_.execute_query("SELECT number FROM chaos WHERE number = 0",
                                                                    Parameters(), std::move(context));
        co_return result.rows.size() == 1 && result.rows[0]["number"] == 0;
    }
    awaitable<std::set<std::int64_t>> stored() override
    {
        const QueryResult result = co_await database_.execute_query("SELECT number FROM chaos");
        std::set<std::int64_t> numbers;
        for (const Row& row : result)
            numbers.insert(row["number"].as_int());
        co_return numbers;
    }
    ResilienceStats stats() const override { return resilience_stats(database_).value(); }
    std::string component() const override { return "database"; }

private:
    AbstractDatabaseAdapter& database_;
};

class VectorSubject : public ChaosSubject
{
public:
    explicit VectorSubject(StorageLayer& storage) : vectors_(storage.vector_db()) {}

    awaitable<void> prepare() override
    {
        CollectionConfig config;
        config.embedding_dimension = 2;
        co_await vectors_.create_collection("chaos", config);
        co_await write(0, OperationContext());
    }
    awaitable<void> write(std::int64_t number, OperationContext context) override
    {
        std::vector<float> embedding{1.0F, 1.0F / static_cast<float>(number + 1)};
        co_await vectors_.store_document("chaos", std::to_string(number), "document", std::move(embedding),
                                         json::object(), std::move(context));
    }
    awaitable<bool> read(OperationContext context) override
    {
        const std::optional<VectorDocument> found = co_await vectors_.get_document("chaos", "0", std::move(context));
        co_return found && found->content == "document";
    }
    awaitable<std::set<std::int64_t>> stored() override
    {
        std::set<std::int64_t> numbers;
        std::optional<PageCursor> cursor;
        do {
            Page<VectorDocument> page = co_await vectors_.scroll("chaos", 256, cursor);
            for (const VectorDocument& document : page.items)
                numbers.insert(std::stoll(document.id));
            cursor = std::move(page.next);
        } while (cursor);
        co_return numbers;
    }
    ResilienceStats stats() const override { return resilience_stats(vectors_).value(); }
    std::string component() const override { return "vector_database"; }

private:
    VectorDatabaseManager& vectors_;
};

class CacheSubject : public ChaosSubject
{
public:
    explicit CacheSubject(StorageLayer& storage) : cache_(storage.cache()) {}

    awaitable<void> prepare() override
    {
        co_await write(0, OperationContext());
        co_await cache_.get_conversation_context("chaos", 1); // from now on the history is not asked
    }
    awaitable<void> write(std::int64_t number, OperationContext context) override
    {
        UniversalMessage message;
        message.message_id = number;
        message.channel_id = "chaos";
        message.user_id = "user";
        message.content = "message";
        message.timestamp = now();
        co_await cache_.add_message("chaos", std::move(message), std::move(context));
    }
    awaitable<bool> read(OperationContext context) override
    {
        const std::vector<CachedMessage> found =
            co_await cache_.get_conversation_context("chaos", 1, std::nullopt, std::move(context));
        co_return found.size() == 1 && found.front()->content == "message";
    }
    awaitable<std::set<std::int64_t>> stored() override
    {
        const std::vector<CachedMessage> found = co_await cache_.get_conversation_context("chaos", 1'000'000);
        std::set<std::int64_t> numbers;
        for (const CachedMessage& message : found)
            numbers.insert(message->message_id);
        co_return numbers;
    }
    ResilienceStats stats() const override { return resilience_stats(cache_).value(); }
    std::string component() const override { return "cache"; }

private:
    ConversationCacheManager& cache_;
};

class GraphSubject : public ChaosSubject
{
public:
    explicit GraphSubject(StorageLayer& storage) : graph_(storage.graph()) {}

    awaitable<void> prepare() override
    {
        co_await graph_.create_user_node("user");
        co_await write(0, OperationContext());
    }
    awaitable<void> write(std::int64_t number, OperationContext context) override
    {
        co_await graph_.create_node(NodeRef::topic(std::to_string(number)), "topic", json::object(),
                                    std::move(context));
    }
    awaitable<bool> read(OperationContext context) override
    {
        const RelationshipNetwork network =
            co_await graph_.get_user_relationship_network("user", 1, 10, std::move(context));
        co_return network.nodes.size() == 1;
    }
    awaitable<std::set<std::int64_t>> stored() override
    {
        std::set<std::int64_t> numbers;
        std::string place;
        do {
            GraphPart part = co_await graph_.export_part(place, 1000);
            for (const GraphNode& node : part.nodes)
                if (node.node.type == NodeType::topic)
                    numbers.insert(std::stoll(node.node.id));
            place = std::move(part.next);
        } while (!place.empty());
        co_return numbers;
    }
    ResilienceStats stats() const override { return resilience_stats(graph_).value(); }
    std::string component() const override { return "graph_database"; }

private:
    GraphDatabaseManager& graph_;
};

} // namespace

std::unique_ptr<ChaosSubject> chaos_subject(StorageLayer& storage, const std::string& component)
{
    if (component == "database")
        return std::make_unique<DatabaseSubject>(storage);
    if (component == "vector_database")
        return std::make_unique<VectorSubject>(storage);
    if (component == "cache")
        return std::make_unique<CacheSubject>(storage);
    if (component == "graph_database")
        return std::make_unique<GraphSubject>(storage);
    throw std::logic_error("no such component: " + component);
}

} // namespace whisperstore::test
