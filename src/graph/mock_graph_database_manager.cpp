#include "graph/edge_write.hpp"
#include "graph/export_query.hpp"
#include "graph/graph_check.hpp"
#include "graph/graph_operation.hpp"
#include "graph/graph_search.hpp"
#include "graph/neighbourhood_query.hpp"
#include "graph/node_write.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/graph/mock_graph_database_manager.hpp>

#include <utility>

namespace whisperstore {

namespace {

using Database = std::shared_ptr<AbstractDatabaseAdapter>;

/// Runs reads one after the other and adds each answer to `state`.
template <typename State>
awaitable<void> read_into(Database database, std::vector<Query> reads, State& state,
                          void (*add)(State&, const QueryResult&), OperationContext context)
{
    for (Query& read : reads) {
        const QueryResult result =
            co_await database->execute_query(std::move(read.sql), std::move(read.params), context);
        add(state, result);
    }
}

/// What a write of nodes or edges must know. `refused`: the database has refused it, so look at everything.
awaitable<graph::NodeState> read_state(Database database, const std::vector<GraphNode>& nodes, bool refused,
                                       OperationContext context)
{
    graph::NodeState state;
    if (!refused && graph::are_likely_new(nodes))
        co_return state;
    void (*const add)(graph::NodeState&, const QueryResult&) = graph::add_nodes;
    co_await read_into(database, graph::read_nodes(nodes), state, add, context);
    if (refused) {
        state.owners.emplace();
        co_await read_into(database, graph::read_owners(nodes), state, graph::add_owners, context);
    }
    co_return state;
}

awaitable<graph::EdgeState> read_state(Database database, const std::vector<graph::CheckedRelationship>& relationships,
                                       bool refused, OperationContext context)
{
    graph::EdgeState state;
    state.complete = refused || graph::needs_state(relationships);
    if (state.complete) {
        void (*const add)(graph::EdgeState&, const QueryResult&) = graph::add_nodes;
        co_await read_into(database, graph::read_ends(relationships), state, add, context);
        co_await read_into(database, graph::read_edges(relationships, state), state, graph::add_edges, context);
    }
    co_return state;
}

std::vector<Query> plan(const std::vector<GraphNode>& nodes, const graph::NodeState& state, SqlDialect dialect)
{
    return graph::write_nodes(nodes, state, now(), dialect);
}
std::vector<Query> plan(const std::vector<graph::CheckedRelationship>& relationships, const graph::EdgeState& state,
                        SqlDialect dialect)
{
    return graph::write_edges(relationships, state, now(), dialect);
}

/// A list that the database undid for the sake of others (a deadlock), and that may be tried again.
bool is_undone(const StorageError& error)
{
    return error.errc() == StorageErrc::conflict && error.retryable() && error.outcome() == Outcome::not_applied;
}

/// Reads, decides and writes. The write itself refuses what is no longer as it was read; then everything begins anew.
/// Whoever is refused or undone was beaten by a write that succeeded, so somebody always gets on.
template <typename Item>
awaitable<void> write(Database database, std::vector<Item> items, OperationContext context)
{
    auto state = co_await read_state(database, items, false, context);
    while (true) {
        std::vector<Query> writes = plan(items, state, database->dialect());
        if (writes.empty())
            co_return;
        std::exception_ptr refusal;
        bool undone = false;
        try {
            co_await database->execute_transaction(std::move(writes), context);
            co_return;
        } catch (const StorageError& error) {
            undone = is_undone(error);
            if (!undone && error.errc() != StorageErrc::constraint_violation)
                throw;
            refusal = std::current_exception();
        }
        auto fresh = co_await read_state(database, items, true, context);
        if (fresh == state && !undone)
            std::rethrow_exception(refusal); // nothing has changed: the refusal had another reason
        state = std::move(fresh);
    }
}

awaitable<void> put_nodes(Database database, std::vector<GraphNode> nodes, OperationContext context)
{
    std::vector<GraphNode> checked = graph::check_nodes(std::move(nodes));
    co_await write(std::move(database), std::move(checked), std::move(context));
}

awaitable<void> put_edges(Database database, std::vector<Relationship> relationships, OperationContext context)
{
    std::vector<graph::CheckedRelationship> checked = graph::check_relationships(std::move(relationships));
    co_await write(std::move(database), std::move(checked), std::move(context));
}

awaitable<std::vector<ConnectedMemory>> find(Database database, std::string user_id, std::string context_words,
                                             int max_depth, std::int64_t limit, OperationContext context)
{
    graph::check_id(user_id, "user_id");
    graph::check_bounds(max_depth, limit);
    const graph::ContextWords words(context_words);
    if (limit > 0) {
        // Most answers are near: the important memories beside the user.
        Query direct = graph::read_direct_memories(user_id, graph::direct_memories_to_read(words, limit));
        const QueryResult rows =
            co_await database->execute_query(std::move(direct.sql), std::move(direct.params), context);
        std::vector<ConnectedMemory> nearest = graph::direct_memories(graph::direct_memories(rows), words, limit);
        if (static_cast<std::int64_t>(nearest.size()) == limit)
            co_return nearest;
    }
    Query all = graph::read_neighbourhood(user_id, max_depth, false);
    const QueryResult rows =
        co_await database->execute_query(std::move(all.sql), std::move(all.params), std::move(context));
    co_return graph::find_memories(graph::neighbourhood(rows), user_id, words, max_depth, limit);
}

awaitable<RelationshipNetwork> network(Database database, std::string user_id, int max_depth, std::int64_t limit,
                                       OperationContext context)
{
    graph::check_id(user_id, "user_id");
    graph::check_bounds(max_depth, limit);
    Query all = graph::read_neighbourhood(user_id, max_depth, true);
    const QueryResult rows =
        co_await database->execute_query(std::move(all.sql), std::move(all.params), std::move(context));
    co_return graph::make_network(graph::neighbourhood(rows), user_id, max_depth, limit);
}

awaitable<GraphPart> read_part(Database database, std::string from, std::int64_t limit, OperationContext context)
{
    graph::check_part_limit(limit);
    const graph::ExportCursor cursor = graph::ExportCursor::parse(from);
    Query one = graph::read_part(cursor, limit);
    const QueryResult rows =
        co_await database->execute_query(std::move(one.sql), std::move(one.params), std::move(context));
    co_return graph::part(rows, cursor, limit);
}

awaitable<void> write_part(Database database, GraphPart part, OperationContext context)
{
    std::vector<GraphNode> nodes = graph::check_imported_nodes(std::move(part.nodes));
    std::vector<graph::CheckedRelationship> edges = graph::check_imported_edges(std::move(part.edges));
    co_await write(database, std::move(nodes), context);
    co_await write(std::move(database), std::move(edges), std::move(context));
}

awaitable<bool> remove(Database database, NodeRef node, OperationContext context)
{
    graph::check_node(node);
    while (true) {
        try {
            const std::vector<QueryResult> results =
                co_await database->execute_transaction(graph::delete_node_queries(node), context);
            co_return results.front().row_count > 0;
        } catch (const StorageError& error) {
            if (!is_undone(error))
                throw;
        }
    }
}

awaitable<void> remove_all(Database database, OperationContext context)
{
    while (true) {
        try {
            co_await database->execute_transaction(graph::clear_queries(), context);
            co_return;
        } catch (const StorageError& error) {
            if (!is_undone(error))
                throw;
        }
    }
}

/// One small read of the graph's tables.
awaitable<void> touch(Database database, OperationContext context)
{
    std::string sql = "SELECT 1 FROM graph_nodes CROSS JOIN relationships CROSS JOIN users LIMIT 1";
    co_await database->execute_query(std::move(sql), Parameters(), std::move(context));
}

awaitable<void> ensure_schema(Database database, OperationContext context)
{
    try {
        co_await database->setup_schema(WhisperEngineSchema::get_core_schema(), context);
        co_return;
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::permission)
            throw;
    }
    // A database that only reads: others have made its tables, or it is of no use.
    try {
        co_await touch(database, std::move(context));
    } catch (const StorageError& error) {
        throw error.prefixed("the database can only be read and has no graph (open it once for writing): ");
    }
}

} // namespace

