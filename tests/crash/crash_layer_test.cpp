// Processes that are killed while they back up, restore or import.
#include "crash/killed_writer.hpp"
#include "crash/oracle.hpp"
#include "crash/stores.hpp"
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/message_importer.hpp>

#include <functional>
#include <iostream>
#include <iterator>
#include <random>
#include <set>

namespace whisperstore::test {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<StorageLayer> open_layer(const fs::path& data)
{
    return run(initialize_storage_layer(laptop_configuration(data)));
}

/// The entries of both stores.
Entries entries_of(StorageLayer& storage)
{
    run(create_entries(storage.database()));
    run(create_entries(storage.vector_db()));
    Entries found = run(read_entries(storage.database()));
    found.merge(run(read_entries(storage.vector_db())));
    return found;
}

/// Groups are written whole, so a snapshot has them whole.
void expect_whole_groups(const Entries& entries)
{
    std::map<std::string, std::multiset<std::int64_t>> groups;
    for (const auto& [key, version] : entries) {
        EXPECT_GT(version, 0) << key;
        if (const std::size_t dot = key.find('.'); dot != std::string::npos)
            groups[key.substr(0, dot)].insert(version);
    }
    for (const auto& [group, versions] : groups)
        EXPECT_TRUE(versions.size() == group_size && *versions.begin() == *versions.rbegin()) << group;
}

class CrashOfLayer : public testing::Test
{
protected:
    void SetUp() override { std::cout << "seed " << seed << " (WHISPERSTORE_CRASH_SEED)" << std::endl; }

    WriterRun kill_writer(const std::string& what, int round, KillMoment moment)
    {
        WriterRun told = run_and_kill(what, directory.path(), random(), round, moment);
        EXPECT_FALSE(told.ended_by_itself);
        return told;
    }
    std::chrono::microseconds up_to(unsigned microseconds)
    {
        return std::chrono::microseconds(random() % microseconds);
    }

    TestDirectory directory;
    const std::uint64_t seed = crash_seed();
    std::mt19937_64 random{seed};
    UnifiedBackupManager manager;
};

class CrashDuringBackup : public CrashOfLayer
{
protected:
    std::int64_t version_of_backup(const fs::path& path)
    {
        return std::stoll(path.filename().string().substr(std::string("backup-").size()));
    }

    /// A backup is what a new layer is filled from.
    void expect_consistent(const fs::path& path)
    {
        const TestDirectory elsewhere;
        const auto storage = open_layer(elsewhere.path());
        run(manager.restore_from_backup(path, *storage));
        expect_whole_groups(entries_of(*storage));
        run(storage->close());
    }

