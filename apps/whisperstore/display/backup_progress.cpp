#include "display/backup_progress.hpp"

#include "display/text_layout.hpp"

#include <unistd.h>

namespace whisperstore::cli {

namespace {

constexpr std::size_t bar_width = 20;
constexpr double seconds_until_a_rate = 0.5;

void write_to_terminal(const std::string& text) noexcept
{
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

std::string title(const BackupProgress& progress)
{
    std::string text;
    if (progress.phase == "snapshot")
        text = "Copying ";
    else if (progress.phase == "pack")
        text = "Writing ";
    else if (progress.phase == "check")
        text = "Checking ";
    else if (progress.phase == "unpack")
        text = "Unpacking ";
    else
        text = "Restoring ";
    return text.append(progress.component);
}

} // namespace

BackupProgressView::BackupProgressView(Output* events) : events_(events), terminal_(Terminal::of(STDERR_FILENO)) {}

BackupProgressView::~BackupProgressView()
{
    if (visible_)
        write_to_terminal("\r\x1b[K");
}

void BackupProgressView::show(const BackupProgress& progress) noexcept
{
    try {
        std::string piece = std::string(progress.phase).append(" ").append(progress.component);
        if (piece != piece_) {
            piece_ = std::move(piece);
            started_ = Clock::now();
        }
        if (events_) {
            const double taken = std::chrono::duration<double>(Clock::now() - started_).count();
            write_event(progress, taken > seconds_until_a_rate ? static_cast<double>(progress.bytes) / taken : 0);
        }
        if (!terminal_.is_terminal)
            return;
        visible_ = true;
        write_to_terminal("\r\x1b[K" + fit(line(progress), terminal_.width > 1 ? terminal_.width - 1 : 1));
    } catch (...) {
        return; // a sign of life less; output that is closed is found when the result is written
    }
}

std::string BackupProgressView::line(const BackupProgress& progress) const
{
    const double taken = std::chrono::duration<double>(Clock::now() - started_).count();
    const auto done = static_cast<double>(progress.bytes);
    std::string text = title(progress);
    if (progress.bytes_in_total > 0) {
        const double part = done / static_cast<double>(progress.bytes_in_total);
        text.append("  ▕").append(bar(part, bar_width)).append("▏ ").append(fixed(part * 100, 0)).append(" %");
        text.append("  ").append(file_size(progress.bytes)).append(" of ").append(file_size(progress.bytes_in_total));
    } else if (progress.bytes > 0) {
        text.append("  ").append(file_size(progress.bytes));
    }
    if (taken > seconds_until_a_rate && progress.bytes > 0) {
        const double rate = done / taken;
        text.append("  ").append(file_size(static_cast<std::uint64_t>(rate))).append("/s");
        if (progress.bytes_in_total > progress.bytes)
            text.append("  ")
                .append(duration(static_cast<double>(progress.bytes_in_total - progress.bytes) / rate))
                .append(" left");
    }
    return text;
}

void BackupProgressView::write_event(const BackupProgress& progress, double rate)
{
    json::object event;
    event["phase"] = progress.phase;
    event["component"] = progress.component;
    event["bytes"] = progress.bytes;
    event["bytes_in_total"] = progress.bytes_in_total;
    if (rate > 0) {
        event["bytes_per_second"] = rate;
        if (progress.bytes_in_total > progress.bytes)
            event["seconds_left"] = static_cast<double>(progress.bytes_in_total - progress.bytes) / rate;
    }
    json::object line;
    line["progress"] = std::move(event);
    events_->line(compact(line));
    events_->flush();
}

} // namespace whisperstore::cli
