#include "backup/background.hpp"
#include "backup/backup_folder.hpp"
#include "backup/backup_list.hpp"
#include "core/background_task.hpp"
#include "sqlite/file_lock.hpp"
#include "sqlite/files.hpp"

#include <whisperstore/backup/backup_schedule.hpp>
#include <whisperstore/core/error.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <fstream>
#include <mutex>

namespace whisperstore {

namespace {

namespace fs = std::filesystem;
using backup::Watched;

constexpr std::string_view component = "backup";
constexpr std::chrono::minutes longest_pause_after_failure{10};
// The wall clock may be set while the timer runs.
constexpr std::chrono::minutes longest_sleep{10};

} // namespace

std::string backup_name(Timestamp time)
{
    std::string name = "whisperstore-";
    for (const char c : format_timestamp(time).substr(0, 19)) // to the second
        if (c != '-' && c != ':')
            name.push_back(c);
    return name + "Z";
}

std::string read_passphrase(const BackupConfig& config)
{
    if (!config.passphrase.empty() || config.passphrase_file.empty())
        return config.passphrase;
    std::ifstream file(config.passphrase_file);
    std::string line;
    if (!file)
        throw StorageError(StorageErrc::not_found,
                           "the file of the passphrase, " + config.passphrase_file.string() + ", cannot be read");
    std::getline(file, line);
    if (!line.empty() && line.back() == '\r')
        line.pop_back();
    if (line.empty())
        throw StorageError(StorageErrc::invalid_argument, "the first line of " + config.passphrase_file.string() +
                                                              " should be the passphrase, but is empty");
    return line;
}

struct BackupSchedule::State
{
    Stores stores;
    BackupConfig config;
    std::chrono::microseconds interval{};
    Logger logger;

    mutable std::mutex mutex; // of the following
    std::string trouble;
    bool stopping = false;
    std::unique_ptr<BackgroundTask> task; // null: not started

    void log(LogLevel level, const std::string& message) const
    {
        if (logger)
            logger(level, component, message);
    }
    void set_trouble(std::string told)
    {
        const std::lock_guard lock(mutex);
        trouble = std::move(told);
    }

    awaitable<Timestamp> next_due(OperationContext context) const
    {
        const Timestamp current = now();
        Timestamp due = current;
        std::vector<ListedBackup> backups;
        try {
            UnifiedBackupManager manager;
            backups = co_await manager.list(config.folder, std::move(context));
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::not_found) // no folder, no backup yet
                throw;
        }
        for (const ListedBackup& one : backups) {
            // One of the future was made by a clock that was wrong: it says nothing about when.
            if (!one.damage.empty() || one.manifest.timestamp > current)
                continue;
            due = std::max(current, one.manifest.timestamp + interval);
            break;
        }
        co_return due;
    }

    /// Null: another process is at it.
    awaitable<std::shared_ptr<sqlite::FileLock>> lock(OperationContext context) const
    {
        using Lock = std::shared_ptr<sqlite::FileLock>;
        std::function<Lock(const Watched&)> work = [folder = config.folder](const Watched&) {
            sqlite::make_private_directory(folder, component);
            return std::make_shared<sqlite::FileLock>(folder / ".lock", "folder of backups", component);
        };
        auto no_bytes = std::make_shared<std::atomic<std::uint64_t>>(0);
        try {
            co_return co_await backup::on_thread<Lock>(std::move(work), no_bytes, std::move(context));
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::unavailable)
                throw;
        }
        co_return nullptr;
    }

    awaitable<std::optional<BackupManifest>> run_due(OperationContext context)
    {
        const Timestamp before = co_await next_due(context);
        if (before > now())
            co_return std::nullopt;
        const std::shared_ptr<sqlite::FileLock> held = co_await lock(context);
        if (!held)
            co_return std::nullopt;
        const Timestamp due = co_await next_due(context); // somebody may have been faster
        if (due > now())
            co_return std::nullopt;
        UnifiedBackupManager manager;
        BackupOptions options;
        options.compress = config.compress;
        options.passphrase = read_passphrase(config);
        BackupManifest manifest =
            co_await manager.create_full_backup(stores(), config.folder / backup_name(now()), options, context);
        // Read as a restore would, before older ones go: what is damaged in a store is damaged in its copy.
        co_await manager.verify_backup(manifest.backup_path, options, context);
        if (!config.keep.keeps_nothing())
            co_await manager.prune(config.folder, config.keep, false, std::move(context));
        co_return manifest;
    }

    static awaitable<void> run(std::shared_ptr<State> self)
    {
        asio::steady_timer timer(co_await asio::this_coro::executor);
        while (true) {
            Timestamp next{};
            std::optional<StorageError> failure;
            try {
                const std::optional<BackupManifest> made = co_await self->run_due(OperationContext());
                if (made)
                    self->log(LogLevel::info, "made the backup " + made->backup_path.string());
                next = co_await self->next_due(OperationContext());
            } catch (const StorageError& error) {
                failure = error;
            } catch (const boost::system::system_error&) {
                throw; // cancelled
            } catch (const std::exception& error) {
                failure = StorageError(StorageErrc::unavailable, error.what());
            }
            // At least a second: another process may be at the one that is due.
            std::chrono::microseconds pause =
                std::max<std::chrono::microseconds>(next - now(), std::chrono::seconds(1));
            if (failure) {
                if (failure->errc() == StorageErrc::cancelled)
                    co_return;
                self->set_trouble(std::string("the last scheduled backup failed: ").append(failure->what()));
                self->log(LogLevel::error, std::string("the scheduled backup failed: ").append(failure->what()));
                pause = std::min<std::chrono::microseconds>(self->interval / 10, longest_pause_after_failure);
            } else {
                self->set_trouble(std::string());
            }
            timer.expires_after(std::min<std::chrono::microseconds>(pause, longest_sleep));
            co_await timer.async_wait(asio::use_awaitable);
        }
    }
};

BackupSchedule::BackupSchedule(Stores stores, BackupConfig config,
                               std::chrono::duration<double, std::ratio<3600>> interval, Logger logger)
    : state_(std::make_shared<State>())
{
    if (config.folder.empty() || interval.count() <= 0)
        throw StorageError(StorageErrc::invalid_argument,
                           "scheduled backups need a folder and an interval of more than 0 hours");
    config.folder = backup::absolute_folder(config.folder);
    state_->stores = std::move(stores);
    state_->config = std::move(config);
    state_->interval = std::chrono::duration_cast<std::chrono::microseconds>(interval);
    state_->logger = std::move(logger);
}

BackupSchedule::~BackupSchedule()
{
    // The task has the state for itself and ends on its own.
    std::unique_ptr<BackgroundTask> task;
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    task.swap(state_->task);
}

awaitable<Timestamp> BackupSchedule::next_due(OperationContext context) { return state_->next_due(std::move(context)); }

awaitable<std::optional<BackupManifest>> BackupSchedule::run_due(OperationContext context)
{
    return state_->run_due(std::move(context));
}

void BackupSchedule::start()
{
    const std::lock_guard lock(state_->mutex);
    if (!state_->task && !state_->stopping)
        state_->task = std::make_unique<BackgroundTask>([state = state_] { return State::run(state); });
}

awaitable<void> BackupSchedule::stop()
{
    std::unique_ptr<BackgroundTask> task;
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
        task.swap(state_->task);
    }
    if (task)
        co_await task->stop();
}

std::string BackupSchedule::trouble() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->trouble;
}

} // namespace whisperstore
