#pragma once
// Measures two ways of doing the same thing in turns, so that both see the same machine.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::bench {

/// The answer of a case: medians over the rounds.
struct Result
{
    std::string name;
    double ours = 0;
    double reference = 0; ///< NaN where nothing comparable exists
    std::string unit;
    std::string note; ///< what the reference is
};

/// What a case needs.
struct Settings
{
    std::size_t rounds = 5;
    double scale = 1; ///< of the amount of work; small for a trial
    std::filesystem::path directory;
};

struct Case
{
    std::string_view name;
    std::string_view explanation;
    std::function<std::vector<Result>(const Settings&)> run;
};

/// Every case there is.
const std::vector<Case>& cases();

double median(std::vector<double> values);
double percentile(std::vector<double> values, double share);

/// Runs `ours` and `reference` by turns, one warm-up and then `rounds` each; both return a figure of `unit`.
Result compare(std::string name, std::string unit, std::string note, std::size_t rounds,
               const std::function<double()>& ours, const std::function<double()>& reference);

/// Operations per second of `work`, which does `count` of them.
double rate(std::size_t count, const std::function<void()>& work);
/// The same; adds the operations per second of CPU time of this process, servers left out, to `cpu`.
double rate(std::size_t count, std::vector<double>& cpu, const std::function<void()>& work);
/// Milliseconds that `work` takes.
double milliseconds(const std::function<void()>& work);
/// CPU seconds of the whole process so far.
double cpu_seconds() noexcept;
/// CPU seconds of the calling thread so far.
double thread_cpu_seconds() noexcept;
/// Waits until the process has used next to no processor for half a second: until work in the background has ended.
/// \throws std::runtime_error after half an hour.
void wait_until_idle();
/// Resident bytes of the process.
std::size_t resident_bytes();

/// A fresh folder below settings.directory.
std::filesystem::path fresh_folder(const Settings& settings, std::string_view name);

std::vector<Case> cache_cases();
std::vector<Case> chat_turn_cases();
std::vector<Case> chat_turn_sql_cases();
std::vector<Case> decorator_cases();
std::vector<Case> graph_cases();
std::vector<Case> http_cases();
std::vector<Case> packstream_cases();
std::vector<Case> postgresql_cases();
std::vector<Case> redis_cases();
std::vector<Case> qdrant_cases();
std::vector<Case> sqlite_cases();
std::vector<Case> text_cases();
std::vector<Case> vector_cases();

} // namespace whisperstore::bench
