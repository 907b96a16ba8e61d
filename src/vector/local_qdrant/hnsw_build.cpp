// The only place that sees hnswlib. Its namespace is renamed, so that an application that uses hnswlib itself, in
// another version or with other compiler flags, cannot end up with a mixture of both.
#define hnswlib whisperstore_hnswlib
#include "vector/local_qdrant/hnsw_graph.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <hnswlib/hnswlib.h>
#include <stdexcept>

namespace whisperstore::local_qdrant {

namespace {

namespace hnsw = hnswlib;
using Library = hnsw::HierarchicalNSW<float>;

constexpr std::size_t candidates_of_an_insertion = 200;
constexpr std::size_t nodes_between_stops = 16;

/// What hnswlib keeps for a node: a scale and a code.
class CodeSpace final : public hnsw::SpaceInterface<float>
{
public:
    explicit CodeSpace(std::size_t length) : parameters_{length, fastest_code_product()} {}

    std::size_t get_data_size() override { return sizeof(float) + parameters_.length; }
    hnsw::DISTFUNC<float> get_dist_func() override { return &distance; }
    void* get_dist_func_param() override { return &parameters_; }

private:
    struct Parameters
    {
        std::size_t length;
        CodeProduct product;
    };
    static float distance(const void* a, const void* b, const void* parameters)
    {
        const auto& [length, product] = *static_cast<const Parameters*>(parameters);
        float scale_a = 0;
        float scale_b = 0;
        std::memcpy(&scale_a, a, sizeof(float));
        std::memcpy(&scale_b, b, sizeof(float));
        const auto* code_a = static_cast<const std::int8_t*>(a) + sizeof(float);
        const auto* code_b = static_cast<const std::int8_t*>(b) + sizeof(float);
        return -scale_a * scale_b * static_cast<float>(product(code_a, code_b, length));
    }
    Parameters parameters_;
};

void put_data(char* at, const VectorCodes& codes, std::size_t node)
{
    const float scale = codes.scale(node);
    std::memcpy(at, &scale, sizeof(float));
    std::memcpy(at + sizeof(float), codes.code(node), codes.length());
}

/// Gives an empty index the nodes of a sealed graph, as if they had been added to it. Their labels are not entered:
/// they would be of use for replacing a node only.
void put_graph(Library& library, const HnswGraph& graph, const VectorCodes& codes)
{
    for (std::size_t node = 0; node < graph.size(); ++node) {
        const auto id = static_cast<hnsw::tableint>(node);
        const std::size_t level = graph.levels[node];
        if (level > 0) {
            const std::size_t bytes = level * library.size_links_per_element_;
            char* const lists = static_cast<char*>(std::malloc(bytes + 1)); // the library frees it
            if (lists == nullptr)
                throw std::bad_alloc();
            std::memcpy(lists, graph.upper.data() + graph.upper_begin[node] * HnswGraph::upper_stride, bytes);
            library.linkLists_[node] = lists;
        }
        library.element_levels_[node] = static_cast<int>(level);
        library.cur_element_count = node + 1; // what it frees when this function throws
        const auto links = graph.links(static_cast<HnswGraph::Node>(node));
        hnsw::linklistsizeint* const list = library.get_linklist0(id);
        std::memset(list, 0, library.size_links_level0_);
        library.setListCount(list, static_cast<unsigned short>(links.size()));
        std::ranges::copy(links, list + 1);
        put_data(library.getDataByInternalId(id), codes, node);
        library.setExternalLabel(id, node);
    }
    if (graph.size() == 0)
        return;
    library.enterpoint_node_ = graph.entry;
    library.maxlevel_ = graph.levels[graph.entry];
}

HnswGraph take_graph(const Library& library)
{
    HnswGraph graph;
    const std::size_t count = library.cur_element_count;
    graph.entry = library.enterpoint_node_;
    graph.base_begin.reserve(count + 1);
    graph.base_begin.push_back(0);
    std::size_t links = 0;
    for (std::size_t node = 0; node < count; ++node)
        links += library.getListCount(library.get_linklist0(static_cast<hnsw::tableint>(node)));
    graph.base.reserve(links);
    graph.levels.resize(count);
    for (std::size_t node = 0; node < count; ++node) {
        const auto id = static_cast<hnsw::tableint>(node);
        hnsw::linklistsizeint* const list = library.get_linklist0(id);
        graph.base.insert(graph.base.end(), list + 1, list + 1 + library.getListCount(list));
        graph.base_begin.push_back(static_cast<std::uint32_t>(graph.base.size()));
        const auto level = static_cast<std::size_t>(library.element_levels_[node]);
        graph.levels[node] = static_cast<std::uint8_t>(level);
        const auto* lists = reinterpret_cast<const HnswGraph::Node*>(library.linkLists_[node]);
        if (level > 0)
            graph.upper.insert(graph.upper.end(), lists, lists + level * HnswGraph::upper_stride);
    }
    graph.upper.shrink_to_fit();
    return graph;
}

} // namespace

std::optional<HnswGraph> build_graph(const HnswGraph& base, const VectorCodes& codes, const std::function<bool()>& stop)
{
    CodeSpace space(codes.length());
    // Another seed for each size: the levels of what is added must not repeat those of the first nodes.
    const std::size_t seed = 100 + base.size();
    Library library(&space, codes.size(), HnswGraph::upper_degree, candidates_of_an_insertion, seed);
    put_graph(library, base, codes);
    std::vector<char> data(space.get_data_size());
    for (std::size_t node = base.size(); node < codes.size(); ++node) {
        if (node % nodes_between_stops == 0 && stop && stop())
            return std::nullopt;
        put_data(data.data(), codes, node);
        library.addPoint(data.data(), node, -1);
    }
    HnswGraph graph = take_graph(library);
    if (!graph.complete())
        throw std::logic_error("hnswlib made a graph that does not fit together");
    return graph;
}

} // namespace whisperstore::local_qdrant
