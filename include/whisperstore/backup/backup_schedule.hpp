#pragma once
/// \file
/// Backups that are made by themselves.

#include <whisperstore/backup/backup_config.hpp>
#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/core/log.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace whisperstore {

/// The name of a backup begun at this time, `whisperstore-20261130T073349Z`.
std::string backup_name(Timestamp time);

/// Makes a backup whenever the newest one in the folder is older than the interval, and removes those that no rule
/// keeps.
///
/// Because the folder says when the last one was made, restarts shift nothing, and of several processes with one folder
/// the first makes it; a lock (`.lock` in the folder) keeps two from working at once. Each is a folder
/// `whisperstore-20261130T073349Z`. A failure is logged, told by trouble(), and tried again after a tenth of the
/// interval, ten minutes at most. Thread safe.
class BackupSchedule
{
public:
    /// The stores, asked for before each backup. It throws where one of them cannot be reached.
    using Stores = std::function<BackupTarget()>;

    /// \throws StorageError invalid_argument without a folder or an interval.
    BackupSchedule(Stores stores, BackupConfig config, std::chrono::duration<double, std::ratio<3600>> interval,
                   Logger logger = Logger());
    /// Does not wait for a backup that is under way: call stop() first.
    ~BackupSchedule();
    BackupSchedule(const BackupSchedule&) = delete;
    BackupSchedule& operator=(const BackupSchedule&) = delete;

    /// When the next one is due: now, or later.
    awaitable<Timestamp> next_due(OperationContext context = OperationContext());
    /// Makes one if it is due; nothing if it is not, or if another process is at it.
    awaitable<std::optional<BackupManifest>> run_due(OperationContext context = OperationContext());

    /// Makes them from now on, on a thread of its own. A second call does nothing.
    void start();
    /// Ends that; a backup under way is given up, and nothing of it stays. A second call does nothing.
    awaitable<void> stop();

    /// Why there is no new backup although one is due; empty: all is well.
    std::string trouble() const;

private:
    struct State;
    const std::shared_ptr<State> state_;
};

} // namespace whisperstore
