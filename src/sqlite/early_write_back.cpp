#include "sqlite/early_write_back.hpp"

#include <chrono>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::sqlite {

namespace {

using Clock = std::chrono::steady_clock;

// So little that, where it is waited for, a commit of somebody else finds no queue before the disk.
constexpr off_t piece = off_t{1} << 20;
constexpr std::chrono::milliseconds pause{5};
// How long somebody who has written counts as one who writes.
constexpr std::chrono::milliseconds memory{200};

off_t size_of(int file) noexcept
{
    struct stat status{};
    return ::fstat(file, &status) == 0 ? status.st_size : 0;
}

} // namespace

EarlyWriteBack::EarlyWriteBack(const std::filesystem::path& path, std::function<bool()> others_write)
    : file_(::open(path.c_str(), O_RDWR | O_CLOEXEC)),
      others_write_(std::move(others_write)),
      thread_([this] { run(); })
{
}

EarlyWriteBack::~EarlyWriteBack()
{
    ended_ = true;
    if (thread_.joinable())
        thread_.join();
    if (file_ >= 0)
        ::close(file_);
}

void EarlyWriteBack::finish(const Stopper& stopper)
{
    complete_ = true;
    while (!ended_ && !stopper.stopped())
        std::this_thread::sleep_for(pause);
    ended_ = true;
    thread_.join();
}

void EarlyWriteBack::run()
{
    off_t written = 0;
    Clock::time_point seen = Clock::now() - memory;
    while (!ended_) {
        const bool is_complete = complete_; // before its size is looked at
        if (others_write_ && others_write_())
            seen = Clock::now();
        const bool gently = Clock::now() - seen < memory;
        const off_t left = size_of(file_) - written;
        if (is_complete && (left <= 0 || !gently)) {
            ended_ = true; // with nobody in the way the fsync does the rest as fast
            return;
        }
        if (!is_complete && left < 8 * piece) { // the newest pages may still be in a cache, in any order
            std::this_thread::sleep_for(pause);
            continue;
        }
        constexpr unsigned int waited = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
        ::sync_file_range(file_, written, piece, SYNC_FILE_RANGE_WRITE | (gently ? waited : 0));
        written += piece;
        if (gently)
            std::this_thread::sleep_for(pause);
    }
}

} // namespace whisperstore::sqlite
