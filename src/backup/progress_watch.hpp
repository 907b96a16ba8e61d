#pragma once
// Tells of progress while something runs.

#include "sqlite/stopper.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace whisperstore::backup {

/// Calls options.progress some ten times a second on the executor, as long as it lives; nothing without a callback.
class ProgressWatch
{
public:
    using Tell = std::function<void(const BackupProgress&)>;

    ProgressWatch(const asio::any_io_executor& executor, Tell tell, std::string phase, std::string component,
                  std::uint64_t total = 0);
    ~ProgressWatch();
    ProgressWatch(const ProgressWatch&) = delete;
    ProgressWatch& operator=(const ProgressWatch&) = delete;

    /// Counts what the work has done.
    std::shared_ptr<std::atomic<std::uint64_t>> bytes() const noexcept { return bytes_; }
    /// In place of that counter: the size of what begins with this name in its folder.
    void follow(const std::filesystem::path& file);

private:
    struct State;
    static void wait(const std::shared_ptr<State>& state);

    std::shared_ptr<std::atomic<std::uint64_t>> bytes_ = std::make_shared<std::atomic<std::uint64_t>>(0);
    std::shared_ptr<State> state_; // null: nobody listens
};

} // namespace whisperstore::backup
