#include "config/cgroup.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>

namespace whisperstore::config {

namespace {

/// A mounted control group hierarchy.
struct Mount
{
    std::string controller;      ///< "" for version 2, else "memory" or "cpu"
    std::filesystem::path point; ///< below the root directory
    std::string root;            ///< the group that is visible at the mount point
};

std::optional<double> number(std::string_view text)
{
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end == text.data())
        return std::nullopt;
    return value;
}

std::optional<double> number_in(const std::filesystem::path& file)
{
    const std::optional<std::string> text = read_small_file(file);
    return text ? number(*text) : std::nullopt;
}

void lower_to(std::optional<double>& limit, std::optional<double> value)
{
    if (value && (!limit || *value < *limit))
        limit = value;
}

bool has_item(std::string_view list, std::string_view item)
{
    const std::vector<std::string_view> items = split(list, ",");
    return std::find(items.begin(), items.end(), item) != items.end();
}

std::filesystem::path below(const std::filesystem::path& root, std::string_view absolute)
{
    return root / std::filesystem::path(absolute).relative_path();
}

std::vector<Mount> mounts(const std::filesystem::path& root)
{
    std::vector<Mount> out;
    const std::string mountinfo = read_small_file(root / "proc/self/mountinfo").value_or("");
    // proc(5): id parent major:minor root mount-point options [tags] - type source super-options
    for (std::string_view line : split(mountinfo, "\n")) {
        const std::size_t dash = line.find(" - ");
        if (dash == std::string_view::npos)
            continue;
        const std::vector<std::string_view> left = split(line.substr(0, dash), " ");
        const std::vector<std::string_view> right = split(line.substr(dash + 3), " ");
        if (left.size() < 5 || right.size() < 3)
            continue;
        const auto add = [&](const char* controller) {
            out.push_back(Mount{controller, below(root, left[4]), std::string(left[3])});
        };
        if (right[0] == "cgroup2")
            add("");
        if (right[0] == "cgroup" && has_item(right[2], "memory"))
            add("memory");
        if (right[0] == "cgroup" && has_item(right[2], "cpu"))
            add("cpu");
    }
    if (out.empty()) {
        // Sandboxes hide mountinfo; these are the customary places.
        const std::filesystem::path base = root / "sys/fs/cgroup";
        out = {Mount{"", base, "/"}, Mount{"memory", base / "memory", "/"}, Mount{"cpu", base / "cpu", "/"},
               Mount{"cpu", base / "cpu,cpuacct", "/"}};
    }
    return out;
}

/// The group of a controller ("" = version 2) from /proc/self/cgroup; "/" when it is not named.
std::string own_group(std::string_view cgroup_file, std::string_view controller)
{
    for (std::string_view line : split(cgroup_file, "\n")) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos)
            continue;
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        if (controller.empty() ? controllers.empty() : has_item(controllers, controller))
            return std::string(line.substr(second + 1));
    }
    return "/";
}

/// The directories of the process's group and those above it, as far as the mount shows them.
std::vector<std::filesystem::path> directories(const Mount& mount, const std::string& group)
{
    std::filesystem::path relative = std::filesystem::path(group).relative_path();
    if (mount.root != "/") {
        relative = std::filesystem::path(group).lexically_relative(mount.root);
        if (relative == ".")
            relative.clear();
    }
    // A group outside of what is mounted here (another namespace's) begins with "..".
    if (!relative.empty() && *relative.begin() == "..")
        relative.clear();
    std::vector<std::filesystem::path> out;
    for (; !relative.empty(); relative = relative.parent_path())
        out.push_back(mount.point / relative);
    out.push_back(mount.point);
    return out;
}

std::optional<double> cpu_max(const std::filesystem::path& file)
{
    const std::string text = read_small_file(file).value_or("");
    const std::vector<std::string_view> parts = split(text, " \n"); // "200000 100000", "max 100000"
    if (parts.empty())
        return std::nullopt;
    const std::optional<double> quota = number(parts[0]);
    const std::optional<double> period = parts.size() > 1 ? number(parts[1]) : 100000;
    if (!quota || !period || *quota <= 0 || *period <= 0)
        return std::nullopt;
    return *quota / *period;
}

std::optional<double> cfs_quota(const std::filesystem::path& directory)
{
    const std::optional<double> quota = number_in(directory / "cpu.cfs_quota_us"); // -1: no limit
    const std::optional<double> period = number_in(directory / "cpu.cfs_period_us");
    if (!quota || !period || *quota <= 0 || *period <= 0)
        return std::nullopt;
    return *quota / *period;
}

} // namespace

std::optional<std::string> read_small_file(const std::filesystem::path& file)
{
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators)
{
    std::vector<std::string_view> out;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
        if (end > begin)
            out.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return out;
}

CgroupLimits read_cgroup_limits(const std::filesystem::path& root)
{
    // Version 1 says "no limit" as the largest page-aligned 64-bit number.
    constexpr double unlimited = 4611686018427387904.0; // 2^62
    const std::string groups = read_small_file(root / "proc/self/cgroup").value_or("");
    CgroupLimits limits;
    for (const Mount& mount : mounts(root)) {
        for (const std::filesystem::path& directory : directories(mount, own_group(groups, mount.controller))) {
            std::optional<double> memory;
            std::optional<double> cpu;
            if (mount.controller.empty()) {
                memory = number_in(directory / "memory.max"); // "max" is not a number: no limit
                cpu = cpu_max(directory / "cpu.max");
            } else if (mount.controller == "memory") {
                memory = number_in(directory / "memory.limit_in_bytes");
            } else {
                cpu = cfs_quota(directory);
            }
            if (memory && *memory < unlimited)
                lower_to(limits.memory_bytes, memory);
            lower_to(limits.cpu_cores, cpu);
        }
    }
    return limits;
}

bool is_container_path(std::string_view path)
{
    constexpr std::array<std::string_view, 6> runtimes = {"docker", "kubepods", "containerd", "libpod", "lxc", "cri-"};
    for (std::string_view component : split(path, "/:")) {
        // "/system.slice/docker.service" is the daemon itself, on the host.
        if (component.ends_with(".service") || component.ends_with(".socket"))
            continue;
        for (std::string_view runtime : runtimes)
            if (component.starts_with(runtime))
                return true;
    }
    return false;
}

bool has_container_mounts(std::string_view mountinfo)
{
    for (std::string_view line : split(mountinfo, "\n")) {
        const std::vector<std::string_view> fields = split(line, " ");
        if (fields.size() < 5)
            continue;
        const std::string_view point = fields[4];
        if (point == "/") {
            const std::size_t dash = line.find(" - ");
            const std::string_view source = dash == std::string_view::npos ? std::string_view() : line.substr(dash + 3);
            // An overlay's super-options name the runtime's layer directories.
            constexpr std::array<std::string_view, 3> layers = {"/docker/", "containerd/", "/containers/storage/"};
            if (source.starts_with("overlay ") &&
                std::any_of(layers.begin(), layers.end(),
                            [&](std::string_view folder) { return source.find(folder) != std::string_view::npos; }))
                return true;
        } else if (point == "/etc/hostname" || point == "/etc/hosts" || point == "/etc/resolv.conf") {
            if (is_container_path(fields[3]) || fields[3].find("/containers/") != std::string_view::npos)
                return true;
        }
    }
    return false;
}

} // namespace whisperstore::config
