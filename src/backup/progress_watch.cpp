#include "backup/progress_watch.hpp"

#include <algorithm>
#include <chrono>

namespace whisperstore::backup {

namespace {

constexpr std::chrono::milliseconds between_calls{100};

/// Of all files whose name begins like that: a store writes under another name first.
std::uint64_t size_of(const std::filesystem::path& file)
{
    std::uint64_t size = 0;
    std::error_code unknown; // gone meanwhile
    for (const auto& entry : std::filesystem::directory_iterator(file.parent_path(), unknown))
        if (entry.path().filename().string().starts_with(file.filename().string()))
            if (const std::uintmax_t bytes = entry.file_size(unknown); !unknown)
                size = std::max<std::uint64_t>(size, bytes);
    return size;
}

} // namespace

struct ProgressWatch::State
{
    explicit State(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    Tell tell;
    std::string phase;
    std::string component;
    std::uint64_t total = 0;
    std::shared_ptr<std::atomic<std::uint64_t>> bytes;
    std::filesystem::path file;
    std::atomic<bool> done = false;
};

ProgressWatch::ProgressWatch(const asio::any_io_executor& executor, Tell tell, std::string phase, std::string component,
                             std::uint64_t total)
{
    if (!tell)
        return;
    state_ = std::make_shared<State>(executor);
    state_->tell = std::move(tell);
    state_->phase = std::move(phase);
    state_->component = std::move(component);
    state_->total = total;
    state_->bytes = bytes_;
    state_->tell(BackupProgress{state_->phase, state_->component, 0, total});
    wait(state_);
}

ProgressWatch::~ProgressWatch()
{
    if (!state_)
        return;
    state_->done = true;
    state_->timer.cancel();
}

void ProgressWatch::follow(const std::filesystem::path& file)
{
    if (state_)
        state_->file = file;
}

void ProgressWatch::wait(const std::shared_ptr<State>& state)
{
    state->timer.expires_after(between_calls);
    state->timer.async_wait([state](const boost::system::error_code& error) {
        if (error || state->done)
            return;
        const std::uint64_t bytes = state->file.empty() ? state->bytes->load() : size_of(state->file);
        state->tell(BackupProgress{state->phase, state->component, bytes, state->total});
        wait(state);
    });
}

} // namespace whisperstore::backup
