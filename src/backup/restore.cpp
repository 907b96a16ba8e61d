#include "backup/restore.hpp"

#include "backup/archive_content.hpp"
#include "backup/background.hpp"
#include "backup/component_file.hpp"
#include "backup/graph_copy.hpp"
#include "core/failure.hpp"
#include "core/shield.hpp"
#include "sqlite/work_folder.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/graph/mock_graph_database_manager.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <chrono>
#include <set>

namespace whisperstore::backup {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view backend = "backup";

StorageError as_storage_error(const std::exception_ptr& failed)
{
    try {
        try {
            std::rethrow_exception(failed);
        } catch (...) {
            rethrow_as_storage_error(backend, "restore_from_backup");
        }
    } catch (const StorageError& error) {
        return error;
    } catch (const std::exception& error) {
        return StorageError(StorageErrc::unavailable, error.what());
    }
}

/// Channels with messages; none where there is no such table yet.
awaitable<std::set<std::string>> channels_of(AbstractDatabaseAdapter& database, OperationContext context)
{
    std::set<std::string> channels;
    try {
        const QueryResult result = co_await database.execute_query("SELECT DISTINCT channel_id FROM messages",
                                                                   Parameters(), std::move(context));
        for (const Row& row : result)
            channels.emplace(row["channel_id"].as_text());
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found)
            throw;
    }
    co_return channels;
}

/// Beside the database, where there is room for it and where the same people may read it; of a database on a server in
/// the folder for temporary files.
fs::path place_for_work(const AbstractDatabaseAdapter& database)
{
    const fs::path file = database.endpoints().empty() ? fs::path() : fs::path(database.endpoints().front());
    std::error_code ignored; // then it is no file of this machine
    if (file.is_absolute() && fs::is_regular_file(file, ignored))
        return file.parent_path();
    return fs::temp_directory_path();
}

/// The graph in the tables of a database that somebody else owns.
MockGraphDatabaseManager tables_as_graph(AbstractDatabaseAdapter& database)
{
    return MockGraphDatabaseManager(
        std::shared_ptr<AbstractDatabaseAdapter>(std::shared_ptr<AbstractDatabaseAdapter>(), &database));
}

/// One restore.
class Restore
{
public:
    Restore(BackupManifest manifest, BackupTarget stores, BackupOptions options, OperationContext context)
        : manifest_(std::move(manifest)),
          stores_(stores),
          options_(std::move(options)),
          context_(std::move(context)),
          work_(place_for_work(stores.database), "restore")
    {
    }

    awaitable<RestoreReport> run(std::optional<BackupKey> key)
    {
        const auto started = std::chrono::steady_clock::now();
        co_await unpack_all(std::move(key));
        co_await save_old_content();
        co_await apply_all();
        report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
        report_.manifest = manifest_;
        co_return std::move(report_);
    }

private:
    // A store: what its part is called, what gives it the backup's content and what gives the old one back.
    struct Step
    {
        std::string what; // "the vectors"
        std::string type; // of the component
        bool at_once;     // it has either content, never a mixture
        std::function<awaitable<void>(Restore&, OperationContext)> apply;
        std::function<awaitable<void>(Restore&)> undo;
    };

    bool has_own_graph() const { return stores_.graph && !is_in_database(stores_.graph); }
    fs::path unpacked(std::string_view type) const { return work_.file(type); }
    fs::path old(std::string_view type) const { return work_.file("old-" + std::string(type)); }

    awaitable<void> unpack_all(std::optional<BackupKey> key)
    {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const auto shared_key = std::make_shared<std::optional<BackupKey>>(std::move(key));
        for (const BackupComponent& component : manifest_.components) {
            const ProgressWatch watch(executor, options_.progress, "unpack", component.type, component.size_bytes);
            std::function<bool(const Watched&)> work = [component, shared_key,
                                                        file = unpacked(component.type)](const Watched& watched) {
                unpack(component, *shared_key ? &**shared_key : nullptr, file, watched);
                check_archive(component.type, file, watched.stopper);
                if (component.started && count_rows(component.type, file, watched.stopper) != component.counts)
                    throw StorageError(StorageErrc::corrupt,
                                       component.path.string() + " has other rows than the manifest says");
                return true;
            };
            co_await on_thread<bool>(std::move(work), watch.bytes(), context_);
        }
        ArchiveFiles files{unpacked("database"), unpacked("vector_db"), {}, {}};
        if (manifest_.find("graph"))
            files.graph = unpacked("graph");
        if (manifest_.find("cache"))
            files.cache = unpacked("cache");
        json::object mark;
        mark["backup_path"] = manifest_.backup_path.string();
        mark["timestamp"] = format_timestamp(manifest_.timestamp);
        mark["started"] = format_timestamp(now());
        std::function<std::vector<OrphanCount>(const Watched&)> work =
            [files, text = json::serialize(mark)](const Watched& watched) {
                std::vector<OrphanCount> orphans = count_orphans(files, watched.stopper);
                mark_archive(files.database, text);
                return orphans;
            };
        auto no_bytes = std::make_shared<std::atomic<std::uint64_t>>(0);
        report_.orphans = co_await on_thread<std::vector<OrphanCount>>(std::move(work), no_bytes, context_);
    }

