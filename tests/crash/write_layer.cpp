#include "crash/writer.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/storage/message_importer.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace whisperstore::test {

namespace {

constexpr std::size_t import_batch = 8;

awaitable<void> create_backup(StorageLayer& storage, std::filesystem::path path)
{
    UnifiedBackupManager manager;
    co_await manager.create_full_backup(storage, std::move(path));
}

awaitable<void> nothing() { co_return; }

awaitable<void> restore_all(StorageLayer& storage, std::filesystem::path path)
{
    UnifiedBackupManager manager;
    co_await manager.restore_from_backup(std::move(path), storage);
}

} // namespace

awaitable<void> write_backups(StorageLayer& storage, std::filesystem::path directory, Actor actor)
{
    while (true) {
        const std::int64_t version = actor.next_version();
        const std::string name = "backup-" + std::to_string(version);
        const Change change{name, version};
        co_await actor.tell(std::vector<Change>(1, change), create_backup(storage, directory / name));
    }
}

awaitable<void> restore_backups(StorageLayer& storage, std::filesystem::path directory, Actor actor)
{
    while (true) {
        const auto version = static_cast<std::int64_t>(1 + actor.below(2));
        const std::filesystem::path backup = directory / std::to_string(version);
        const Change database{"database", version};
        const Change vectors{"vectors", version};
        switch (actor.below(3)) {
        case 0:
            co_await actor.tell(std::vector<Change>(1, database),
                                storage.database().restore_database(backup / "database"));
            break;
        case 1:
            co_await actor.tell(std::vector<Change>(1, vectors),
                                storage.vector_db().restore_collections(backup / "vector_db"));
            break;
        default: {
            // Each store is old or new; both together only when it was acknowledged.
            std::vector<Change> changes(1, database);
            changes.push_back(vectors);
            co_await actor.tell(std::move(changes), restore_all(storage, backup), true);
        }
        }
    }
}

awaitable<void> import_file(StorageLayer& storage, std::filesystem::path directory, Actor actor)
{
    ImportOptions options;
    options.embeddings = directory / "messages.f32";
    options.batch_size = import_batch;
    const Reporter reporter(3);
    // A batch counts as an operation on the entry "messages", whose version is the number of lines done.
    std::uint64_t number = 0;
    options.progress = [&](std::uint64_t done, std::uint64_t) {
        const Operation batch{++number, std::vector<Change>(1, Change{"messages", static_cast<std::int64_t>(done)}),
                              false};
        reporter.begins(batch);
        reporter.done(batch);
    };
    co_await import_messages(storage, directory / "messages.jsonl", options);
    const Change complete{"complete", 1};
    co_await actor.tell(std::vector<Change>(1, complete), nothing());
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
}

} // namespace whisperstore::test
