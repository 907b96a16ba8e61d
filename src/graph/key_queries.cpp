#include "graph/key_queries.hpp"

#include <algorithm>
#include <array>

namespace whisperstore::graph {

namespace {

// Keys asked for in one query. Few sizes, so that prepared statements are found again; a short list repeats its last
// key.
constexpr std::array<std::size_t, 4> sizes{1, 4, 16, 64};

} // namespace

std::vector<Query> ask_for(const std::string& select, const std::string& condition, const std::vector<Key>& keys)
{
    std::vector<Query> list;
    for (std::size_t at = 0; at < keys.size();) {
        const std::size_t count = std::min(keys.size() - at, sizes.back());
        const std::size_t size = *std::lower_bound(sizes.begin(), sizes.end(), count);
        Query one = query(select);
        for (std::size_t i = 0; i < size; ++i) {
            one.sql += (i == 0 ? " WHERE (" : " OR (") + condition + ")";
            for (const std::string& part : keys[at + std::min(i, count - 1)])
                one.params.add("", part);
        }
        list.push_back(std::move(one));
        at += count;
    }
    return list;
}

std::vector<Query> lock_nodes(const std::set<NodeRef>& nodes, NodeLock lock, SqlDialect dialect)
{
    if (dialect == SqlDialect::sqlite)
        return {};
    std::vector<Key> keys;
    for (const NodeRef& node : nodes)
        keys.push_back(key_of(node));
    std::sort(keys.begin(), keys.end()); // as the database sorts them
    std::vector<Query> list =
        ask_for("SELECT node_type, node_id FROM graph_nodes", "node_type = ? AND node_id = ?", keys);
    for (Query& one : list)
        one.sql +=
            std::string(" ORDER BY node_type, node_id FOR ") + (lock == NodeLock::changes ? "UPDATE" : "KEY SHARE");
    return list;
}

Key key_of(const NodeRef& node) { return {std::string(to_string(node.type)), node.id}; }

} // namespace whisperstore::graph
