#include "display/event_progress.hpp"

namespace whisperstore::cli {

namespace {

constexpr auto events_apart = std::chrono::milliseconds(200);

} // namespace

void EventProgress::update(const std::string& title, std::string_view work, std::string_view phase,
                           std::string_view item, std::uint64_t rows, std::uint64_t total, std::uint64_t bytes)
{
    const bool new_phase = phase_ != phase || title_ != title;
    if (json_) {
        const auto now = Clock::now();
        const bool last = total > 0 && rows >= total;
        if (!new_phase && !last && now - told_ < events_apart)
            return;
        told_ = now;
        json::object event;
        event["event"] = "progress";
        event["component"] = work;
        event["phase"] = phase;
        event["item"] = item;
        event["rows"] = rows;
        event["rows_in_total"] = total;
        event["bytes"] = bytes;
        out_.line(compact(event));
        out_.flush();
    } else {
        if (new_phase || !bar_)
            bar_ = std::make_unique<ProgressBar>(title);
        bar_->update(rows, total, bytes);
    }
    title_ = title;
    phase_ = phase;
}

} // namespace whisperstore::cli
