// What every graph backend owes callers that come at once, hurry or leave.
#include "conformance/graph_conformance.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>

namespace whisperstore::test {
namespace {

using Ids = std::vector<std::string>;

class GraphRaces : public Graph
{
};

INSTANTIATE_TEST_SUITE_P(Backends, GraphRaces, testing::ValuesIn(graph_backends()),
                         [](const auto& backend) { return backend.param.name; });

// ---- many at once

TEST_P(GraphRaces, UpsertsAtOnceLoseNothing)
{
    add_user("u");
    add_memory("shared", "u");
    constexpr int callers = 24;
    std::vector<std::future<void>> running;
    for (int i = 0; i < callers; ++i) {
        json::object mine;
        mine["key" + std::to_string(i)] = i;
        running.push_back(start(graph->create_memory_node("shared", "text", mine)));
        running.push_back(start(graph->create_node(NodeRef::topic("new"), "text", mine)));
        running.push_back(start(graph->create_user_node("u", mine)));
        running.push_back(start(graph->create_user_node("new", mine)));
        running.push_back(start(graph->create_relationship("user:u", "memory:shared", "REMEMBERS", mine)));
        running.push_back(start(graph->create_relationship("u", "shared", "COUNTED")));
    }
    for (std::future<void>& each : running)
        wait(std::move(each));
    connect("user:u", "LIKES", "topic:new");
    connect("user:u", "KNOWS", "user:new");
    for (const NodeRef& ref :
         {NodeRef::memory("shared"), NodeRef::topic("new"), NodeRef::user("u"), NodeRef::user("new")}) {
        json::object properties = node("u", ref).properties;
        properties.erase("user_id");
        EXPECT_EQ(properties.size(), static_cast<std::size_t>(callers)) << ref.text();
    }
    const NetworkEdge merged = edge("u", NodeRef::user("u"), "REMEMBERS", NodeRef::memory("shared"));
    EXPECT_EQ(merged.properties.size(), static_cast<std::size_t>(callers));
    EXPECT_EQ(merged.interaction_count, callers);
    EXPECT_EQ(edge("u", NodeRef::user("u"), "COUNTED", NodeRef::memory("shared")).interaction_count, callers);
}

TEST_P(GraphRaces, ListsAtOnceLoseNothing)
{
    add_user("u");
    for (const std::string id : {"a", "b", "c"})
        add_node(NodeRef::topic(id));
    constexpr int callers = 12;
    std::vector<std::future<void>> running;
    for (int i = 0; i < callers; ++i) {
        json::object mine;
        mine["key" + std::to_string(i)] = i;
        std::vector<Relationship> list;
        std::vector<GraphNode> nodes;
        for (const std::string id : {"a", "b", "c"}) {
            list.push_back(relationship("user:u", "LIKES", "topic:" + id, mine));
            nodes.push_back(graph_node(NodeRef::topic(id), "", mine));
        }
        if (i % 2 == 0) // in different orders
            std::swap(list.front(), list.back());
        running.push_back(start(graph->create_relationships(list)));
        running.push_back(start(graph->create_nodes(nodes)));
    }
    for (std::future<void>& each : running)
        wait(std::move(each));
    for (const std::string id : {"a", "b", "c"}) {
        EXPECT_EQ(edge("u", NodeRef::user("u"), "LIKES", NodeRef::topic(id)).properties.size(),
                  static_cast<std::size_t>(callers));
        EXPECT_EQ(node("u", NodeRef::topic(id)).properties.size(), static_cast<std::size_t>(callers));
    }
}

TEST_P(GraphRaces, DeletingBesideConnectingLeavesNoEdgeWithoutItsEnds)
{
    add_user("u");
    for (int i = 0; i < 20; ++i) {
        add_memory("m", "u");
        std::future<bool> removed = start(graph->delete_node(NodeRef::memory("m")));
        std::future<void> connected = start(graph->create_relationship("user:u", "memory:m", "REMEMBERS"));
        EXPECT_TRUE(wait(std::move(removed)));
        try {
            wait(std::move(connected));
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::not_found);
        }
        add_memory("m", "u");
        EXPECT_EQ(found("u"), Ids()) << "an edge came back with the memory";
        run(graph->delete_node(NodeRef::memory("m")));
    }
}

// ---- deadlines and cancellation

awaitable<StorageErrc> write_until_stopped(std::shared_ptr<GraphDatabaseManager> graph, std::atomic<int>& done)
{
    try {
        while (true) {
            json::object properties;
            properties["round"] = ++done;
            co_await graph->create_user_node("u", properties);
        }
    } catch (const StorageError& error) {
        co_return error.errc();
    } catch (const boost::system::system_error&) {
        co_return StorageErrc::cancelled; // Asio's own, between two calls
    }
}

TEST_P(GraphRaces, DeadlinesAndCancellationAreToldApart)
{
    add_user("u");
    const OperationContext late = OperationContext::within(std::chrono::milliseconds(-1));
    EXPECT_STORAGE_ERROR(run(graph->create_user_node("u", json::object(), late)), timeout);
    EXPECT_STORAGE_ERROR(run(graph->create_relationship("u", "u", "KNOWS", json::object(), late)), timeout);
    EXPECT_STORAGE_ERROR(run(graph->find_connected_memories("u", "", 3, 50, late)), timeout);
    EXPECT_STORAGE_ERROR(run(graph->get_user_relationship_network("u", 2, 50, late)), timeout);
    EXPECT_STORAGE_ERROR(run(graph->ping(late)), timeout);

    std::atomic<int> done{0};
    asio::cancellation_signal signal;
    auto executor = asio::make_strand(pool());
    std::future<StorageErrc> ended = asio::co_spawn(executor, write_until_stopped(graph, done),
                                                    asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    EXPECT_TRUE(eventually([&] { return done > 3; }));
    asio::post(executor, [&] { signal.emit(asio::cancellation_type::terminal); });
    EXPECT_EQ(to_string(wait(std::move(ended))), "cancelled");
    add_user("u"); // nothing is left behind
}

} // namespace
} // namespace whisperstore::test
