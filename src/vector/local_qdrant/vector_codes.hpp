#pragma once
// Vectors in one byte per dimension: a quarter of the memory that a graph search has to move. They lead
// a search to its candidates; scores come from the floats.

#include "vector/local_qdrant/dot_product.hpp"

#include <boost/align/aligned_allocator.hpp>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace whisperstore::local_qdrant {

/// Codes with a scale each: component = scale * code. All have one length, a multiple of dot_block.
class VectorCodes
{
public:
    explicit VectorCodes(std::size_t length = 0) : length_(length) {}

    std::size_t length() const noexcept { return length_; }
    std::size_t size() const noexcept { return scales_.size(); }
    const std::int8_t* code(std::size_t i) const noexcept { return codes_.data() + i * length_; }
    float scale(std::size_t i) const noexcept { return scales_[i]; }

    void reserve(std::size_t size);
    /// Appends the code of a vector of length() finite floats.
    void append(const float* vector);
    /// Appends zeros: as dissimilar to anything as a vector can be that stands for nothing.
    void append_nothing();
    void append(const VectorCodes& other);

    std::span<const float> scales() const noexcept { return scales_; }
    std::span<const std::int8_t> codes() const noexcept { return codes_; }
    /// Room for `size` vectors that the caller fills.
    std::pair<std::span<float>, std::span<std::int8_t>> resize(std::size_t size);
    std::size_t memory() const noexcept { return codes_.capacity() + scales_.capacity() * sizeof(float); }

private:
    std::size_t length_;
    std::vector<float> scales_;
    std::vector<std::int8_t, boost::alignment::aligned_allocator<std::int8_t, 64>> codes_;
};

/// Sum of a[i] * b[i] over `size` codes between -127 and 127, a multiple of dot_block up to 65536. All kernels agree
/// exactly.
using CodeProduct = std::int32_t (*)(const std::int8_t* a, const std::int8_t* b, std::size_t size) noexcept;

/// The fastest kernel for the processor at hand.
CodeProduct fastest_code_product() noexcept;
/// Every kernel that this processor can run.
std::vector<CodeProduct> usable_code_products();

} // namespace whisperstore::local_qdrant
