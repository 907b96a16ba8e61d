#include "vector/local_qdrant/hnsw_graph.hpp"

#include <algorithm>

namespace whisperstore::local_qdrant {

bool HnswGraph::complete()
{
    const std::size_t count = size();
    if (count == 0 || entry >= count || base_begin.size() != count + 1 || base_begin.front() != 0 ||
        base_begin.back() != base.size())
        return false;
    for (std::size_t node = 0; node < count; ++node)
        if (base_begin[node + 1] < base_begin[node] || base_begin[node + 1] - base_begin[node] > base_degree)
            return false;
    upper_begin.resize(count);
    std::size_t lists = 0;
    for (std::size_t node = 0; node < count; ++node) {
        if (levels[node] > highest_level || levels[node] > levels[entry])
            return false;
        upper_begin[node] = static_cast<std::uint32_t>(lists);
        lists += levels[node];
    }
    if (lists > UINT32_MAX || upper.size() != lists * upper_stride)
        return false;
    for (std::size_t node = 0; node < count; ++node) {
        for (const Node link : links(static_cast<Node>(node)))
            if (link >= count)
                return false;
        for (std::size_t level = 1; level <= levels[node]; ++level) {
            if (upper[(upper_begin[node] + level - 1) * upper_stride] > upper_degree)
                return false;
            for (const Node link : links(static_cast<Node>(node), level))
                if (link >= count || levels[link] < level)
                    return false;
        }
    }
    return true;
}

std::size_t HnswGraph::memory() const noexcept
{
    return (base.capacity() + upper.capacity()) * sizeof(Node) + levels.capacity() +
           (base_begin.capacity() + upper_begin.capacity()) * sizeof(std::uint32_t);
}

} // namespace whisperstore::local_qdrant