MockGraphDatabaseManager::MockGraphDatabaseManager(std::shared_ptr<AbstractDatabaseAdapter> database)
    : database_(std::move(database))
{
    if (!database_)
        throw StorageError(StorageErrc::invalid_argument, "the graph needs a database adapter, not a null pointer");
}

Database MockGraphDatabaseManager::begin(std::string_view operation, const OperationContext& context) const
{
    if (!open_.load())
        throw StorageError(StorageErrc::closed, "not initialized: call initialize() first")
            .within(database_->database_type(), operation);
    context.check_deadline(database_->database_type(), operation);
    return database_;
}

awaitable<void> MockGraphDatabaseManager::initialize(OperationContext context)
{
    if (open_.load())
        co_return;
    co_await named(database_->database_type(), "initialize", ensure_schema(database_, std::move(context)));
    open_ = true;
}

awaitable<void> MockGraphDatabaseManager::cleanup()
{
    open_ = false;
    co_return;
}

awaitable<void> MockGraphDatabaseManager::create_user_node(std::string user_id, json::object properties,
                                                           OperationContext context)
{
    constexpr auto operation = "create_user_node";
    const Database database = begin(operation, context);
    co_await named(database->database_type(), operation,
                   put_nodes(database,
                             graph::one_node(NodeRef::user(std::move(user_id)), std::string(), std::move(properties)),
                             std::move(context)));
}

