#include "display/work_progress.hpp"

#include "display/output.hpp"
#include "failure.hpp"

namespace whisperstore::cli {

namespace {

constexpr auto events_apart = std::chrono::milliseconds(200);
constexpr double seconds_until_a_rate = 0.5;

/// How fast one of the amounts grows, and when it will be there.
void add_rate(json::object& event, const char* name, std::uint64_t done, std::uint64_t total, double taken)
{
    if (done == 0 || taken < seconds_until_a_rate)
        return;
    const double rate = static_cast<double>(done) / taken;
    event[name] = rate;
    if (total > done)
        event["seconds_left"] = static_cast<double>(total - done) / rate;
}

} // namespace

void WorkProgress::update(const WorkStep& step)
{
    std::string phase = std::string(step.component).append(" ").append(step.phase);
    const auto now = Clock::now();
    const bool is_new = phase != phase_;
    if (is_new) {
        phase_ = std::move(phase);
        phase_began_ = now;
    }
    const bool by_rows = step.rows_in_total > 0 || step.rows > 0;
    const std::uint64_t done = by_rows ? step.rows : step.bytes;
    const std::uint64_t total = by_rows ? step.rows_in_total : step.bytes_in_total;
    if (json_) {
        const bool is_last = total > 0 && done >= total;
        if (!is_new && !is_last && now - told_ < events_apart)
            return;
        told_ = now;
        tell(step, now);
        return;
    }
    if (is_new || !bar_ || by_rows != by_rows_)
        bar_ = std::make_unique<ProgressBar>(step.title,
                                             by_rows ? ProgressBar::Amount::items : ProgressBar::Amount::bytes);
    by_rows_ = by_rows;
    bar_->update(done, total, by_rows ? step.bytes : 0);
}

void WorkProgress::tell(const WorkStep& step, Clock::time_point time) const
{
    const double taken = std::chrono::duration<double>(time - phase_began_).count();
    json::object event;
    event["event"] = "progress";
    event["component"] = step.component;
    event["phase"] = step.phase;
    event["item"] = step.item;
    event["rows"] = step.rows;
    event["rows_in_total"] = step.rows_in_total;
    event["bytes"] = step.bytes;
    event["bytes_in_total"] = step.bytes_in_total;
    add_rate(event, "rows_per_second", step.rows, step.rows_in_total, taken);
    add_rate(event, "bytes_per_second", step.bytes, step.bytes_in_total, taken);
    report_note(compact(event));
}

} // namespace whisperstore::cli
