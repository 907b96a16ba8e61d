#pragma once
// What an open SQLiteAdapter consists of: the store, and who is using it.

#include "database/call_counters.hpp"
#include "database/sqlite_query.hpp"
#include "database/sqlite_stream.hpp"
#include "database/sqlite_transaction.hpp"
#include "sqlite/store.hpp"

#include <whisperstore/database/database_config.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// Thread safe. Shared by the adapter and its running operations.
class SqliteState
{
public:
    /// Throws StorageError invalid_argument naming the setting.
    explicit SqliteState(DatabaseConfig config);
    ~SqliteState();

    const DatabaseConfig& config() const noexcept { return config_; }
    std::string place() const { return memory_ ? ":memory:" : path_.string(); }
    const std::shared_ptr<SqliteQueryCache>& queries() const noexcept { return queries_; }
    CallCounters& counters() noexcept { return *counters_; }

    /// Throws StorageError closed.
    std::shared_ptr<sqlite::Store> store(std::string_view operation) const;

    /// Blocks: opens the file. Does nothing when it is open.
    void open();
    /// Blocks until running work has ended. Open transactions and streams end as `closed`.
    void close();

    /// Before it begins, so that close() reaches it.
    std::shared_ptr<SqliteTransaction> new_transaction(const std::shared_ptr<sqlite::Store>& store);
    std::shared_ptr<SqliteStream> new_stream(const std::shared_ptr<sqlite::Store>& store, BoundQuery query,
                                             OperationContext context);
    std::size_t open_streams() const noexcept { return open_streams_->load(); }

    /// A coroutine that calls the adapter while it owns the open transaction would wait for itself.
    /// Throws StorageError invalid_argument.
    awaitable<void> refuse_owner();
    /// Whether there is any need to ask.
    bool may_have_owner() const noexcept { return has_transactions_; }

    /// Keeps other runners of migrations away until it goes; null while there is one. Other processes cannot have the
    /// file open for writing anyway.
    std::shared_ptr<void> try_lock_migrations();

    /// Counts reads that ran on the calling thread: true when the executor should get its turn.
    bool inline_turn_over() noexcept;

private:
    class MemoryDirectory;
    std::shared_ptr<sqlite::Store> store_if_open() const;

    DatabaseConfig config_;
    std::filesystem::path path_;
    bool memory_ = false;
    const std::shared_ptr<SqliteQueryCache> queries_ = std::make_shared<SqliteQueryCache>();
    const std::shared_ptr<CallCounters> counters_ = std::make_shared<CallCounters>();
    const std::shared_ptr<std::atomic<std::size_t>> open_streams_ = std::make_shared<std::atomic<std::size_t>>(0);
    std::atomic<std::uint64_t> inline_reads_{0};

    std::mutex opening_mutex_;
    mutable std::mutex mutex_;
    std::unique_ptr<MemoryDirectory> memory_directory_;
    std::shared_ptr<sqlite::Store> store_;
    std::vector<std::weak_ptr<SqliteTransaction>> transactions_;
    std::vector<std::weak_ptr<SqliteStream>> streams_;
    std::weak_ptr<void> migrating_;
    std::atomic<bool> has_transactions_{false}; // whether there is any need to look at them
};

} // namespace whisperstore
