#pragma once
// hnswlib as its users have it: float vectors, compiled for the processor at hand.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace whisperstore::bench {

class RawHnsw
{
public:
    RawHnsw(std::size_t dimension, std::size_t most);
    ~RawHnsw();
    RawHnsw(const RawHnsw&) = delete;
    RawHnsw& operator=(const RawHnsw&) = delete;

    void add(const float* vector, std::size_t label);
    /// The nearest ones, in no order.
    std::vector<std::size_t> search(const float* query, std::size_t limit, std::size_t ef);

private:
    struct Index;
    std::unique_ptr<Index> index_;
};

} // namespace whisperstore::bench
