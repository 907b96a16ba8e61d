// The graph in SQLite beside a recursive query that is prepared once.

#include "harness.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>
#include <whisperstore/graph/mock_graph_database_manager.hpp>

#include <sqlite3.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace whisperstore::bench {

namespace {

constexpr std::size_t users = 200;
constexpr std::size_t memories_per_user = 500;
constexpr std::int64_t limit = 50;

std::string user_name(std::size_t user) { return "user-" + std::to_string(user); }
std::string memory_name(std::size_t user, std::size_t memory)
{
    return std::to_string(1180000000000000000 + user * memories_per_user + memory);
}

/// How the memories hang together.
enum class Shape
{
    imported,       ///< as the importer makes them: each beside its user, every second one a reply to the one before
    through_topics, ///< ten beside the user, the others two or three edges away over 20 topics of the user's
};

GraphNode memory_node(std::size_t user, std::size_t memory)
{
    GraphNode node;
    node.node = NodeRef::memory(memory_name(user, memory));
    node.content = "memory " + std::to_string(memory) + std::string(110, 'x');
    node.properties["user_id"] = user_name(user);
    node.properties["channel_id"] = "channel-" + std::to_string(memory % 5);
    node.properties["timestamp"] = "2026-01-31T09:05:00Z";
    node.properties["importance"] = static_cast<double>((memory * 37) % 100) / 100;
    return node;
}

Relationship edge(std::string from, std::string to, std::string type)
{
    Relationship out;
    out.from_node = std::move(from);
    out.to_node = std::move(to);
    out.relationship_type = std::move(type);
    out.keep_existing = true;
    return out;
}

std::string topic_ref(std::size_t user, std::size_t topic)
{
    return NodeRef::topic("topic-" + std::to_string(user) + "-" + std::to_string(topic)).text();
}

void add_imported(std::size_t user, std::vector<Relationship>& edges)
{
    for (std::size_t memory = 0; memory < memories_per_user; ++memory) {
        const std::string ref = NodeRef::memory(memory_name(user, memory)).text();
        edges.push_back(edge(NodeRef::user(user_name(user)).text(), ref, "REMEMBERS"));
        if (memory % 2 == 1)
            edges.push_back(edge(ref, NodeRef::memory(memory_name(user, memory - 1)).text(), "REPLIES_TO"));
    }
}

void add_through_topics(std::size_t user, std::vector<GraphNode>& nodes, std::vector<Relationship>& edges)
{
    constexpr std::size_t topics = 20;
    for (std::size_t topic = 0; topic < topics; ++topic) {
        GraphNode node;
        node.node = *NodeRef::try_parse(topic_ref(user, topic));
        node.properties["user_id"] = user_name(user);
        nodes.push_back(std::move(node));
    }
    for (std::size_t memory = 0; memory < memories_per_user; ++memory) {
        const std::string ref = NodeRef::memory(memory_name(user, memory)).text();
        if (memory < topics / 2)
            edges.push_back(edge(NodeRef::user(user_name(user)).text(), ref, "REMEMBERS"));
        if (memory % topics < topics / 2 && memory < topics)
            edges.push_back(edge(NodeRef::user(user_name(user)).text(), topic_ref(user, memory), "LIKES"));
        edges.push_back(edge(ref, topic_ref(user, memory % topics), "ABOUT"));
        if (memory % 2 == 1)
            edges.push_back(edge(ref, NodeRef::memory(memory_name(user, memory - 1)).text(), "REPLIES_TO"));
    }
}

void fill(GraphDatabaseManager& graph, Shape shape, std::size_t user_count)
{
    for (std::size_t user = 0; user < user_count; ++user) {
        std::vector<GraphNode> nodes(1);
        nodes.front().node = NodeRef::user(user_name(user));
        for (std::size_t memory = 0; memory < memories_per_user; ++memory)
            nodes.push_back(memory_node(user, memory));
        std::vector<Relationship> edges;
        if (shape == Shape::imported)
            add_imported(user, edges);
        else
            add_through_topics(user, nodes, edges);
        blocking::run(graph.create_nodes(std::move(nodes)));
        blocking::run(graph.create_relationships(std::move(edges)));
    }
}

/// The same question as one query, as it would be written by hand.
class RawSearch
{
public:
    explicit RawSearch(const std::filesystem::path& path)
    {
        check(sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr));
        constexpr const char* sql =
            "WITH RECURSIVE walked (depth, type, id) AS ("
            " SELECT 0, 'user', ?1"
            " UNION"
            " SELECT w.depth + 1, r.target_type, r.target_id FROM walked w JOIN relationships r"
            "  ON r.source_type = w.type AND r.source_id = w.id WHERE w.depth < ?2"
            " UNION"
            " SELECT w.depth + 1, r.source_type, r.source_id FROM walked w JOIN relationships r"
            "  ON r.target_type = w.type AND r.target_id = w.id WHERE w.depth < ?2"
            ") SELECT n.node_id, n.content, n.properties, n.importance, min(w.depth) FROM walked w"
            " JOIN graph_nodes n ON n.node_type = w.type AND n.node_id = w.id"
            " WHERE w.type = 'memory' AND n.user_id = ?1"
            " GROUP BY n.node_id ORDER BY min(w.depth), n.importance DESC, n.node_id LIMIT ?3";
        check(sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
    }
    ~RawSearch()
    {
        sqlite3_finalize(statement_);
        sqlite3_close_v2(db_);
    }
    RawSearch(const RawSearch&) = delete;
    RawSearch& operator=(const RawSearch&) = delete;

