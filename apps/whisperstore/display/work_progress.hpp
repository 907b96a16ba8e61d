#pragma once
// How far long work has come: a bar for people, events for programs.

#include "display/progress.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace whisperstore::cli {

/// Where work is that goes through phases. What is not counted is 0, and so is a total that is not known.
struct WorkStep
{
    std::string title; ///< of the phase, for people: "Copying the vectors"
    std::string_view component;
    std::string_view phase;
    std::string_view item = {}; ///< a table, a collection …
    std::uint64_t rows = 0;
    std::uint64_t rows_in_total = 0;
    std::uint64_t bytes = 0;
    std::uint64_t bytes_in_total = 0;
};

/// Tells of the steps on standard error: on a terminal as a bar with amounts, rate and time left, which goes at the
/// end; with `json` as lines `{"event":"progress",…}`, five a second at most and one for each phase at least.
class WorkProgress
{
public:
    explicit WorkProgress(bool json) noexcept : json_(json) {}

    void update(const WorkStep& step);
    /// Takes the bar away.
    void end() noexcept { bar_.reset(); }

private:
    using Clock = std::chrono::steady_clock;
    void tell(const WorkStep& step, Clock::time_point time) const;

    const bool json_;
    std::string phase_; ///< with its component
    Clock::time_point phase_began_{};
    Clock::time_point told_{};
    std::unique_ptr<ProgressBar> bar_;
    bool by_rows_ = false; ///< what the bar shows
};

} // namespace whisperstore::cli
