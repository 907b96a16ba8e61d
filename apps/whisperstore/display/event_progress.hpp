#pragma once
// Progress of long work: a bar for people, or events for programs.

#include "display/output.hpp"
#include "display/progress.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace whisperstore::cli {

/// Tells how far work has come that goes through phases: on a terminal as a bar with rows, bytes, rate and the time
/// left; with `json` as lines `{"event":"progress",…}` on standard output, five a second at most.
class EventProgress
{
public:
    EventProgress(Output& out, bool json) : out_(out), json_(json) {}

    /// \param title for people; \param work, phase, item for programs. `total` 0: not known.
    void update(const std::string& title, std::string_view work, std::string_view phase, std::string_view item,
                std::uint64_t rows, std::uint64_t total, std::uint64_t bytes);
    /// Takes the bar away.
    void end() { bar_.reset(); }

private:
    using Clock = std::chrono::steady_clock;

    Output& out_;
    bool json_;
    std::string title_;
    std::string phase_;
    std::unique_ptr<ProgressBar> bar_;
    Clock::time_point told_{};
};

} // namespace whisperstore::cli
