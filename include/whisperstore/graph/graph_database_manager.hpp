#pragma once
/// \file
/// The graph interface that every graph backend implements.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

enum class NodeType
{
    user,
    memory,
    topic,
    emotion,
    fact
};
std::string_view to_string(NodeType type) noexcept; ///< "user", "memory", …

/// A typed reference to a node: `user:42`, `memory:m-1`, `topic:music`.
struct NodeRef
{
    NodeType type = NodeType::user;
    std::string id; ///< non-empty UTF-8, at most 1,024 bytes

    static NodeRef user(std::string id) { return NodeRef{NodeType::user, std::move(id)}; }
    static NodeRef memory(std::string id) { return NodeRef{NodeType::memory, std::move(id)}; }
    static NodeRef topic(std::string id) { return NodeRef{NodeType::topic, std::move(id)}; }
    static NodeRef emotion(std::string id) { return NodeRef{NodeType::emotion, std::move(id)}; }
    static NodeRef fact(std::string id) { return NodeRef{NodeType::fact, std::move(id)}; }
    /// Reads `type:id`; nothing for a bare id (one without a known type before the first colon).
    static std::optional<NodeRef> try_parse(std::string_view text);
    std::string text() const;
    friend auto operator<=>(const NodeRef&, const NodeRef&) = default;
};

/// A memory found by find_connected_memories().
struct ConnectedMemory
{
    std::string memory_id;
    std::string content;
    json::object properties;
    int depth = 0;                               ///< edges on the shortest path
    std::vector<std::string> relationship_types; ///< along that path; of equal paths the smallest sequence
    double importance = 0.5;
    json::object to_json() const;
};

/// A node or an edge of get_user_relationship_network().
struct NetworkNode
{
    NodeRef node;
    std::string content;
    json::object properties;
    int depth = 0;
};
struct NetworkEdge
{
    NodeRef from;
    NodeRef to;
    std::string relationship_type;
    double strength = 0.5;
    std::int64_t interaction_count = 0;
    std::string last_interaction; ///< canonical timestamp
    json::object properties;
};
/// A user's surroundings; nodes by depth, type, id; edges by from, type, to.
struct RelationshipNetwork
{
    std::string user_id;
    std::vector<NetworkNode> nodes;
    std::vector<NetworkEdge> edges;
    std::vector<std::pair<std::string, std::int64_t>> counts; ///< edges by relationship type, sorted by type
    bool truncated = false;                                   ///< whether the bound cut something off
    json::object to_json() const;
};

/// One node for create_nodes().
struct GraphNode
{
    NodeRef node;
    std::string content; ///< of users: ignored
    json::object properties;
};

/// One relationship for create_relationships().
struct Relationship
{
    std::string from_node;
    std::string to_node;
    std::string relationship_type;
    json::object properties;
    /// Leave an edge that is there already exactly as it is, its interaction count included.
    bool keep_existing = false;
};

/// A part of a whole graph on its way to another store.
struct GraphPart
{
    std::vector<GraphNode> nodes;
    std::vector<NetworkEdge> edges;
    std::string next; ///< where the next part begins, opaque; empty after the last one
};

/// Universal graph operations interface.
///
/// Creating is an upsert that merges properties: a key set to null is removed, keys not mentioned
/// stay; the content is replaced. Upserts at once lose nothing. Property values are scalars and lists of scalars of one
/// kind (integers and reals are two: write 1.0 among reals), integers have 64 bits and a sign; keys are non-empty UTF-8
/// of at most 255 bytes; nesting is `invalid_argument`. Three properties have a meaning: `importance` (number, of
/// memories; default 0.5), `user_id` (text: the owner of a memory, topic, emotion or fact) and, on relationships,
/// `strength` (number 0-1; default 0.5). Relationship types are `[A-Z][A-Z0-9_]{0,63}`.
///
/// A memory without the property `user_id` belongs to the user of the first relationship that led from a user to it. An
/// owner must exist (`not_found`). Users see their own nodes, other users, and the topics, emotions and facts that
/// belong to nobody; a memory of nobody is seen by no one.
///
/// Thread safe. Every operation observes the deadline of its OperationContext (`timeout`) and the coroutine's
/// cancellation slot (`cancelled`). Before initialize() and after cleanup() operations are `closed`; both may be called
/// twice.
class GraphDatabaseManager
{
public:
    virtual ~GraphDatabaseManager() = default;

    virtual awaitable<void> initialize(OperationContext context = OperationContext()) = 0;
    virtual awaitable<void> cleanup() = 0;

