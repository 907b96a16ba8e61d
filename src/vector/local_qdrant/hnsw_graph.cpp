#include "vector/local_qdrant/hnsw_graph.hpp"

#include <algorithm>

namespace whisperstore::local_qdrant {

bool HnswGraph::complete()
{
    const std::size_t count = size();
    if (count == 0 || base.size() != count * base_stride || entry >= count)
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
        if (base[node * base_stride] > base_degree)
            return false;
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
           upper_begin.capacity() * sizeof(std::uint32_t);
}

} // namespace whisperstore::local_qdrant
