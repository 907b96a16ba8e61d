#include "graph/neo4j/graph_database.hpp"

#include "graph/export_cursor.hpp"
#include "graph/graph_search.hpp"
#include "graph/neo4j/bookmarks.hpp"
#include "graph/neo4j/cypher.hpp"
#include "graph/neo4j/driver_config.hpp"
#include "graph/neo4j/reads.hpp"
#include "graph/neo4j/server_version.hpp"
#include "graph/neo4j/writes.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/time.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <random>
#include <utility>

namespace whisperstore::graph::neo4j {

namespace {

using bolt::AccessMode;
using Clock = OperationContext::Clock;

// How long a statement that others undo is run again where the caller has no deadline.
constexpr std::chrono::seconds patience{30};
constexpr std::chrono::milliseconds first_pause{2};
constexpr std::chrono::milliseconds longest_pause{200};
constexpr std::int64_t nodes_deleted_at_once = 5000;

/// A node was deleted between two steps of a statement, which the server undid: run again it finds things as they are.
bool lost_a_node(const StorageError& error)
{
    return error.native_code() == "Neo.ClientError.Statement.EntityNotFound";
}

/// Undone for the sake of others. A managed transaction has been run again already.
bool is_undone(const StorageError& error, bool managed)
{
    if (error.outcome() != Outcome::not_applied)
        return false;
    return lost_a_node(error) || (!managed && error.errc() == StorageErrc::conflict && error.retryable());
}

/// Of two that create one rule of the schema at once the slower one is told so, whatever IF NOT EXISTS says.
bool exists_by_now(const StorageError& error)
{
    constexpr std::array codes{"Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists",
                               "Neo.ClientError.Schema.ConstraintAlreadyExists",
                               "Neo.ClientError.Schema.IndexAlreadyExists"};
    return std::find(codes.begin(), codes.end(), error.native_code()) != codes.end();
}

/// Of two that got into each other's way one comes back later than the other.
Clock::duration jittered(Clock::duration pause)
{
    std::minstd_rand random{std::random_device{}()};
    return Clock::duration(std::uniform_int_distribution<Clock::rep>(pause.count() / 2, pause.count())(random));
}

awaitable<std::vector<bolt::Record>> read_all(bolt::Transaction& transaction, std::string cypher, bolt::Map parameters,
                                              OperationContext context)
{
    bolt::Result result = co_await transaction.run(std::move(cypher), std::move(parameters), std::move(context));
    co_return co_await result.collect();
}

bolt::Map parameter(std::string_view name, bolt::Value value)
{
    bolt::Map map;
    map.set(name, std::move(value));
    return map;
}

} // namespace

GraphDatabase::GraphDatabase(const GraphDatabaseConfig& config, bool routed, Logger logger)
    : routed_(routed),
      keys_(config.graph_namespace),
      database_(config.database),
      config_(driver_config(config, routed, std::move(logger))),
      endpoints_(endpoints_of(config_))
{
    const bolt::Driver checked(config_); // says now what is wrong with the settings
}

std::shared_ptr<bolt::Driver> GraphDatabase::driver() const
{
    const std::lock_guard lock(mutex_);
    if (!driver_)
        throw StorageError(StorageErrc::closed, "not initialized: call initialize() first");
    return driver_;
}

std::vector<bolt::ConnectionCounts> GraphDatabase::connections() const
{
    const std::lock_guard lock(mutex_);
    return driver_ ? driver_->connections() : std::vector<bolt::ConnectionCounts>();
}

// ---- opening and closing

awaitable<void> GraphDatabase::open(OperationContext context)
{
    auto driver = std::make_shared<bolt::Driver>(config_);
    const bolt::ServerInfo server = co_await driver->verify_connectivity(context);
    require_server(server.agent);
    co_await ensure_schema(driver, std::move(context));
    std::shared_ptr<bolt::Driver> unused = std::move(driver);
    {
        const std::lock_guard lock(mutex_);
        if (!driver_) // otherwise somebody else was faster
            driver_.swap(unused);
    }
    if (unused)
        co_await unused->close();
}

awaitable<void> GraphDatabase::close()
{
    std::shared_ptr<bolt::Driver> driver;
    {
        const std::lock_guard lock(mutex_);
        driver.swap(driver_);
    }
    if (driver)
        co_await driver->close();
}

awaitable<void> GraphDatabase::ensure_schema(std::shared_ptr<bolt::Driver> driver, OperationContext context)
{
    const Records found = co_await execute(driver, AccessMode::write, cypher::read_version, bolt::Map(), context);
    if (!found.empty()) {
        const std::int64_t version = found.front().get(0).as_int();
        if (version == cypher::schema_version)
            co_return;
        if (version > cypher::schema_version)
            throw StorageError(StorageErrc::version_mismatch,
                               "the graph in the database has version " + std::to_string(version) +
                                   ", this whisperstore knows " + std::to_string(cypher::schema_version) +
                                   ": use a newer one");
    }
    const std::array statements{cypher::create_marker_constraint, cypher::create_key_constraint,
                                cypher::create_owner_index, cypher::await_indexes};
    for (const std::string_view statement : statements) {
        try {
            co_await execute(driver, AccessMode::write, statement, bolt::Map(), context);
        } catch (const StorageError& error) {
            if (!exists_by_now(error))
                throw;
        }
    }
    bolt::Map version = parameter("version", cypher::schema_version);
    co_await execute(driver, AccessMode::write, cypher::write_marker, std::move(version), std::move(context));
}

// ---- statements

awaitable<GraphDatabase::Records> GraphDatabase::execute_once(bolt::Driver& driver, AccessMode mode, std::string cypher,
                                                              bolt::Map parameters, OperationContext context)
{
    const std::shared_ptr<Session> caller = context.session ? context.session : own_session_;
    bolt::SessionConfig config;
    config.database = database_;
    config.access_mode = mode;
    if (routed_)
        config.bookmarks = bookmarks_of(*caller);
    const bolt::Bookmarks before = config.bookmarks;
    bolt::Session session = driver.session(std::move(config));
    Records records;
    if (routed_) {
        const auto work = [&cypher, &parameters, &context](bolt::Transaction& transaction) {
            return read_all(transaction, cypher, parameters, context);
        };
        if (mode == AccessMode::read)
            records = co_await session.execute_read(work, bolt::TransactionConfig(), context);
        else
            records = co_await session.execute_write(work, bolt::TransactionConfig(), context);
        leave_bookmarks(*caller, before, session.last_bookmarks());
    } else {
        bolt::Result result = co_await session.run(std::move(cypher), std::move(parameters), bolt::TransactionConfig(),
                                                   std::move(context));
        records = co_await result.collect();
    }
    co_return records;
}

awaitable<GraphDatabase::Records> GraphDatabase::execute(std::shared_ptr<bolt::Driver> driver, AccessMode mode,
                                                         std::string_view cypher, bolt::Map parameters,
                                                         OperationContext context)
{
    const Clock::time_point end = context.deadline.value_or(Clock::now() + patience);
    for (Clock::duration pause = first_pause;; pause = std::min<Clock::duration>(pause * 2, longest_pause)) {
        std::exception_ptr undone;
        try {
            co_return co_await execute_once(*driver, mode, std::string(cypher), parameters, context);
        } catch (const StorageError& error) {
            if (!is_undone(error, routed_))
                throw;
            undone = std::current_exception();
        }
        const Clock::time_point next = Clock::now() + jittered(pause);
        if (next >= end)
            std::rethrow_exception(undone);
        asio::steady_timer timer(co_await asio::this_coro::executor, next);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

// ---- writes

awaitable<void> GraphDatabase::put_nodes(std::vector<GraphNode> nodes, OperationContext context)
{
    std::vector<GraphNode> checked = check_nodes(std::move(nodes));
    co_await write_nodes(std::move(checked), std::move(context));
}

awaitable<void> GraphDatabase::put_edges(std::vector<Relationship> relationships, OperationContext context)
{
    std::vector<CheckedRelationship> checked = check_relationships(std::move(relationships));
    co_await write_edges(std::move(checked), std::move(context));
}

awaitable<void> GraphDatabase::write_nodes(std::vector<GraphNode> checked, OperationContext context)
{
    if (checked.empty())
        co_return;
    const Records answer = co_await execute(driver(), AccessMode::write, cypher::write_nodes,
                                            node_parameters(checked, keys_), std::move(context));
    require_owners(answer.at(0), checked, keys_);
}

awaitable<void> GraphDatabase::write_edges(std::vector<CheckedRelationship> checked, OperationContext context)
{
    if (checked.empty())
        co_return;
    std::optional<DistinctEdges> distinct = distinct_edges(checked, keys_, now());
    const std::string_view statement = distinct ? cypher::write_distinct_edges : cypher::write_edges;
    bolt::Map parameters = distinct ? std::move(distinct->parameters) : edge_parameters(checked, keys_, now());
    const Records answer =
        co_await execute(driver(), AccessMode::write, statement, std::move(parameters), std::move(context));
    require_ends(answer.at(0), checked, distinct ? distinct->first : std::vector<std::size_t>());
}

awaitable<bool> GraphDatabase::remove(NodeRef node, OperationContext context)
{
    check_node(node);
    const std::string_view statement = node.type == NodeType::user ? cypher::delete_user : cypher::delete_node;
    const Records answer =
        co_await execute(driver(), AccessMode::write, statement, parameter("key", keys_.key(node)), std::move(context));
    co_return answer.at(0).get(0).as_int() > 0;
}

// In parts, for the server keeps what one transaction deletes in its memory.
awaitable<void> GraphDatabase::remove_all(OperationContext context)
{
    std::optional<NodeType> type = NodeType::user;
    while (type) {
        bolt::Map parameters = parameter("prefix", keys_.prefix(*type));
        parameters.set("limit", nodes_deleted_at_once);
        const Records answer =
            co_await execute(driver(), AccessMode::write, cypher::delete_some, std::move(parameters), context);
        if (answer.at(0).get(0).as_int() < nodes_deleted_at_once)
            type = next_type(*type);
    }
}

// ---- searches

awaitable<std::vector<ConnectedMemory>> GraphDatabase::find(std::string user_id, std::string context_words,
                                                            int max_depth, std::int64_t limit, OperationContext context)
{
    check_id(user_id, "user_id");
    check_bounds(max_depth, limit);
    const ContextWords words(context_words);
    bolt::Map parameters = parameter("user", keys_.user(user_id));
    if (limit > 0) {
        // Most answers are near: the important memories beside the user.
        parameters.set("limit", direct_memories_to_read(words, limit));
        const Records rows = co_await execute(driver(), AccessMode::read, cypher::direct_memories, parameters, context);
        std::vector<ConnectedMemory> nearest = direct_memories(read_direct_memories(rows, keys_), words, limit);
        if (static_cast<std::int64_t>(nearest.size()) == limit)
            co_return nearest;
    }
    const std::string statement = cypher::neighbourhood(max_depth, false);
    Records rows = co_await execute(driver(), AccessMode::read, statement, std::move(parameters), std::move(context));
    co_return find_memories(read_neighbourhood(std::move(rows), keys_), user_id, words, max_depth, limit);
}

awaitable<RelationshipNetwork> GraphDatabase::network(std::string user_id, int max_depth, std::int64_t limit,
                                                      OperationContext context)
{
    check_id(user_id, "user_id");
    check_bounds(max_depth, limit);
    const std::string statement = cypher::neighbourhood(max_depth, true);
    Records rows = co_await execute(driver(), AccessMode::read, statement, parameter("user", keys_.user(user_id)),
                                    std::move(context));
    co_return make_network(read_neighbourhood(std::move(rows), keys_), user_id, max_depth, limit);
}

awaitable<void> GraphDatabase::touch(OperationContext context)
{
    co_await execute(driver(), AccessMode::read, cypher::read_version, bolt::Map(), std::move(context));
}

// ---- the whole graph

// The nodes of each type, then the edges that say whose a memory is, then the others by the node they leave.
awaitable<GraphPart> GraphDatabase::read_part(std::string from, std::int64_t limit, OperationContext context)
{
    using Stage = ExportCursor::Stage;
    check_part_limit(limit);
    ExportCursor cursor = ExportCursor::parse(from);
    if (cursor.stage == Stage::first_edges && cursor.type != NodeType::memory)
        throw StorageError(StorageErrc::invalid_argument, "'from' is a place in the graph of another store");
    const std::string_view statement = cursor.stage == Stage::nodes         ? cypher::export_nodes
                                       : cursor.stage == Stage::first_edges ? cypher::export_edges_of_users
                                                                            : cypher::export_edges;
    bolt::Map parameters = parameter("prefix", keys_.prefix(cursor.type));
    parameters.set("after", keys_.key(cursor.type, cursor.after));
    parameters.set("limit", limit);
    const Records rows =
        co_await execute(driver(), AccessMode::read, statement, std::move(parameters), std::move(context));

    GraphPart part;
    if (cursor.stage == Stage::nodes)
        part.nodes = read_exported_nodes(rows, keys_);
    else
        part.edges = read_exported_edges(rows, keys_, cursor.stage == Stage::edges);
    if (static_cast<std::int64_t>(rows.size()) == limit) {
        cursor.after =
            cursor.stage == Stage::nodes ? part.nodes.back().node.id : keys_.node(rows.back().get(0).as_string()).id;
    } else if (const std::optional<NodeType> type = next_type(cursor.type);
               type && cursor.stage != Stage::first_edges) {
        cursor = ExportCursor{cursor.stage, *type};
    } else if (cursor.stage == Stage::nodes) {
        cursor = ExportCursor{Stage::first_edges, NodeType::memory};
    } else if (cursor.stage == Stage::first_edges) {
        cursor = ExportCursor{Stage::edges};
    } else {
        co_return part;
    }
    part.next = cursor.text();
    co_return part;
}

awaitable<void> GraphDatabase::write_part(GraphPart part, OperationContext context)
{
    std::vector<GraphNode> nodes = check_imported_nodes(std::move(part.nodes));
    std::vector<CheckedRelationship> edges = check_imported_edges(std::move(part.edges));
    co_await write_nodes(std::move(nodes), context);
    co_await write_edges(std::move(edges), std::move(context));
}

} // namespace whisperstore::graph::neo4j