    /// `username` (text) is the user's name where the backend keeps one beside the node; without it the id.
    virtual awaitable<void> create_user_node(std::string user_id, json::object properties = json::object(),
                                             OperationContext context = OperationContext()) = 0;
    virtual awaitable<void> create_memory_node(std::string memory_id, std::string content,
                                               json::object properties = json::object(),
                                               OperationContext context = OperationContext()) = 0;
    /// Creates any node: topics, emotions and facts have a content too.
    virtual awaitable<void> create_node(NodeRef node, std::string content, json::object properties = json::object(),
                                        OperationContext context = OperationContext()) = 0;
    /// Several nodes of any types, in order, in one transaction.
    virtual awaitable<void> create_nodes(std::vector<GraphNode> nodes,
                                         OperationContext context = OperationContext()) = 0;

    /// Upsert on (from, type, to): merges properties, counts the interaction, sets last_interaction.
    /// Ends are typed references; a bare id is looked up as user, then as memory.
    /// \throws StorageError not_found when an end is missing.
    virtual awaitable<void> create_relationship(std::string from_node, std::string to_node,
                                                std::string relationship_type, json::object properties = json::object(),
                                                OperationContext context = OperationContext()) = 0;
    /// Several in one transaction.
    virtual awaitable<void> create_relationships(std::vector<Relationship> relationships,
                                                 OperationContext context = OperationContext()) = 0;

    /// Memories of the user within `max_depth` edges (1-10), at most `limit` (0-1,000), from one state of the graph.
    /// Edges are followed both ways; only memories owned by the user are returned, and only nodes that the user sees
    /// are passed through. The path is a shortest one: of several the one with the smallest sequence of types, then of
    /// nodes (by type in the order of NodeType, then id). A memory is kept when any word of `context_words` is a
    /// substring (case folded) of its content, of a property value (but of `user_id`), or of the content, a property
    /// value or (of topics and emotions) the id of a node between the user and the memory on that path; words are
    /// parted by white space, and without words all are kept. Order: depth, importance descending, id.
    /// \throws StorageError not_found for an unknown user.
    virtual awaitable<std::vector<ConnectedMemory>>
    find_connected_memories(std::string user_id, std::string context_words, int max_depth = 3, std::int64_t limit = 50,
                            OperationContext context = OperationContext()) = 0;

    /// The nodes that the user sees within `max_depth` edges (1-10), and the edges among them that can be walked in as
    /// many steps from the user; from one state of the graph. Beside the user at most `limit` (0-1,000) nodes, chosen
    /// by depth, importance descending, type and id, and at most ten times as many edges. Counts are of the edges
    /// returned.
    /// \throws StorageError not_found for an unknown user.
    virtual awaitable<RelationshipNetwork>
    get_user_relationship_network(std::string user_id, int max_depth = 2, std::int64_t limit = 200,
                                  OperationContext context = OperationContext()) = 0;

    /// Deletes the node and every edge touching it; a user takes the nodes they own along (but nothing outside the
    /// graph). Returns whether it existed.
    virtual awaitable<bool> delete_node(NodeRef node, OperationContext context = OperationContext()) = 0;

    /// The whole graph, part by part: all nodes, users before the others, then all edges, of those that lead from users
    /// to one memory the oldest first. The first part is that from an empty text. A part has some `limit` (1-10,000)
    /// nodes or edges, more only where they are the edges of one node. Parts are read one by one: what others write
    /// meanwhile may be in it or not, an edge may be there without its ends.
    /// \throws StorageError invalid_argument for a `from` of another store.
    virtual awaitable<GraphPart> export_part(std::string from = std::string(), std::int64_t limit = 1000,
                                             OperationContext context = OperationContext()) = 0;
    /// Writes a part as create_nodes() and create_relationships() would, but edges get the count and the time of their
    /// interactions as they are, and owners that are not there are created. Twice is as good as once.
    /// \throws StorageError not_found when an end of an edge is missing.
    virtual awaitable<void> import_part(GraphPart part, OperationContext context = OperationContext()) = 0;

    /// Removes every node and relationship, but nothing outside the graph. On a server in several transactions: one
    /// that fails or is cancelled has removed a part, and the same call again goes on.
    virtual awaitable<void> clear(OperationContext context = OperationContext()) = 0;

    /// Whether the database answers, by one small read. \throws StorageError when it does not.
    virtual awaitable<void> ping(OperationContext context = OperationContext()) = 0;

    /// "sqlite", "neo4j" or "neo4j_cluster".
    virtual std::string_view graph_database_type() const noexcept = 0;
    virtual std::vector<std::string> endpoints() const = 0;
    /// What this backend tells about itself without asking a server: see docs/metrics.md. Empty where there is nothing.
    virtual json::object get_details() const { return json::object(); }
};

} // namespace whisperstore