awaitable<void> MockGraphDatabaseManager::create_memory_node(std::string memory_id, std::string content,
                                                             json::object properties, OperationContext context)
{
    constexpr auto operation = "create_memory_node";
    const Database database = begin(operation, context);
    co_await named(
        database->database_type(), operation,
        put_nodes(database,
                  graph::one_node(NodeRef::memory(std::move(memory_id)), std::move(content), std::move(properties)),
                  std::move(context)));
}

awaitable<void> MockGraphDatabaseManager::create_node(NodeRef node, std::string content, json::object properties,
                                                      OperationContext context)
{
    constexpr auto operation = "create_node";
    const Database database = begin(operation, context);
    co_await named(database->database_type(), operation,
                   put_nodes(database, graph::one_node(std::move(node), std::move(content), std::move(properties)),
                             std::move(context)));
}

awaitable<void> MockGraphDatabaseManager::create_nodes(std::vector<GraphNode> nodes, OperationContext context)
{
    constexpr auto operation = "create_nodes";
    const Database database = begin(operation, context);
    co_await named(database->database_type(), operation, put_nodes(database, std::move(nodes), std::move(context)));
}

awaitable<void> MockGraphDatabaseManager::create_relationship(std::string from_node, std::string to_node,
                                                              std::string relationship_type, json::object properties,
                                                              OperationContext context)
{
    constexpr auto operation = "create_relationship";
    const Database database = begin(operation, context);
    co_await named(database->database_type(), operation,
                   put_edges(database,
                             graph::one_relationship(std::move(from_node), std::move(to_node),
                                                     std::move(relationship_type), std::move(properties)),
                             std::move(context)));
}

awaitable<void> MockGraphDatabaseManager::create_relationships(std::vector<Relationship> relationships,
                                                               OperationContext context)
{
    constexpr auto operation = "create_relationships";
    const Database database = begin(operation, context);
    co_await named(database->database_type(), operation,
                   put_edges(database, std::move(relationships), std::move(context)));
}

awaitable<std::vector<ConnectedMemory>>
MockGraphDatabaseManager::find_connected_memories(std::string user_id, std::string context_words, int max_depth,
                                                  std::int64_t limit, OperationContext context)
{
    constexpr auto operation = "find_connected_memories";
    const Database database = begin(operation, context);
    co_return co_await named(
        database->database_type(), operation,
        find(database, std::move(user_id), std::move(context_words), max_depth, limit, std::move(context)));
}

awaitable<RelationshipNetwork> MockGraphDatabaseManager::get_user_relationship_network(std::string user_id,
                                                                                       int max_depth,
                                                                                       std::int64_t limit,
                                                                                       OperationContext context)
{
    constexpr auto operation = "get_user_relationship_network";
    const Database database = begin(operation, context);
    co_return co_await named(database->database_type(), operation,
                             network(database, std::move(user_id), max_depth, limit, std::move(context)));
}

awaitable<bool> MockGraphDatabaseManager::delete_node(NodeRef node, OperationContext context)
{
    constexpr auto operation = "delete_node";
    const Database database = begin(operation, context);
    co_return co_await named(database->database_type(), operation,
                             remove(database, std::move(node), std::move(context)));
}

awaitable<GraphPart> MockGraphDatabaseManager::export_part(std::string from, std::int64_t limit,
                                                           OperationContext context)
{
    constexpr auto operation = "export_part";
    const Database database = begin(operation, context);
    co_return co_await named(database->database_type(), operation,
                             read_part(database, std::move(from), limit, std::move(context)));
}

awaitable<void> MockGraphDatabaseManager::import_part(GraphPart part, OperationContext context)
{
    constexpr auto operation = "import_part";
    const Database database = begin(operation, context);
    co_await named(database->database_type(), operation, write_part(database, std::move(part), std::move(context)));
}

awaitable<void> MockGraphDatabaseManager::clear(OperationContext context)
{
    constexpr auto operation = "clear";
    const Database database = begin(operation, context);
    co_await named(database->database_type(), operation, remove_all(database, std::move(context)));
}

awaitable<void> MockGraphDatabaseManager::ping(OperationContext context)
{
    constexpr auto operation = "ping";
    const Database database = begin(operation, context);
    co_await named(database->database_type(), operation, touch(database, std::move(context)));
}

std::vector<std::string> MockGraphDatabaseManager::endpoints() const { return database_->endpoints(); }

} // namespace whisperstore
