#pragma once
// The part of a graph that a search works on, as read from a store. Pure.

#include <whisperstore/graph/graph_database_manager.hpp>

#include <cstddef>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace whisperstore::graph {

/// Properties as a store has given them: JSON text of an object (or nothing), parsed when somebody looks at it, or the
/// object itself.
using StoredProperties = std::variant<std::string, json::object>;

/// A node the user may see.
struct NodeRecord
{
    NodeRef ref;
    std::string content;
    StoredProperties properties;
    double importance = 0.5;
};

struct EdgeRecord
{
    std::size_t from = 0; ///< index of a node
    std::size_t to = 0;
    std::string type;
    // The rest is read for networks only.
    double strength = 0.5;
    std::int64_t interaction_count = 0;
    std::string last_interaction;
    StoredProperties properties;
};

/// Nodes and the edges between them.
class Neighbourhood
{
public:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    /// Adds a node once; the first of equal references stays. Returns its index.
    std::size_t add(NodeRecord node);
    /// Adds an edge between two known nodes; otherwise does nothing: what may not be seen has no node here.
    void add(const NodeRef& from, const NodeRef& to, EdgeRecord edge);
    std::size_t find(const NodeRef& node) const;

    const std::vector<NodeRecord>& nodes() const noexcept { return nodes_; }
    const std::vector<EdgeRecord>& edges() const noexcept { return edges_; }

private:
    struct Hash
    {
        std::size_t operator()(const NodeRef& node) const noexcept
        {
            return std::hash<std::string>()(node.id) * 31 + static_cast<std::size_t>(node.type);
        }
    };
    std::vector<NodeRecord> nodes_;
    std::vector<EdgeRecord> edges_;
    std::unordered_map<NodeRef, std::size_t, Hash> by_ref_;
};

/// Shortest paths from one node; edges go both ways. Of equally short paths the one with the smallest sequence of
/// relationship types counts, of those the one with the smallest sequence of nodes.
class ShortestPaths
{
public:
    ShortestPaths(const Neighbourhood& graph, std::size_t start, int max_depth);

    /// Edges from the start; -1 where no path of at most `max_depth` leads.
    int depth(std::size_t node) const { return steps_[node].depth; }
    /// The node before on the path; Neighbourhood::none for the start.
    std::size_t previous(std::size_t node) const { return steps_[node].previous; }
    /// The relationship types along the path.
    std::vector<std::string> types(std::size_t node) const;
    /// All that were reached, nearest first.
    const std::vector<std::size_t>& reached() const noexcept { return reached_; }

private:
    struct Step
    {
        int depth = -1;
        std::size_t previous = Neighbourhood::none;
        std::size_t type = 0;     ///< index into types_ of the last edge
        std::size_t sequence = 0; ///< rank of the type sequence among those of this depth
        std::size_t position = 0; ///< rank of the whole path among those of this depth
    };
    void rank_level(const Neighbourhood& graph, std::vector<std::size_t>& level);

    std::vector<std::string> types_; // sorted
    std::vector<Step> steps_;
    std::vector<std::size_t> reached_;
};

} // namespace whisperstore::graph
