#include "graph/neighbourhood.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_set>

namespace whisperstore::graph {

std::size_t Neighbourhood::add(NodeRecord node)
{
    const auto [place, added] = by_ref_.emplace(node.ref, nodes_.size());
    if (added)
        nodes_.push_back(std::move(node));
    return place->second;
}

void Neighbourhood::add(const NodeRef& from, const NodeRef& to, EdgeRecord edge)
{
    edge.from = find(from);
    edge.to = find(to);
    if (edge.from != none && edge.to != none)
        edges_.push_back(std::move(edge));
}

std::size_t Neighbourhood::find(const NodeRef& node) const
{
    const auto found = by_ref_.find(node);
    return found == by_ref_.end() ? none : found->second;
}

namespace {

struct Link
{
    std::size_t node;
    std::size_t type;
};

/// The links of each node in one block: those of node i are [first[i], first[i + 1]).
struct Links
{
    std::vector<std::size_t> first;
    std::vector<Link> all;
};

Links links_of(const Neighbourhood& graph, const std::vector<std::string>& types)
{
    std::unordered_map<std::string_view, std::size_t> rank;
    for (std::size_t i = 0; i < types.size(); ++i)
        rank.emplace(types[i], i);
    Links links;
    links.first.assign(graph.nodes().size() + 1, 0);
    for (const EdgeRecord& edge : graph.edges()) {
        ++links.first[edge.from + 1];
        ++links.first[edge.to + 1];
    }
    for (std::size_t i = 1; i < links.first.size(); ++i)
        links.first[i] += links.first[i - 1];
    links.all.resize(links.first.back());
    std::vector<std::size_t> next = links.first;
    for (const EdgeRecord& edge : graph.edges()) {
        const std::size_t type = rank.at(edge.type);
        links.all[next[edge.from]++] = Link{edge.to, type};
        links.all[next[edge.to]++] = Link{edge.from, type};
    }
    return links;
}

} // namespace

ShortestPaths::ShortestPaths(const Neighbourhood& graph, std::size_t start, int max_depth)
    : steps_(graph.nodes().size())
{
    std::unordered_set<std::string_view> types;
    for (const EdgeRecord& edge : graph.edges())
        types.insert(edge.type);
    types_.assign(types.begin(), types.end());
    std::sort(types_.begin(), types_.end());
    const Links links = links_of(graph, types_);

    steps_[start].depth = 0;
    std::vector<std::size_t> level(1, start);
    reached_ = level;
    for (int depth = 1; depth <= max_depth && !level.empty(); ++depth) {
        std::vector<std::size_t> next;
        // The level is in the order of its paths, so the first of two equal ways to a node is the smaller one.
        for (const std::size_t from : level) {
            for (std::size_t i = links.first[from]; i < links.first[from + 1]; ++i) {
                const Link& link = links.all[i];
                Step& step = steps_[link.node];
                if (step.depth < 0) {
                    step.depth = depth;
                    next.push_back(link.node);
                } else if (step.depth != depth || std::tuple(steps_[step.previous].sequence, step.type) <=
                                                      std::tuple(steps_[from].sequence, link.type)) {
                    continue;
                }
                step.previous = from;
                step.type = link.type;
            }
        }
        rank_level(graph, next);
        reached_.insert(reached_.end(), next.begin(), next.end());
        level = std::move(next);
    }
}

void ShortestPaths::rank_level(const Neighbourhood& graph, std::vector<std::size_t>& level)
{
    const auto sequence = [this](std::size_t node) {
        return std::tuple(steps_[steps_[node].previous].sequence, steps_[node].type);
    };
    std::sort(level.begin(), level.end(), [&](std::size_t a, std::size_t b) {
        const auto key = [&](std::size_t node) {
            return std::tuple_cat(sequence(node), std::tuple(steps_[steps_[node].previous].position));
        };
        if (const auto key_a = key(a), key_b = key(b); key_a != key_b)
            return key_a < key_b;
        return graph.nodes()[a].ref < graph.nodes()[b].ref;
    });
    for (std::size_t i = 0; i < level.size(); ++i) {
        Step& step = steps_[level[i]];
        step.position = i;
        if (i > 0)
            step.sequence = steps_[level[i - 1]].sequence + (sequence(level[i]) == sequence(level[i - 1]) ? 0 : 1);
    }
}

std::vector<std::string> ShortestPaths::types(std::size_t node) const
{
    std::vector<std::string> types;
    for (; steps_[node].depth > 0; node = steps_[node].previous)
        types.push_back(types_[steps_[node].type]);
    std::reverse(types.begin(), types.end());
    return types;
}

} // namespace whisperstore::graph
