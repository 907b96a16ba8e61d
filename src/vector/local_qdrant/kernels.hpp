#pragma once
// Which of two versions of a kernel the processor at hand can run.

#include <vector>

namespace whisperstore::local_qdrant {

/// Whether it has the instructions that the fast versions are compiled for.
inline bool has_fast_instructions() noexcept
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
#else
    return false;
#endif
}

/// The slower first.
template <typename Kernel>
std::vector<Kernel> usable_kernels(Kernel portable, Kernel fast)
{
    std::vector<Kernel> kernels(1, portable);
    if (has_fast_instructions())
        kernels.push_back(fast);
    return kernels;
}

} // namespace whisperstore::local_qdrant