    /// Backups at their paths, each checked; a damaged one has the version -1.
    Entries backups()
    {
        Entries found;
        for (const fs::directory_entry& entry : fs::directory_iterator(directory.path())) {
            const std::string name = entry.path().filename().string();
            if (!name.starts_with("backup-") || name.ends_with(".partial"))
                continue;
            found[name] = version_of_backup(entry.path());
            try {
                run(manager.verify_backup(entry.path()));
            } catch (const StorageError& error) {
                ADD_FAILURE() << error.what();
                found[name] = -1;
            }
        }
        return found;
    }
};

TEST_F(CrashDuringBackup, BackupsAreWholeOrNotThere)
{
    Oracle oracle("backup");
    for (int round = 0; round < crash_rounds(6) && !HasFailure(); ++round) {
        const WriterRun told = kill_writer("backup", round, KillMoment{random() % 300, up_to(60'000)});
        const auto storage = open_layer(directory / "data");
        Entries found = backups();
        // Every one was verified; filling a layer takes longer, so one of them stands for all.
        if (!found.empty())
            expect_consistent(directory / std::next(found.begin(), static_cast<long>(random() % found.size()))->first);
        found.merge(entries_of(*storage));
        oracle.check(told, found);

        // The next backup to a path where one was cut off works.
        for (const Operation& operation : told.in_flight) {
            const fs::path path = directory / operation.changes.front().key;
            if (!path.filename().string().starts_with("backup-") || fs::exists(path))
                continue;
            run(manager.create_full_backup(*storage, path));
            expect_consistent(path);
            EXPECT_FALSE(fs::exists(path.string() + ".partial"));
        }
        run(storage->close());
        Entries kept = oracle.entries();
        for (const fs::directory_entry& entry : fs::directory_iterator(directory.path()))
            if (entry.path().filename().string().starts_with("backup-")) {
                kept.erase(entry.path().filename().string());
                fs::remove_all(entry.path());
            }
        oracle.begin_with(std::move(kept));
    }
}

class CrashDuringRestore : public CrashOfLayer
{
protected:
    /// Fills the stores with something else each time, collections included.
    void fill(StorageLayer& storage, int which)
    {
        run(create_entries(storage.database()));
        run(create_entries(storage.vector_db()));
        std::vector<Query> rows;
        rows.push_back(query("DELETE FROM entries"));
        for (int i = 0; i < 400 * which; ++i) {
            const std::string key = "s0-" + std::to_string(i);
            rows.push_back(query("INSERT INTO entries VALUES (?, ?, ?)",
                                 params(arg(key), arg(which), arg(content_of(key, which)))));
        }
        run(storage.database().execute_transaction(std::move(rows)));
        for (const char* collection : {"even", "odd"}) {
            std::vector<VectorDocument> documents;
            for (int i = 0; i < 300; ++i) {
                const std::string key = "v0-" + std::to_string(i);
                documents.push_back(VectorDocument{key, content_of(key, which),
                                                   embedding_of(key, which, vector_dimension), json::object()});
            }
            run(storage.vector_db().store_documents(collection, std::move(documents)));
        }
        run(storage.vector_db().create_collection(which == 1 ? "only-in-1" : "only-in-2", CollectionConfig()));
        if (which == 2)
            run(storage.vector_db().delete_collection("only-in-1"));
    }

    /// Which of the two backups a dump is; -1 for a mixture.
    static std::int64_t which(const Dump& found, const std::vector<Dump>& contents)
    {
        for (std::size_t i = 0; i < contents.size(); ++i)
            if (found == contents[i])
                return static_cast<std::int64_t>(i + 1);
        return -1;
    }
};

TEST_F(CrashDuringRestore, EachStoreIsOldOrNew)
{
    std::vector<Dump> databases;
    std::vector<Dump> collections;
    const auto rows_of = [](StorageLayer& storage) {
        Dump out = run(dump_database(storage.database()));
        out.erase("system_settings"); // it says there that a restore of everything has begun and did not end
        for (const auto& [key, version] : run(read_entries(storage.database())))
            out["entries"].push_back(key + "=" + std::to_string(version));
        return out;
    };
    {
        const auto storage = open_layer(directory / "data");
        for (int i = 1; i <= 2; ++i) {
            fill(*storage, i);
            run(manager.create_full_backup(*storage, directory / std::to_string(i)));
            databases.push_back(rows_of(*storage));
            collections.push_back(run(dump_vectors(storage->vector_db())));
        }
        run(storage->close());
    }
    Oracle oracle("restore");
    oracle.begin_with(Entries{{"database", 2}, {"vectors", 2}});
    for (int round = 0; round < crash_rounds(8) && !HasFailure(); ++round) {
        const WriterRun told = kill_writer("restore", round, KillMoment{random() % 6, up_to(100'000)});
        const auto storage = open_layer(directory / "data");
        Entries found;
        found["database"] = which(rows_of(*storage), databases);
        found["vectors"] = which(run(dump_vectors(storage->vector_db())), collections);
        oracle.check(told, found);
        run(storage->close());
    }
}

class CrashDuringImport : public CrashOfLayer
{
protected:
    static constexpr std::size_t count = 240;

    /// The messages that have a row have everything else too.
    static void expect_complete(StorageLayer& storage)
    {
        const Dump found = run(dump(storage));
        const auto number = [&](const char* sql) {
            return run(storage.database().execute_query(sql)).rows[0][std::size_t{0}].as_int();
        };
        const std::int64_t rows = number("SELECT count(*) FROM messages");
        EXPECT_EQ(number("SELECT count(*) FROM conversations"), rows);
        EXPECT_EQ(number("SELECT coalesce(sum(message_count), 0) FROM users"), rows);
        EXPECT_EQ(number("SELECT count(*) FROM messages JOIN graph_nodes ON node_type = 'memory' AND "
                         "node_id = CAST(message_id AS TEXT) WHERE graph_nodes.content = messages.content"),
                  rows);
        EXPECT_EQ(number("SELECT count(*) FROM messages JOIN relationships ON source_id = messages.user_id AND "
                         "target_id = CAST(message_id AS TEXT) WHERE relationship_type = 'REMEMBERS'"),
                  rows);
        std::vector<std::string> ids;
        for (const Row& row : run(storage.database().execute_query("SELECT message_id FROM messages")))
            ids.push_back(std::to_string(row[std::size_t{0}].as_int()));
        EXPECT_EQ(run(storage.vector_db().get_documents("user_memories", ids)).size(), ids.size());
    }
};

TEST_F(CrashDuringImport, InterruptedAndResumedEqualsUninterrupted)
{
    const std::vector<SampleMessage> messages = sample_messages(count);
    write_messages(directory / "messages.jsonl", messages);
    write_embeddings(directory / "messages.f32", messages);
    ImportOptions options;
    options.embeddings = directory / "messages.f32";
    const auto uninterrupted = open_layer(directory / "uninterrupted");
    run(import_messages(*uninterrupted, directory / "messages.jsonl", options));
    const Dump expected = run(dump(*uninterrupted, Columns::content));
    run(uninterrupted->close());

    Oracle oracle("import");
    int completed = 0;
    for (int round = 0; round < crash_rounds(12) && !HasFailure(); ++round) {
        const WriterRun told = kill_writer("import", round, KillMoment{random() % 12, up_to(4000)});
        const auto storage = open_layer(directory / "data");
        expect_complete(*storage);
        const bool complete = !told.acknowledged.empty() && told.acknowledged.back().changes[0].key == "complete";
        const std::int64_t lines = told.acknowledged.empty() ? 0
                                   : complete                ? std::int64_t{count}
                                                             : told.acknowledged.back().changes[0].version;
        const QueryResult rows = run(storage->database().execute_query(
            "SELECT count(*) FROM messages WHERE message_id <= ?", params(arg(lines))));
        // The first `lines` messages have the ids from 1.
        WriterRun round_told;
        round_told.acknowledged = told.acknowledged;
        oracle.begin_with(Entries());
        Entries found;
        if (lines > 0)
            found["messages"] = rows.rows[0][std::size_t{0}].as_int();
        if (complete)
            found["complete"] = 1;
        oracle.check(round_told, found);
        if (complete || round + 1 == crash_rounds(12)) {
            // Resumed to the end here, whatever the last run came to.
            run(import_messages(*storage, directory / "messages.jsonl", options));
            EXPECT_EQ(difference(run(dump(*storage, Columns::content)), expected), "");
            ++completed;
        }
        run(storage->close());
        if (complete)
            fs::remove_all(directory / "data");
    }
    EXPECT_GT(completed, 0);
}

} // namespace
} // namespace whisperstore::test
