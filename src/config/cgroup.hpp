#pragma once
// Limits of Linux control groups, read below a root directory.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::config {

/// A whole small file, or nothing where it cannot be read.
std::optional<std::string> read_small_file(const std::filesystem::path& file);
std::vector<std::string_view> split(std::string_view text, std::string_view separators);

struct CgroupLimits
{
    std::optional<double> memory_bytes;
    std::optional<double> cpu_cores;
};

/// The smallest limits of the process's own control groups and all those above them, both versions.
CgroupLimits read_cgroup_limits(const std::filesystem::path& root);

/// Whether a control group's path (of /proc/self/cgroup) or mount source path is a container's.
bool is_container_path(std::string_view path);

/// The line of /proc/self/mountinfo that shows the root file system, or a file the runtimes bind into every
/// container, to come from a container runtime. Mounts elsewhere say nothing: a desktop that runs Docker has those too.
bool has_container_mounts(std::string_view mountinfo);

} // namespace whisperstore::config
