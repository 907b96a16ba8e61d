#include "embedding/local/processors.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

namespace whisperstore::local_embedding {

namespace {

/// Inside a container the root of the hierarchy that is seen is the container's own group.
std::optional<double> container_share(const std::filesystem::path& root)
{
    const std::filesystem::path groups = root / "sys/fs/cgroup";
    std::string quota;
    double period = 0;
    if (std::ifstream both(groups / "cpu.max"); both >> quota >> period) {
        // version 2: "200000 100000", or "max 100000" without a limit
    } else {
        std::ifstream first(groups / "cpu/cpu.cfs_quota_us");
        std::ifstream second(groups / "cpu/cpu.cfs_period_us");
        if (!(first >> quota) || !(second >> period))
            return std::nullopt;
    }
    char* end = nullptr;
    const double amount = std::strtod(quota.c_str(), &end);
    if (end == quota.c_str() || *end != '\0' || !(amount > 0) || !(period > 0))
        return std::nullopt;
    return amount / period;
}

} // namespace

std::size_t usable_processors(const std::filesystem::path& root)
{
    const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
    const std::optional<double> share = container_share(root);
    if (!share || *share >= static_cast<double>(processors))
        return processors;
    return static_cast<std::size_t>(std::ceil(*share));
}

} // namespace whisperstore::local_embedding
