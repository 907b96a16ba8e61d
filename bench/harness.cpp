#include "harness.hpp"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace whisperstore::bench {

double percentile(std::vector<double> values, double share)
{
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

Result compare(std::string name, std::string unit, std::string note, std::size_t rounds,
               const std::function<double()>& ours, const std::function<double()>& reference)
{
    std::vector<double> our_figures;
    std::vector<double> reference_figures;
    static_cast<void>(reference());
    static_cast<void>(ours());
    for (std::size_t round = 0; round < rounds; ++round) {
        reference_figures.push_back(reference());
        our_figures.push_back(ours());
    }
    return Result{std::move(name), median(std::move(our_figures)), median(std::move(reference_figures)),
                  std::move(unit), std::move(note)};
}

double rate(std::size_t count, const std::function<void()>& work)
{
    return static_cast<double>(count) * 1000 / milliseconds(work);
}

double rate(std::size_t count, std::vector<double>& cpu, const std::function<void()>& work)
{
    const double before = cpu_seconds();
    const double result = rate(count, work);
    cpu.push_back(static_cast<double>(count) / (cpu_seconds() - before));
    return result;
}

double milliseconds(const std::function<void()>& work)
{
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

namespace {

double seconds_of(clockid_t clock) noexcept
{
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

} // namespace

double cpu_seconds() noexcept { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }
double thread_cpu_seconds() noexcept { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

void wait_until_idle()
{
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(30);
    int idle = 0;
    while (idle < 10) {
        const double before = cpu_seconds();
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        idle = cpu_seconds() - before < 0.001 ? idle + 1 : 0;
        if (std::chrono::steady_clock::now() > end)
            throw std::runtime_error("the work in the background does not end");
    }
}

std::size_t resident_bytes()
{
    std::ifstream statm("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    statm >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::filesystem::path fresh_folder(const Settings& settings, std::string_view name)
{
    const std::filesystem::path folder = settings.directory / name;
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    return folder;
}

} // namespace whisperstore::bench