    awaitable<void> save_old_content()
    {
        channels_ = co_await channels_of(stores_.database, context_);
        co_await stores_.database.backup_database(old("database"), context_);
        const bool keeps_cache = outlives_process(stores_.cache);
        if (has_own_graph() || is_replaced_in_database() || keeps_cache)
            co_await stores_.vector_db.backup_collections(old("vector_db"), context_);
        if (has_own_graph())
            co_await write_graph(*stores_.graph, old("graph"), context_);
        if (keeps_cache) {
            co_await stores_.cache.backup_cache(old("cache"), context_);
            for (std::string& channel : archived_channels(old("cache")))
                channels_.insert(std::move(channel));
        }
    }

    bool is_replaced_in_database() const { return is_in_database(stores_.graph) && manifest_.find("graph"); }

    std::vector<Step> steps()
    {
        std::vector<Step> list;
        list.push_back(
            Step{"the database", "database", true,
                 [](Restore& self, OperationContext context) {
                     return self.stores_.database.restore_database(self.unpacked("database"), std::move(context));
                 },
                 [](Restore& self) { return self.stores_.database.restore_database(self.old("database")); }});
        list.push_back(
            Step{"the vectors", "vector_db", true,
                 [](Restore& self, OperationContext context) {
                     return self.stores_.vector_db.restore_collections(self.unpacked("vector_db"), std::move(context));
                 },
                 [](Restore& self) { return self.stores_.vector_db.restore_collections(self.old("vector_db")); }});
        if (has_own_graph() || is_replaced_in_database())
            list.push_back(
                Step{"the graph", "graph", false,
                     [](Restore& self, OperationContext context) { return self.apply_graph(std::move(context)); },
                     [](Restore& self) { return self.undo_graph(); }});
        else if (manifest_.find("graph"))
            report_.notes.emplace_back("the graph was left out: it is switched off here");
        if (outlives_process(stores_.cache)) // the one in memory is done at the end, whatever the caller does
            list.push_back(
                Step{"the cache", "cache", false,
                     [](Restore& self, OperationContext context) { return self.apply_cache(std::move(context)); },
                     [](Restore& self) { return self.undo_cache(); }});
        return list;
    }

    awaitable<void> apply_graph(OperationContext context)
    {
        if (!is_in_database(stores_.graph)) {
            if (manifest_.find("graph")) {
                co_await replace_graph(*stores_.graph, unpacked("graph"), std::move(context));
                co_return;
            }
            report_.notes.emplace_back("the graph was filled from the tables of the database");
            MockGraphDatabaseManager tables = tables_as_graph(stores_.database);
            co_await tables.initialize(context);
            co_await copy_graph(tables, *stores_.graph, std::move(context));
            co_return;
        }
        const bool same = co_await same_graph(*stores_.graph, unpacked("graph"), context);
        if (same)
            co_return; // what is beside a graph in its tables stays as it was, too
        report_.notes.emplace_back("the graph was put into the tables of the database");
        co_await replace_graph(*stores_.graph, unpacked("graph"), std::move(context));
    }

    awaitable<void> undo_graph()
    {
        if (is_in_database(stores_.graph))
            co_return; // goes back with the database
        co_await replace_graph(*stores_.graph, old("graph"), OperationContext());
    }

    /// A cache that outlives this process is emptied channel by channel: those of before and those there are now. One
    /// in this process is emptied as a whole.
    awaitable<void> empty_cache()
    {
        channels_.merge(co_await channels_of(stores_.database, OperationContext()));
        for (const std::string& channel : channels_)
            co_await stores_.cache.clear_channel_cache(channel);
        co_await stores_.cache.cleanup();
        co_await stores_.cache.initialize();
    }

