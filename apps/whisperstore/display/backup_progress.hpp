#pragma once
// How far a backup or a restore is: a line on the terminal, or events in JSON.

#include "display/output.hpp"
#include "display/terminal.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>

#include <chrono>
#include <string>

namespace whisperstore::cli {

/// The line on standard error is taken away at the end; nothing is shown where that is no terminal.
class BackupProgressView
{
public:
    /// \param events takes {"progress": …}, one a line; null: none
    explicit BackupProgressView(Output* events);
    ~BackupProgressView();
    BackupProgressView(const BackupProgressView&) = delete;
    BackupProgressView& operator=(const BackupProgressView&) = delete;

    void show(const BackupProgress& progress) noexcept;

private:
    using Clock = std::chrono::steady_clock;
    std::string line(const BackupProgress& progress) const;
    void write_event(const BackupProgress& progress, double rate);

    Output* const events_;
    Terminal terminal_;
    std::string piece_; // phase and component
    Clock::time_point started_ = Clock::now();
    bool visible_ = false;
};

} // namespace whisperstore::cli
