#include "raw_hnsw.hpp"

#include <hnswlib/hnswlib.h>

namespace whisperstore::bench {

struct RawHnsw::Index
{
    Index(std::size_t dimension, std::size_t most) : space(dimension), graph(&space, most, 16, 200) {}
    hnswlib::InnerProductSpace space;
    hnswlib::HierarchicalNSW<float> graph;
};

RawHnsw::RawHnsw(std::size_t dimension, std::size_t most) : index_(std::make_unique<Index>(dimension, most)) {}
RawHnsw::~RawHnsw() = default;

void RawHnsw::add(const float* vector, std::size_t label) { index_->graph.addPoint(vector, label); }

std::vector<std::size_t> RawHnsw::search(const float* query, std::size_t limit, std::size_t ef)
{
    index_->graph.setEf(ef);
    auto found = index_->graph.searchKnn(query, limit);
    std::vector<std::size_t> labels;
    for (; !found.empty(); found.pop())
        labels.push_back(found.top().second);
    return labels;
}

} // namespace whisperstore::bench
