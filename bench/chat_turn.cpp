#include "chat_turn.hpp"

#include "harness.hpp"

#include <whisperstore/config/adaptive_config_manager.hpp>
#include <whisperstore/core/blocking.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <cmath>
#include <random>

namespace whisperstore::bench {

namespace {

constexpr std::size_t dimension = 384;
constexpr std::size_t topics = 300;

std::vector<float> unit_vector(std::uint64_t seed)
{
    std::minstd_rand random(static_cast<unsigned>(seed * 2654435761U + 1));
    std::uniform_real_distribution<float> spread(-1, 1);
    std::vector<float> vector(dimension);
    float square = 0;
    for (float& value : vector) {
        value = spread(random);
        square += value * value;
    }
    for (float& value : vector)
        value /= std::sqrt(square);
    return vector;
}

const std::vector<float>& topic_vector(std::uint64_t number)
{
    static const std::vector<std::vector<float>> all = [] {
        std::vector<std::vector<float>> vectors;
        for (std::uint64_t topic = 0; topic < topics; ++topic)
            vectors.push_back(unit_vector(topic + 1000000007));
        return vectors;
    }();
    return all[number % topics];
}

std::string repeated(std::size_t size)
{
    std::string text;
    while (text.size() < size)
        text += "we talked about the garden and the rain that fell on it ";
    text.resize(size);
    return text;
}

/// Rows in list transactions of a thousand.
class Batch
{
public:
    explicit Batch(AbstractDatabaseAdapter& database) : database_(database) {}
    void add(const char* sql, Parameters values)
    {
        Query& added = queries_.emplace_back();
        added.sql = sql;
        added.params = std::move(values);
        if (queries_.size() == 1000)
            finish();
    }
    void finish() { blocking::run(database_.execute_transaction(std::exchange(queries_, {}))); }

private:
    AbstractDatabaseAdapter& database_;
    std::vector<Query> queries_;
};

void fill_vectors(VectorDatabaseManager& vectors, std::size_t count)
{
    static constexpr const char* types[]{"episodic", "semantic", "preference", "event", "fact"};
    std::vector<VectorDocument> documents;
    for (std::size_t i = 0; i < count; ++i) {
        json::object metadata;
        metadata["user_id"] = chat_user(i % chat_users);
        metadata["memory_type"] = types[i % 5];
        metadata["timestamp"] = "2026-01-01T00:00:00.000000Z";
        documents.push_back(VectorDocument{"memory-" + std::to_string(i), user_text(), chat_embedding(i), metadata});
        if (documents.size() == 1000 || i + 1 == count)
            blocking::run(vectors.store_documents("user_memories", std::exchange(documents, {})));
    }
}

void fill_graph(GraphDatabaseManager& graph, std::size_t count)
{
    std::vector<GraphNode> users;
    for (std::size_t number = 0; number < chat_users; ++number)
        users.push_back(GraphNode{NodeRef::user(chat_user(number)), std::string(), {}});
    blocking::run(graph.create_nodes(std::move(users)));
    for (std::size_t first = 0; first < count; first += 1000) {
        std::vector<GraphNode> nodes;
        std::vector<Relationship> edges;
        for (std::size_t i = first; i < std::min(count, first + 1000); ++i) {
            const std::string user = chat_user(i % chat_users);
            const std::string memory = "memory-" + std::to_string(i);
            json::object properties;
            properties["user_id"] = user;
            nodes.push_back(GraphNode{NodeRef::memory(memory), user_text(), properties});
            edges.push_back(Relationship{"user:" + user, "memory:" + memory, "REMEMBERS", {}});
            if (i >= chat_users)
                edges.push_back(Relationship{
                    "memory:" + memory, "memory:memory-" + std::to_string(i - chat_users), "REPLIES_TO", {}});
        }
        blocking::run(graph.create_nodes(std::move(nodes)));
        blocking::run(graph.create_relationships(std::move(edges)));
    }
}

} // namespace

std::string chat_user(std::size_t number) { return "user-" + std::to_string(number); }

const std::string& user_text()
{
    static const std::string text = repeated(120);
    return text;
}
const std::string& reply_text()
{
    static const std::string text = repeated(1500);
    return text;
}

std::vector<float> chat_embedding(std::uint64_t number)
{
    std::vector<float> vector = unit_vector(number);
    const std::vector<float>& topic = topic_vector(number * 7919);
    float square = 0;
    for (std::size_t i = 0; i < vector.size(); ++i) {
        vector[i] = topic[i] + 0.6F * vector[i];
        square += vector[i] * vector[i];
    }
    for (float& value : vector)
        value /= std::sqrt(square);
    return vector;
}

void fill_chat_database(AbstractDatabaseAdapter& database, const ChatHistory& history)
{
    Batch rows(database);
    for (std::size_t number = 0; number < chat_users; ++number)
        rows.add(turn_sql::upsert_user, params(arg(chat_user(number)), arg("A name")));
    for (std::size_t i = 0; i < chat_users * history.facts_per_user; ++i)
        rows.add("INSERT INTO facts (user_id, fact_type, subject, content) VALUES (?, 'preference', 'garden', ?)",
                 params(arg(chat_user(i % chat_users)), arg(user_text())));
    for (std::size_t i = 0; i < chat_users * history.turns_per_user; ++i) {
        const std::string user = chat_user(i % chat_users);
        rows.add(turn_sql::message, params(arg(static_cast<std::int64_t>(i) - 100000000), arg("channel-" + user),
                                           arg(user), arg("A name"), arg(user_text())));
        rows.add(turn_sql::conversation,
                 params(arg(user), arg("channel-" + user), arg(user_text()), arg(reply_text())));
    }
    rows.finish();
}

std::shared_ptr<StorageLayer> chat_storage(const std::filesystem::path& folder, const ChatHistory& history)
{
    ConfigOptions options;
    options.environment = EnvironmentMap();
    options.config_file = std::filesystem::path();
    options.data_dir = folder;
    options.laptop_defaults = LaptopDefaults::on;
    const std::shared_ptr<StorageLayer> storage =
        blocking::run(initialize_storage_layer(AdaptiveConfigManager(std::move(options))));
    fill_chat_database(storage->database(), history);
    fill_vectors(storage->vector_db(), history.memories);
    fill_graph(storage->graph(), history.memories);
    wait_until_idle(); // the graph of the vectors is built meanwhile
    return storage;
}

} // namespace whisperstore::bench