    std::size_t find(const std::string& user, int depth)
    {
        sqlite3_bind_text(statement_, 1, user.data(), static_cast<int>(user.size()), SQLITE_STATIC);
        sqlite3_bind_int(statement_, 2, depth);
        sqlite3_bind_int64(statement_, 3, limit);
        std::vector<std::string> ids;
        std::vector<std::string> contents;
        while (sqlite3_step(statement_) == SQLITE_ROW) {
            ids.push_back(text(0));
            contents.push_back(text(1) + text(2));
        }
        check(sqlite3_reset(statement_));
        return ids.size();
    }

private:
    std::string text(int column)
    {
        return std::string(reinterpret_cast<const char*>(sqlite3_column_text(statement_, column)),
                           static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
    }
    void check(int code) const
    {
        if (code != SQLITE_OK)
            throw std::runtime_error(sqlite3_errmsg(db_));
    }

    sqlite3* db_ = nullptr;
    sqlite3_stmt* statement_ = nullptr;
};

awaitable<void> search(GraphDatabaseManager& graph, int depth, std::size_t user_count, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) {
        const auto found =
            co_await graph.find_connected_memories(user_name((i * 7) % user_count), std::string(), depth, limit);
        if (found.size() != static_cast<std::size_t>(limit))
            throw std::runtime_error("a search found too little");
    }
}

std::vector<Result> measure(const Settings& settings, Shape shape, const std::string& name)
{
    const auto path = fresh_folder(settings, name) / "database.db";
    const std::size_t user_count = settings.scale < 1 ? users / 10 : users;
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + path.string();
    const auto database = std::make_shared<SQLiteAdapter>(config);
    blocking::run(database->connect());
    MockGraphDatabaseManager graph(database);
    blocking::run(graph.initialize());
    fill(graph, shape, user_count);

    const auto count = std::max<std::size_t>(static_cast<std::size_t>(400 * settings.scale), 10);
    RawSearch raw(path);
    std::vector<Result> results;
    for (const int depth : {2, 3}) {
        std::vector<double> our_cpu;
        std::vector<double> reference_cpu;
        const auto each = [count](std::vector<double>& cpu, const std::function<void()>& work) {
            const double before = cpu_seconds();
            const double taken = milliseconds(work);
            cpu.push_back((cpu_seconds() - before) * 1000 / static_cast<double>(count));
            return taken / static_cast<double>(count);
        };
        const auto ours = [&] {
            return each(our_cpu, [&] { blocking::run(search(graph, depth, user_count, count)); });
        };
        const auto reference = [&] {
            return each(reference_cpu, [&] {
                for (std::size_t i = 0; i < count; ++i)
                    if (raw.find(user_name((i * 7) % user_count), depth) != static_cast<std::size_t>(limit))
                        throw std::runtime_error("the reference found too little");
            });
        };
        const std::string prefix = name + "_depth_" + std::to_string(depth);
        results.push_back(compare(prefix, "ms/search", "a recursive query prepared once, one thread", settings.rounds,
                                  ours, reference));
        results.push_back(Result{prefix + "_cpu", median(std::move(our_cpu)), median(std::move(reference_cpu)),
                                 "ms CPU", "the same rounds, in CPU time of the whole process"});
    }
    blocking::run(graph.cleanup());
    blocking::run(database->disconnect());
    return results;
}

std::vector<Result> graph_imported(const Settings& settings)
{
    return measure(settings, Shape::imported, "graph_imported");
}

std::vector<Result> graph_topics(const Settings& settings)
{
    return measure(settings, Shape::through_topics, "graph_topics");
}

} // namespace

std::vector<Case> graph_cases()
{
    return {
        {"graph_imported", "50 of a user's 500 memories, linked as the importer does, depth 2 and 3; 200 users",
         graph_imported},
        {"graph_topics", "the same where most memories are reached over topics and replies only", graph_topics},
    };
}

} // namespace whisperstore::bench
