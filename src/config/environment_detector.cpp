#include "config/cgroup.hpp"

#include <whisperstore/config/environment_detector.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <thread>
#include <unistd.h>

namespace whisperstore {

namespace {

/// "0-3,8,10-11" as a set.
std::set<int> cpu_list(std::string_view text)
{
    std::set<int> out;
    for (std::string_view range : config::split(text, ", \t\n")) {
        int first = 0;
        const char* end = range.data() + range.size();
        auto read = std::from_chars(range.data(), end, first);
        int last = first;
        if (read.ec == std::errc() && read.ptr != end && *read.ptr == '-')
            read = std::from_chars(read.ptr + 1, end, last);
        if (read.ec != std::errc() || last < first || last - first > 65536)
            return {};
        for (int cpu = first; cpu <= last; ++cpu)
            out.insert(cpu);
    }
    return out;
}

/// The rest of the line that begins with `key`.
std::string_view line_of(std::string_view text, std::string_view key)
{
    for (std::string_view line : config::split(text, "\n"))
        if (line.starts_with(key))
            return line.substr(key.size());
    return {};
}

double count_cpus(const std::filesystem::path& root)
{
    const std::string online_file = config::read_small_file(root / "sys/devices/system/cpu/online").value_or("");
    const std::string status = config::read_small_file(root / "proc/self/status").value_or("");
    const std::set<int> online = cpu_list(online_file);
    // The kernel's own list has no limit of 1024 CPUs, unlike cpu_set_t; it may name CPUs that are offline.
    const std::set<int> allowed = cpu_list(line_of(status, "Cpus_allowed_list:"));
    if (online.empty() || allowed.empty()) {
        if (const std::set<int>& known = online.empty() ? allowed : online; !known.empty())
            return static_cast<double>(known.size());
        const std::string cpuinfo = config::read_small_file(root / "proc/cpuinfo").value_or("");
        const std::vector<std::string_view> lines = config::split(cpuinfo, "\n");
        const auto count = std::count_if(lines.begin(), lines.end(),
                                         [](std::string_view line) { return line.starts_with("processor"); });
        if (count == 0 && root == "/")
            return std::thread::hardware_concurrency();
        return static_cast<double>(count);
    }
    return static_cast<double>(
        std::count_if(allowed.begin(), allowed.end(), [&](int cpu) { return online.contains(cpu); }));
}

double total_memory(const std::filesystem::path& root)
{
    const std::string meminfo = config::read_small_file(root / "proc/meminfo").value_or("");
    const std::vector<std::string_view> parts = config::split(line_of(meminfo, "MemTotal:"), " \t");
    double kib = 0;
    if (!parts.empty())
        std::from_chars(parts[0].data(), parts[0].data() + parts[0].size(), kib);
    return kib * 1024;
}

bool is_there(const std::filesystem::path& file)
{
    std::error_code unreadable; // counts as absent
    return std::filesystem::exists(file, unreadable);
}

} // namespace

struct EnvironmentDetector::Finding
{
    Environment environment;
    std::string evidence;
};

std::string_view to_string(Environment environment) noexcept
{
    switch (environment) {
    case Environment::desktop:
        return "desktop";
    case Environment::container:
        return "container";
    case Environment::kubernetes:
        return "kubernetes";
    }
    return "unknown";
}

json::object Resources::to_json() const
{
    json::object out;
    out["memory_gb"] = std::round(memory_gb * 100) / 100;
    out["cpu_cores"] = std::round(cpu_cores * 100) / 100;
    return out;
}

EnvironmentMap process_environment()
{
    EnvironmentMap out;
    for (char** item = ::environ; item && *item; ++item) {
        const std::string_view text(*item);
        if (const std::size_t equals = text.find('='); equals != std::string_view::npos)
            out.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return out;
}

Environment EnvironmentDetector::detect_environment() { return EnvironmentDetector().environment(); }
Resources EnvironmentDetector::detect_resources() { return EnvironmentDetector().resources(); }

EnvironmentDetector::EnvironmentDetector(std::filesystem::path root, EnvironmentMap environment)
    : root_(std::move(root)), variables_(std::move(environment))
{
}

EnvironmentDetector::Finding EnvironmentDetector::find() const
{
    // Before the container test: pods are containers too.
    if (const auto host = variables_.find("KUBERNETES_SERVICE_HOST"); host != variables_.end() && !host->second.empty())
        return {Environment::kubernetes, "KUBERNETES_SERVICE_HOST is set"};
    for (const char* file : {".dockerenv", "run/.containerenv"})
        if (is_there(root_ / file))
            return {Environment::container, std::string("/") + file + " exists"};
    for (const char* file : {"proc/1/cgroup", "proc/self/cgroup"}) {
        const std::string groups = config::read_small_file(root_ / file).value_or("");
        for (std::string_view line : config::split(groups, "\n")) {
            const std::size_t path = line.find('/');
            if (path != std::string_view::npos && config::is_container_path(line.substr(path)))
                return {Environment::container, std::string("/") + file + " names a container's control group"};
        }
    }
    if (config::has_container_mounts(config::read_small_file(root_ / "proc/self/mountinfo").value_or("")))
        return {Environment::container, "/proc/self/mountinfo shows a container's file systems"};
    return {Environment::desktop, "no sign of a container or of Kubernetes"};
}

Environment EnvironmentDetector::environment() const { return find().environment; }
std::string EnvironmentDetector::evidence() const { return find().evidence; }

Resources EnvironmentDetector::resources() const
{
    const config::CgroupLimits limits = config::read_cgroup_limits(root_);
    double memory = total_memory(root_);
    if (limits.memory_bytes && (memory == 0 || *limits.memory_bytes < memory))
        memory = *limits.memory_bytes;
    double cpus = count_cpus(root_);
    if (limits.cpu_cores && (cpus == 0 || *limits.cpu_cores < cpus))
        cpus = *limits.cpu_cores;
    return Resources{memory / 1e9, cpus};
}

} // namespace whisperstore
