#pragma once
/// \file
/// Where the process runs, and what it may use.

#include <whisperstore/core/json.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace whisperstore {

enum class Environment
{
    desktop,
    container,
    kubernetes
};
std::string_view to_string(Environment environment) noexcept;

/// What the process may use, limits of its control groups included.
struct Resources
{
    /// Memory in GB (10^9 bytes): a machine sold with 32 GB, of which the kernel reports some 31.2
    /// GiB, has more than 32. 0 when unknown.
    double memory_gb = 0;
    /// CPUs the process may run on, or its quota where that is less (1.5 = one and a half). 0 when unknown.
    double cpu_cores = 0;
    json::object to_json() const;
};

/// Environment variables by name.
using EnvironmentMap = std::map<std::string, std::string>;
/// A copy of the process's environment. Not to be called while another thread changes it.
EnvironmentMap process_environment();

/// Detects the environment and its resources, from environment variables and files of /proc and
/// /sys. Never throws for what is missing or unreadable there: that is "not a container" and "no limit".
/// Const functions may be called by many threads.
class EnvironmentDetector
{
public:
    /// For the running process.
    static Environment detect_environment();
    static Resources detect_resources();

    /// \param root stands for `/`; \param environment for the process's variables.
    explicit EnvironmentDetector(std::filesystem::path root = "/", EnvironmentMap environment = process_environment());

    /// kubernetes where KUBERNETES_SERVICE_HOST is set; container where /.dockerenv or
    /// /run/.containerenv exists, or the control groups or the mounts of the process's own root are
    /// those of a container runtime; else desktop. A desktop that merely runs containers is a desktop.
    Environment environment() const;
    /// What the environment was told by, e.g. "/.dockerenv exists".
    std::string evidence() const;
    /// Memory and CPUs of the machine, limited by CPU affinity and by control groups of version 1 and 2
    /// (the process's own and every one above it).
    Resources resources() const;

private:
    struct Finding;
    Finding find() const;

    std::filesystem::path root_;
    EnvironmentMap variables_;
};

} // namespace whisperstore
