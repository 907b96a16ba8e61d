#pragma once
// The inner product that all scores come from.

#include <cstddef>
#include <vector>

namespace whisperstore::local_qdrant {

/// Vectors are stored with zeros up to a multiple of this many floats, so that kernels have no tail.
constexpr std::size_t dot_block = 32;

constexpr std::size_t padded(std::size_t dimension) noexcept
{
    return (dimension + dot_block - 1) / dot_block * dot_block;
}

/// Sum of a[i] * b[i] over `size` floats, a multiple of dot_block.
using DotProduct = float (*)(const float* a, const float* b, std::size_t size) noexcept;

/// The fastest kernel for the processor at hand.
DotProduct fastest_dot_product() noexcept;
/// Every kernel that this processor can run.
std::vector<DotProduct> usable_dot_products();

} // namespace whisperstore::local_qdrant
