#include "support/test_directory.hpp"
#include "unit/config_support.hpp"

#include <whisperstore/config/adaptive_config_manager.hpp>
#include <whisperstore/config/environment_detector.hpp>

#include <gtest/gtest.h>

namespace whisperstore {
namespace {

using test::plant;
using test::TestDirectory;
using Files = std::map<std::string, std::string>;

struct EnvironmentCase
{
    const char* name;
    Files files;
    EnvironmentMap variables;
    Environment expected;
    friend std::ostream& operator<<(std::ostream& out, const EnvironmentCase& one) { return out << one.name; }
};

class EnvironmentDetection : public testing::TestWithParam<EnvironmentCase>
{
};

TEST_P(EnvironmentDetection, IsToldByTheSigns)
{
    const TestDirectory root;
    plant(root.path(), GetParam().files);
    const EnvironmentDetector detector(root.path(), GetParam().variables);
    EXPECT_EQ(to_string(detector.environment()), to_string(GetParam().expected));
    EXPECT_FALSE(detector.evidence().empty());
}

const EnvironmentCase environment_cases[] = {
    {"Nothing", {}, {}, Environment::desktop},
    {"Kubernetes", {}, {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}}, Environment::kubernetes},
    {"KubernetesBeforeContainer",
     {{".dockerenv", ""}, {"proc/self/cgroup", "0::/kubepods/pod1\n"}},
     {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}},
     Environment::kubernetes},
    {"EmptyKubernetesHost", {}, {{"KUBERNETES_SERVICE_HOST", ""}}, Environment::desktop},
    {"Dockerenv", {{".dockerenv", ""}}, {}, Environment::container},
    {"Podman", {{"run/.containerenv", ""}}, {}, Environment::container},
    {"DockerVersion1",
     {{"proc/1/cgroup", "12:cpu,cpuacct:/docker/0a1b\n11:memory:/docker/0a1b\n"}},
     {},
     Environment::container},
    {"DockerScope", {{"proc/self/cgroup", "0::/system.slice/docker-0a1b.scope\n"}}, {}, Environment::container},
    {"Kubepods",
     {{"proc/self/cgroup", "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-1.scope\n"}},
     {},
     Environment::container},
    {"Containerd", {{"proc/1/cgroup", "1:name=systemd:/containerd/abc\n"}}, {}, Environment::container},
    {"Libpod", {{"proc/self/cgroup", "0::/machine.slice/libpod-12.scope/container\n"}}, {}, Environment::container},
    {"Lxc", {{"proc/1/cgroup", "0::/lxc.payload.web/init.scope\n"}}, {}, Environment::container},
    {"DockerMountsOfPrivateNamespace",
     {{"proc/self/cgroup", "0::/\n"},
      {"proc/self/mountinfo", "611 576 0:52 / / rw - overlay overlay "
                              "rw,lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B\n"}},
     {},
     Environment::container},
    {"HostsFileMounted",
     {{"proc/self/mountinfo",
       "1 2 8:1 /var/lib/docker/containers/0a1b/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"}},
     {},
     Environment::container},
    {"DesktopThatRunsDocker",
     {{"proc/1/cgroup", "0::/init.scope\n"},
      {"proc/self/cgroup", "0::/user.slice/user-1000.slice/session-1.scope\n"},
      {"proc/self/mountinfo", "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
                              "90 22 0:50 / /var/lib/docker/overlay2/x/merged rw - overlay overlay "
                              "rw,lowerdir=/var/lib/docker/overlay2/l/A\n"}},
     {},
     Environment::desktop},
    {"DockerDaemonItself", {{"proc/self/cgroup", "0::/system.slice/docker.service\n"}}, {}, Environment::desktop},
    {"LiveSystemOnOverlay",
     {{"proc/self/mountinfo", "1 0 0:1 / / rw - overlay overlay rw,lowerdir=/run/live/rootfs\n"}},
     {},
     Environment::desktop},
};
INSTANTIATE_TEST_SUITE_P(Signs, EnvironmentDetection, testing::ValuesIn(environment_cases),
                         [](const auto& one) { return std::string(one.param.name); });

