#pragma once
// The answers to find_connected_memories() and get_user_relationship_network(), made from what a store has read. Pure,
// so that every backend gives the same ones.

#include "graph/neighbourhood.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::graph {

/// The words a memory must have one of.
class ContextWords
{
public:
    /// Throws StorageError invalid_argument for text that is not UTF-8.
    explicit ContextWords(std::string_view context);

    /// No words: everything is kept.
    bool empty() const noexcept { return words_.empty(); }
    /// Whether a word is in the content or in a property value. `user_id` does not count: it says whose a node is, and
    /// would make every memory match its owner's id.
    bool in_node(const NodeRecord& node) const;
    /// As in_node(), for a node on the way to a memory: the names of topics and emotions count too.
    bool on_path(const NodeRecord& node) const;

private:
    bool in_text(std::string_view text) const;
    bool in_value(const json::value& value) const;
    std::vector<std::string> words_; // case folded
};

/// A memory of an answer, but for its path.
ConnectedMemory connected_memory(const NodeRecord& node);

/// A memory beside the user, with the smallest type of the edges between them.
struct DirectMemory
{
    NodeRecord node;
    std::string relationship_type;
};
/// Those that have one of the words, the first `limit` of them. When these are enough they are the answer to a search,
/// and nothing else need be read. They come in the order of an answer: importance descending, id.
std::vector<ConnectedMemory> direct_memories(const std::vector<DirectMemory>& memories, const ContextWords& words,
                                             std::int64_t limit);
/// How many of the most important of them are read for that: some more than wanted when words choose among them.
std::int64_t direct_memories_to_read(const ContextWords& words, std::int64_t limit);

/// `graph` holds the user's node and everything the user may see within `max_depth` edges; more does no harm.
std::vector<ConnectedMemory> find_memories(const Neighbourhood& graph, const std::string& user_id,
                                           const ContextWords& words, int max_depth, std::int64_t limit);

/// As find_memories(); edges with their details.
RelationshipNetwork make_network(const Neighbourhood& graph, const std::string& user_id, int max_depth,
                                 std::int64_t limit);

} // namespace whisperstore::graph
