#include "vector/local_qdrant/vector_codes.hpp"

#include "vector/local_qdrant/kernels.hpp"

#include <algorithm>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace whisperstore::local_qdrant {

namespace {

constexpr float largest_code = 127; // not -128, so that the kernels can take absolute values

std::int32_t portable(const std::int8_t* a, const std::int8_t* b, std::size_t size) noexcept
{
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < size; ++i)
        sum += static_cast<std::int32_t>(a[i]) * static_cast<std::int32_t>(b[i]);
    return sum;
}

#if defined(__x86_64__)

// The instruction that multiplies bytes takes one side without signs: so |a| * (b with the sign of a). Two products
// of 127 * 127 fit into the 16 bits that it adds them in.
__attribute__((target("avx2"))) std::int32_t avx2(const std::int8_t* a, const std::int8_t* b, std::size_t size) noexcept
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum = _mm256_setzero_si256();
    for (std::size_t i = 0; i < size; i += dot_block) {
        const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i));
        const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i));
        const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(y, x));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    __m128i quad = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    quad = _mm_add_epi32(quad, _mm_shuffle_epi32(quad, 0x4E));
    quad = _mm_add_epi32(quad, _mm_shuffle_epi32(quad, 0xB1));
    return _mm_cvtsi128_si32(quad);
}

constexpr CodeProduct fast = avx2;

#else

constexpr CodeProduct fast = portable; // never asked for

#endif

} // namespace

void VectorCodes::reserve(std::size_t size)
{
    scales_.reserve(size);
    codes_.reserve(size * length_);
}

void VectorCodes::append(const float* vector)
{
    float largest = 0;
    for (std::size_t i = 0; i < length_; ++i)
        largest = std::max(largest, std::abs(vector[i]));
    if (!(largest > 0)) {
        append_nothing();
        return;
    }
    scales_.push_back(largest / largest_code);
    const float factor = largest_code / largest;
    const std::size_t begin = codes_.size();
    codes_.resize(begin + length_);
    std::int8_t* const code = codes_.data() + begin;
    for (std::size_t i = 0; i < length_; ++i) {
        const float scaled = vector[i] * factor;
        code[i] =
            static_cast<std::int8_t>(std::clamp(scaled + std::copysign(0.5F, scaled), -largest_code, largest_code));
    }
}

void VectorCodes::append_nothing()
{
    scales_.push_back(0);
    codes_.resize(codes_.size() + length_);
}

void VectorCodes::append(const VectorCodes& other)
{
    scales_.insert(scales_.end(), other.scales_.begin(), other.scales_.end());
    codes_.insert(codes_.end(), other.codes_.begin(), other.codes_.end());
}

std::pair<std::span<float>, std::span<std::int8_t>> VectorCodes::resize(std::size_t size)
{
    scales_.resize(size);
    codes_.resize(size * length_);
    return {scales_, codes_};
}

std::vector<CodeProduct> usable_code_products() { return usable_kernels<CodeProduct>(portable, fast); }

CodeProduct fastest_code_product() noexcept { return has_fast_instructions() ? fast : portable; }

} // namespace whisperstore::local_qdrant