constexpr double gib = 1024.0 * 1024 * 1024 / 1e9;

struct ResourceCase
{
    const char* name;
    Files files;
    double memory_gb;
    double cpu_cores;
    friend std::ostream& operator<<(std::ostream& out, const ResourceCase& one) { return out << one.name; }
};

class ResourceDetection : public testing::TestWithParam<ResourceCase>
{
};

TEST_P(ResourceDetection, RespectsLimits)
{
    const TestDirectory root;
    Files machine = {{"proc/meminfo", "MemTotal:       16777216 kB\nMemFree:  1 kB\n"},
                     {"proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-7\n"},
                     {"sys/devices/system/cpu/online", "0-7\n"}};
    for (const auto& [name, content] : GetParam().files)
        machine[name] = content;
    plant(root.path(), machine);
    const Resources resources = EnvironmentDetector(root.path(), {}).resources();
    EXPECT_NEAR(resources.memory_gb, GetParam().memory_gb, 1e-9);
    EXPECT_NEAR(resources.cpu_cores, GetParam().cpu_cores, 1e-9);
}

const std::string v2_mount = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
const std::string v1_mounts = "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                              "32 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";

const ResourceCase resource_cases[] = {
    {"NoLimits", {}, 16 * gib, 8},
    {"Affinity", {{"proc/self/status", "Cpus_allowed_list:\t0,2-3\n"}}, 16 * gib, 3},
    {"AllowedButOffline", {{"proc/self/status", "Cpus_allowed_list:\t0-127\n"}}, 16 * gib, 8},
    {"OnlyCpuinfo",
     {{"proc/self/status", ""},
      {"sys/devices/system/cpu/online", ""},
      {"proc/cpuinfo", "processor : 0\nmodel : x\n\nprocessor : 1\n"}},
     16 * gib,
     2},
    {"Version2InItsOwnNamespace",
     {{"proc/self/mountinfo", v2_mount},
      {"proc/self/cgroup", "0::/\n"},
      {"sys/fs/cgroup/memory.max", "2147483648\n"},
      {"sys/fs/cgroup/cpu.max", "150000 100000\n"}},
     2 * gib,
     1.5},
    {"Version2Unlimited",
     {{"proc/self/mountinfo", v2_mount},
      {"proc/self/cgroup", "0::/a\n"},
      {"sys/fs/cgroup/a/memory.max", "max\n"},
      {"sys/fs/cgroup/a/cpu.max", "max 100000\n"}},
     16 * gib,
     8},
    {"Version2NestedSmallestWins",
     {{"proc/self/mountinfo", v2_mount},
      {"proc/self/cgroup", "0::/user.slice/app.slice/x.scope\n"},
      {"sys/fs/cgroup/user.slice/memory.max", "1073741824\n"},
      {"sys/fs/cgroup/user.slice/cpu.max", "max 100000\n"},
      {"sys/fs/cgroup/user.slice/app.slice/memory.max", "max\n"},
      {"sys/fs/cgroup/user.slice/app.slice/cpu.max", "50000 100000\n"},
      {"sys/fs/cgroup/user.slice/app.slice/x.scope/memory.max", "4294967296\n"},
      {"sys/fs/cgroup/user.slice/app.slice/x.scope/cpu.max", "200000 100000\n"}},
     1 * gib,
     0.5},
    {"Version2SiblingDoesNotCount",
     {{"proc/self/mountinfo", v2_mount},
      {"proc/self/cgroup", "0::/a\n"},
      {"sys/fs/cgroup/b/memory.max", "1073741824\n"},
      {"sys/fs/cgroup/b/cpu.max", "50000 100000\n"}},
     16 * gib,
     8},
    {"Version2OtherNamespacesGroup",
     {{"proc/self/mountinfo", v2_mount},
      {"proc/self/cgroup", "0::/../other\n"},
      {"sys/fs/cgroup/memory.max", "3221225472\n"}},
     3 * gib,
     8},
    {"Version1",
     {{"proc/self/mountinfo", v1_mounts},
      {"proc/self/cgroup", "5:memory:/job\n4:cpu,cpuacct:/job\n"},
      {"sys/fs/cgroup/memory/job/memory.limit_in_bytes", "4294967296\n"},
      {"sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n"},
      {"sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"}},
     4 * gib,
     2.5},
    {"Version1Unlimited",
     {{"proc/meminfo", ""},
      {"proc/self/mountinfo", v1_mounts},
      {"proc/self/cgroup", "5:memory:/\n4:cpu,cpuacct:/\n"},
      {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
      {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
      {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}},
     0,
     8},
    {"Version1BoundIntoTheContainer",
     {{"proc/self/mountinfo", "31 23 0:27 /docker/0a /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"},
      {"proc/self/cgroup", "5:memory:/docker/0a\n"},
      {"sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"}},
     0.5 * gib,
     8},
    {"HybridTakesBoth",
     {{"proc/self/mountinfo", v1_mounts + "40 23 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"},
      {"proc/self/cgroup", "5:memory:/j\n4:cpu,cpuacct:/\n0::/u\n"},
      {"sys/fs/cgroup/memory/j/memory.limit_in_bytes", "1073741824\n"},
      {"sys/fs/cgroup/unified/u/cpu.max", "100000 100000\n"}},
     1 * gib,
     1},
    {"NoMountinfo", {{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/memory.max", "1073741824\n"}}, 1 * gib, 8},
    {"LimitAboveTheMachine",
     {{"proc/self/mountinfo", v2_mount},
      {"sys/fs/cgroup/memory.max", "1099511627776\n"},
      {"sys/fs/cgroup/cpu.max", "6400000 100000\n"}},
     16 * gib,
     8},
    {"Garbage",
     {{"proc/self/mountinfo", v2_mount + "x\n - \n"},
      {"proc/self/cgroup", "::\nx\n"},
      {"sys/fs/cgroup/memory.max", "soon\n"},
      {"sys/fs/cgroup/cpu.max", "\n"}},
     16 * gib,
     8},
};
INSTANTIATE_TEST_SUITE_P(Files, ResourceDetection, testing::ValuesIn(resource_cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(EnvironmentDetector, OfTheRunningProcessFindsMemoryAndCpus)
{
    const Resources resources = EnvironmentDetector::detect_resources();
    EXPECT_GT(resources.memory_gb, 0.05);
    EXPECT_GT(resources.cpu_cores, 0.05);
    EXPECT_EQ(EnvironmentDetector::detect_environment(), EnvironmentDetector().environment());
}

TEST(ScaleTier, FollowsTheReference)
{
    EXPECT_EQ(determine_scale_tier(Environment::kubernetes, {1, 1}), 4);
    EXPECT_EQ(determine_scale_tier(Environment::container, {64, 64}), 2);
    EXPECT_EQ(determine_scale_tier(Environment::desktop, {32, 8}), 2);
    EXPECT_EQ(determine_scale_tier(Environment::desktop, {31.9, 64}), 1);
    EXPECT_EQ(determine_scale_tier(Environment::desktop, {64, 7.9}), 1);
}

TEST(ScaleTier, AMachineSoldWith32GigabytesHasThem)
{
    const TestDirectory root;
    plant(root.path(), {{"proc/meminfo", "MemTotal:       32716640 kB\n"}, // what Linux reports of 32 GiB
                        {"proc/self/status", "Cpus_allowed_list:\t0-7\n"}});
    EXPECT_EQ(AdaptiveConfigManager(test::options_in(root.path())).scale_tier(), 2);
}

} // namespace
} // namespace whisperstore
