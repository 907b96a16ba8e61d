#include "vector/local_qdrant/dot_product.hpp"

#include "vector/local_qdrant/kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace whisperstore::local_qdrant {

namespace {

// Several accumulators: one alone would make each addition wait for the one before, and without
// -ffast-math (which would break the checks for NaN) a compiler must not split it itself.
float portable(const float* a, const float* b, std::size_t size) noexcept
{
    constexpr std::size_t lanes = 16;
    float sums[lanes] = {};
    for (std::size_t i = 0; i < size; i += lanes)
        for (std::size_t lane = 0; lane < lanes; ++lane)
            sums[lane] += a[i + lane] * b[i + lane];
    for (std::size_t width = lanes / 2; width > 0; width /= 2)
        for (std::size_t lane = 0; lane < width; ++lane)
            sums[lane] += sums[lane + width];
    return sums[0];
}

#if defined(__x86_64__)

__attribute__((target("avx2,fma"))) float avx2(const float* a, const float* b, std::size_t size) noexcept
{
    __m256 first = _mm256_setzero_ps();
    __m256 second = _mm256_setzero_ps();
    __m256 third = _mm256_setzero_ps();
    __m256 fourth = _mm256_setzero_ps();
    for (std::size_t i = 0; i < size; i += dot_block) {
        first = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), first);
        second = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), second);
        third = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16), third);
        fourth = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24), fourth);
    }
    const __m256 sum = _mm256_add_ps(_mm256_add_ps(first, second), _mm256_add_ps(third, fourth));
    __m128 quad = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
    quad = _mm_add_ps(quad, _mm_movehl_ps(quad, quad));
    quad = _mm_add_ss(quad, _mm_shuffle_ps(quad, quad, 1));
    return _mm_cvtss_f32(quad);
}

constexpr DotProduct fast = avx2;

#else

constexpr DotProduct fast = portable; // never asked for

#endif

} // namespace

std::vector<DotProduct> usable_dot_products() { return usable_kernels<DotProduct>(portable, fast); }

DotProduct fastest_dot_product() noexcept { return has_fast_instructions() ? fast : portable; }

} // namespace whisperstore::local_qdrant
