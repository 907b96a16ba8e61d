#pragma once
// Writing a file to the disk while it is made.

#include "sqlite/stopper.hpp"

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

namespace whisperstore::sqlite {

/// While it lives, what is written into a growing file goes to the disk soon, by a thread of its own, so that the fsync
/// in the end has little left to do. Where others write to the disk meanwhile it is done in small pieces with pauses:
/// an fsync that had all of it to do would keep theirs waiting for as long as it takes. A hint only; errors are those
/// of the fsync.
class EarlyWriteBack
{
public:
    /// \param path of a file that exists, on which no other connection of this process needs its locks
    /// \param others_write whether somebody has written since it was asked last; called by the thread, must not throw.
    ///     Null: nobody does
    explicit EarlyWriteBack(const std::filesystem::path& path, std::function<bool()> others_write = nullptr);
    ~EarlyWriteBack();
    EarlyWriteBack(const EarlyWriteBack&) = delete;
    EarlyWriteBack& operator=(const EarlyWriteBack&) = delete;

    /// Returns when an fsync will not keep others waiting. Nothing may be written into the file meanwhile.
    /// \param stopper ends it early
    void finish(const Stopper& stopper);

private:
    void run();

    const int file_;
    const std::function<bool()> others_write_;
    std::atomic<bool> complete_{false}; ///< the file does not grow any more
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

} // namespace whisperstore::sqlite
