#pragma once
// A second, naive opinion on what graph searches answer.

#include <whisperstore/graph/graph_database_manager.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace whisperstore::test {

/// A graph as an application would build it, in plain lists.
struct PlainGraph
{
    struct Node
    {
        NodeRef ref;
        std::string content;
        json::object properties;
        std::optional<std::string> owner; ///< as it must come out, whether by property or by edge
    };
    struct Edge
    {
        NodeRef from;
        std::string type;
        NodeRef to;
    };
    std::vector<Node> nodes;
    std::vector<Edge> edges;
};

/// Two users, memories of both and of nobody, shared and owned topics, emotions and facts, and edges of a few types in
/// all directions: small enough to walk every path.
PlainGraph random_graph(std::mt19937& random);

/// Walks every path, however long that takes.
std::vector<ConnectedMemory> naive_memories(const PlainGraph& graph, const std::string& user_id,
                                            const std::vector<std::string>& lower_case_words, int max_depth,
                                            std::int64_t limit);

/// One line a memory, for comparisons that print well.
std::string describe(const std::vector<ConnectedMemory>& memories);

} // namespace whisperstore::test
