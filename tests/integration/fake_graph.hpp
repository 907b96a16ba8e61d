#pragma once
// A graph on a server that the test switches on and off.

#include "support/run.hpp"

#include <whisperstore/graph/graph_database_manager.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>

namespace whisperstore::test {

class FakeGraph final : public GraphDatabaseManager
{
public:
    std::atomic<bool> answers{true};
    std::atomic<bool> hangs{false}; ///< until the caller's deadline
    std::atomic<bool> cleanup_fails{false};
    std::atomic<int> initialized{0};
    std::atomic<int> cleaned_up{0};

    awaitable<void> initialize(OperationContext context) override
    {
        co_await answer(std::move(context));
        ++initialized;
    }
    awaitable<void> cleanup() override
    {
        ++cleaned_up;
        if (cleanup_fails)
            throw StorageError(StorageErrc::unavailable, "the connection cannot be closed");
        co_return;
    }
    awaitable<void> ping(OperationContext context) override { co_await answer(std::move(context)); }

    awaitable<void> create_user_node(std::string, json::object, OperationContext context) override
    {
        co_await answer(std::move(context));
    }
    awaitable<void> create_memory_node(std::string, std::string, json::object, OperationContext context) override
    {
        co_await answer(std::move(context));
    }
    awaitable<void> create_node(NodeRef, std::string, json::object, OperationContext context) override
    {
        co_await answer(std::move(context));
    }
    awaitable<void> create_nodes(std::vector<GraphNode>, OperationContext context) override
    {
        co_await answer(std::move(context));
    }
    awaitable<void> create_relationship(std::string, std::string, std::string, json::object,
                                        OperationContext context) override
    {
        co_await answer(std::move(context));
    }
    awaitable<void> create_relationships(std::vector<Relationship>, OperationContext context) override
    {
        co_await answer(std::move(context));
    }
    awaitable<std::vector<ConnectedMemory>> find_connected_memories(std::string, std::string, int, std::int64_t,
                                                                    OperationContext context) override
    {
        co_await answer(std::move(context));
        co_return std::vector<ConnectedMemory>();
    }
    awaitable<RelationshipNetwork> get_user_relationship_network(std::string, int, std::int64_t,
                                                                 OperationContext context) override
    {
        co_await answer(std::move(context));
        co_return RelationshipNetwork();
    }
    awaitable<bool> delete_node(NodeRef, OperationContext context) override
    {
        co_await answer(std::move(context));
        co_return false;
    }
    awaitable<GraphPart> export_part(std::string, std::int64_t, OperationContext context) override
    {
        co_await answer(std::move(context));
        co_return GraphPart();
    }
    awaitable<void> import_part(GraphPart, OperationContext context) override { co_await answer(std::move(context)); }
    awaitable<void> clear(OperationContext context) override { co_await answer(std::move(context)); }
    std::string_view graph_database_type() const noexcept override { return "neo4j"; }
    std::vector<std::string> endpoints() const override { return std::vector<std::string>(1, "graph.example:7687"); }

private:
    awaitable<void> answer(OperationContext context)
    {
        if (hangs) {
            asio::steady_timer timer(co_await asio::this_coro::executor, context.deadline.value());
            co_await timer.async_wait(asio::use_awaitable);
            throw StorageError(StorageErrc::timeout, "no answer in time");
        }
        if (!answers)
            throw StorageError(StorageErrc::unavailable, "no answer from graph.example:7687");
        co_return;
    }
};

} // namespace whisperstore::test