    awaitable<void> apply_cache(OperationContext context)
    {
        co_await empty_cache();
        if (!manifest_.find("cache")) {
            if (outlives_process(stores_.cache))
                report_.notes.emplace_back("the cache was emptied: the backup has none");
            co_return;
        }
        co_await stores_.cache.restore_cache(unpacked("cache"), std::move(context));
        if (!outlives_process(stores_.cache))
            report_.notes.emplace_back("the cache was put into the memory of this process");
    }

    awaitable<void> undo_cache()
    {
        co_await empty_cache();
        co_await stores_.cache.restore_cache(old("cache"));
    }

    awaitable<void> unmark()
    {
        try {
            co_await stores_.database.execute_query("DELETE FROM system_settings WHERE key = :key",
                                                    params(arg("key", mark_key)));
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::not_found) // no such table: nothing was marked
                throw;
        }
    }

    /// From the last store to the database, which until then says that it is half restored.
    awaitable<void> undo(const std::vector<Step>& list, std::size_t count, StorageError why)
    {
        for (std::size_t i = count; i-- > 0;) {
            std::exception_ptr failed;
            try {
                co_await list[i].undo(*this);
            } catch (...) {
                failed = std::current_exception();
            }
            if (!failed)
                continue;
            const StorageError failure = as_storage_error(failed);
            ErrorDetails details;
            details.native_code = failure.native_code();
            details.outcome = Outcome::unknown;
            throw StorageError(failure.errc(),
                               std::string("the backup could not be restored (").append(why.what()) + "), and then " +
                                   list[i].what + " not be put back (" + failure.what() +
                                   "): the database holds the backup's content, the old content of all stores is in " +
                                   work_.keep().string() + "; restore again when they work",
                               std::move(details));
        }
    }

    awaitable<void> finish()
    {
        if (!outlives_process(stores_.cache)) {
            co_await apply_cache(OperationContext());
            if (manifest_.find("cache"))
                report_.restored.emplace_back("cache");
        }
        co_await unmark();
    }

    awaitable<void> apply_all()
    {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const std::vector<Step> list = steps();
        std::exception_ptr failed;
        std::size_t done = 0;
        for (; done < list.size() && !failed; ++done) {
            const ProgressWatch watch(executor, options_.progress, "restore", list[done].type);
            try {
                co_await list[done].apply(*this, context_);
            } catch (...) {
                failed = std::current_exception();
            }
            if (failed)
                break;
            if (list[done].type != "cache" || manifest_.find("cache"))
                report_.restored.push_back(list[done].type);
        }
        const std::optional<StorageError> failure = failed ? std::optional(as_storage_error(failed)) : std::nullopt;
        if (failure && done == 0) // the database itself: nothing has happened, or nobody knows
            std::rethrow_exception(failed);
        // A store that may have, or may get, the backup's content needs the backup's database.
        const bool keeps = failure && list[done].at_once && failure->outcome() != Outcome::not_applied;
        awaitable<void> rest = keeps     ? empty_cache()
                               : failure ? undo(list, list[done].at_once ? done : done + 1, *failure)
                                         : finish();
        // Also for a caller that gave up: the stores go back, or, as it has happened, are not left half done.
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        const std::exception_ptr rest_failure = co_await shielded(std::move(rest));
        co_await asio::this_coro::throw_if_cancelled(throws);
        if (keeps) {
            std::string told = "the database has the backup's content, ";
            told.append(list[done].what).append(" may not have it yet");
            if (rest_failure)
                told.append(" (and emptying the cache failed: ")
                    .append(as_storage_error(rest_failure).what())
                    .append(")");
            throw failure->prefixed(told.append("; restore again when they work: ")).with_outcome(Outcome::unknown);
        }
        if (rest_failure)
            std::rethrow_exception(rest_failure);
        if (failed)
            std::rethrow_exception(failed);
    }

    BackupManifest manifest_;
    BackupTarget stores_;
    BackupOptions options_;
    OperationContext context_;
    sqlite::WorkFolder work_;
    std::set<std::string> channels_; // of the cache, before and after
    RestoreReport report_;
};

} // namespace

bool is_in_database(const GraphDatabaseManager* graph) { return graph && graph->graph_database_type() == "sqlite"; }

bool outlives_process(const ConversationCacheManager& cache) { return cache.cache_type() != "memory"; }

awaitable<RestoreReport> restore(BackupManifest manifest, std::optional<BackupKey> key, BackupTarget stores,
                                 BackupOptions options, OperationContext context)
{
    Restore one(std::move(manifest), stores, std::move(options), std::move(context));
    co_return co_await one.run(std::move(key));
}

} // namespace whisperstore::backup
