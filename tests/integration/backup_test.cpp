// One backup of all stores, and back.
#include "integration/backup_fixture.hpp"

#include <atomic>
#include <cstdlib>
#include <fcntl.h>
#include <set>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::test {
namespace {

std::string other_half(std::string id)
{
    id.front() = id.front() == 'a' ? 'b' : 'a';
    return id;
}

// ---- there and back

TEST_F(Backup, RoundTrip)
{
    fill(*storage, 60);
    const Dump before = run(dump(*storage));
    const BackupManifest created = create();
    EXPECT_EQ(created.components.size(), 2U);
    EXPECT_EQ(run(manager.verify_backup(path)).to_dict(), created.to_dict());

    run(storage->database().execute_query("DELETE FROM users WHERE user_id = 'user-1'"));
    run(storage->vector_db().delete_document("user_memories", "2"));
    fill(*storage, 30, 1000);
    run(storage->vector_db().create_collection("later", CollectionConfig()));
    ASSERT_NE(difference(run(dump(*storage)), before), "");

    run(manager.restore_from_backup(path, *storage));
    EXPECT_EQ(difference(run(dump(*storage)), before), "");
    EXPECT_EQ(run(unfinished_restore(storage->database())), "");
    // Searches and graph walks find what was restored, and nothing else.
    const std::vector<float> embedding = sample_embedding(2);
    EXPECT_EQ(run(storage->vector_db().search_similar("user_memories", embedding, 1)).at(0).id, "2");
    EXPECT_EQ(run(storage->graph().find_connected_memories("user-1", "", 1)).size(), 12U);
    run(storage->close());
    storage = open("data");
    EXPECT_EQ(difference(run(dump(*storage)), before), "");
}

TEST_F(Backup, IntoANewLayer)
{
    fill(*storage, 40);
    create();
    const auto other = open("other");
    fill(*other, 10, 5000);
    run(manager.restore_from_backup(path, *other));
    EXPECT_EQ(difference(run(dump(*other)), run(dump(*storage))), "");
    // New rows get new numbers.
    run(other->database().execute_query("INSERT INTO conversations (user_id, channel_id, message_content) "
                                        "VALUES ('user-1', 'channel', 'next')"));
    run(other->close());
}

TEST_F(Backup, ManifestSaysWhatIsInIt)
{
    fill(*storage, 5);
    const Timestamp start = now();
    const BackupManifest created = create();
    EXPECT_GE(created.timestamp, start);
    EXPECT_LE(created.timestamp, now());
    json::object written = manifest();
    EXPECT_EQ(written.at("checksum").as_string().size(), 64U);
    written.erase("checksum");
    EXPECT_EQ(written, created.to_dict());
    EXPECT_EQ(written.at("format").as_int64(), 2);
    EXPECT_EQ(written.at("backup_path").as_string(), "today");
    EXPECT_FALSE(written.at("library_version").as_string().empty());
    EXPECT_EQ(written.at("timestamp").as_string(), format_timestamp(created.timestamp));
    const json::array& components = written.at("components").as_array();
    ASSERT_EQ(components.size(), 2U);
    const std::vector<std::string> types{"database", "vector_db"};
    const std::vector<std::string> backends{"sqlite", "local_qdrant"};
    for (std::size_t i = 0; i < 2; ++i) {
        const json::object& component = components[i].as_object();
        EXPECT_EQ(component.at("type").as_string(), types[i]);
        EXPECT_EQ(component.at("path").as_string(), types[i]);
        EXPECT_EQ(component.at("backend").as_string(), backends[i]);
        EXPECT_EQ(component.at("size_bytes").as_int64(), static_cast<std::int64_t>(fs::file_size(path / types[i])));
        EXPECT_EQ(component.at("sha256").as_string().size(), 64U);
        EXPECT_EQ(component.at("content_bytes"), component.at("size_bytes"));
        EXPECT_FALSE(component.contains("compression") || component.contains("encryption"));
        const Timestamp began = parse_timestamp(component.at("started").as_string());
        const Timestamp ended = parse_timestamp(component.at("finished").as_string());
        EXPECT_LE(start, began);
        EXPECT_LE(began, ended);
        EXPECT_LE(ended, now());
        EXPECT_EQ(created.components[i].path, path / types[i]);
    }
    EXPECT_FALSE(components[0].as_object().at("backend_version").as_string().empty());
    const json::object& rows = components[0].as_object().at("counts").as_object();
    EXPECT_EQ(rows.at("messages").as_int64(), 5);
    EXPECT_EQ(rows.at("system_settings").as_int64(), 0);
    EXPECT_EQ(components[1].as_object().at("counts").as_object().at("user_memories").as_int64(), 5);
    const BackupManifest read = BackupManifest::from_dict(written, path);
    EXPECT_EQ(read.to_dict(), written);
    EXPECT_EQ(read.components[1].path, path / "vector_db");
}

TEST_F(Backup, ArchivesAreOrdinarySQLiteFiles)
{
    create();
    for (const char* name : {"database", "vector_db"})
        EXPECT_EQ(read_file(path / name).substr(0, 15), "SQLite format 3");
}

TEST_F(Backup, FolderAndFilesArePrivate)
{
    const mode_t before = ::umask(0);
    create();
    ::umask(before);
    const auto mode = [](const fs::path& file) { return static_cast<unsigned>(fs::status(file).permissions()); };
    EXPECT_EQ(mode(path), 0700U);
    EXPECT_EQ(mode(path.parent_path()), 0700U);
    int files = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
        EXPECT_EQ(mode(entry.path()), 0600U) << entry.path();
        ++files;
    }
    EXPECT_EQ(files, 3);
}

TEST_F(Backup, CacheIsEmptiedByARestore)
{
    fill(*storage, 30);
    create();
    fill(*storage, 30, 1000);
    UniversalMessage unsaved;
    unsaved.message_id = 77;
    unsaved.channel_id = "only-cached";
    unsaved.user_id = "user";
    unsaved.content = "is in no table";
    unsaved.timestamp = now();
    run(storage->cache().add_message("only-cached", unsaved));
    ASSERT_EQ(run(storage->cache().get_conversation_context("channel-0", 1)).at(0)->message_id, 1027);
    run(manager.restore_from_backup(path, *storage));
    EXPECT_EQ(run(storage->cache().get_cache_stats()).total_cached_messages, 0U);
    EXPECT_EQ(run(storage->cache().get_conversation_context("channel-0", 1)).at(0)->message_id, 28);
    EXPECT_TRUE(run(storage->cache().get_conversation_context("only-cached", 1)).empty());
}

TEST_F(Backup, UnderWriteLoadEachStoreIsOneSnapshot)
{
    // Each writer adds pairs; half a pair in a backup would be two snapshots.
    std::atomic<bool> stop{false};
    const auto rows = [](StorageLayer& layer, const std::atomic<bool>& ended) -> awaitable<void> {
        for (int i = 0; !ended; ++i) {
            std::vector<Query> pair;
            for (const char* half : {"a", "b"})
                pair.push_back(
                    query("INSERT INTO system_settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE "
                          "SET value = excluded.value",
                          params(arg(half + std::to_string(i % 1000)), arg(std::to_string(i)))));
            co_await layer.database().execute_transaction(std::move(pair));
        }
    };
    const auto vectors = [](StorageLayer& layer, const std::atomic<bool>& ended) -> awaitable<void> {
        for (int i = 0; !ended; ++i) {
            std::vector<VectorDocument> pair;
            for (const char* half : {"a", "b"})
                pair.push_back(
                    VectorDocument{half + std::to_string(i % 1000), "x", sample_embedding(i), json::object()});
            co_await layer.vector_db().store_documents("user_memories", std::move(pair));
        }
    };
    auto row_writer = start(rows(*storage, stop));
    auto vector_writer = start(vectors(*storage, stop));
    const auto copy = open("copy");
    const int rounds = std::getenv("WHISPERSTORE_ALL_ROUNDS") ? 100 : 5;
    for (int i = 0; i < rounds; ++i) {
        const fs::path at = directory / ("backup-" + std::to_string(i));
        run(manager.create_full_backup(*storage, at));
        run(manager.verify_backup(at)); // integrity_check and every row
        run(manager.restore_from_backup(at, *copy));
        const auto count = [&](const std::string& half) {
            const QueryResult found = run(copy->database().execute_query(
                "SELECT sum(CAST(value AS INTEGER)) AS n FROM system_settings WHERE key LIKE ?",
                params(arg(half + "%"))));
            return found.rows[0]["n"].as_int();
        };
        EXPECT_EQ(count("a"), count("b"));
        std::set<std::string> ids;
        for (const VectorDocument& document : run(copy->vector_db().export_collection("user_memories")).documents)
            ids.insert(document.id);
        for (const std::string& id : ids)
            EXPECT_TRUE(ids.contains(other_half(id))) << id;
        EXPECT_GT(ids.size(), 0U);
    }
    stop = true;
    wait(std::move(row_writer));
    wait(std::move(vector_writer));
    run(copy->close());
}

// ---- targets

TEST_F(Backup, AnythingAtTheTargetIsRefused)
{
    create();
    const std::string before = read_file(path / "backup_manifest.json");
    EXPECT_STORAGE_ERROR(create(), already_exists);
    EXPECT_EQ(read_file(path / "backup_manifest.json"), before);
    fs::create_directory(directory / "empty");
    EXPECT_STORAGE_ERROR(run(manager.create_full_backup(*storage, directory / "empty")), already_exists);
    write_file(directory / "file", "x");
    EXPECT_STORAGE_ERROR(run(manager.create_full_backup(*storage, directory / "file")), already_exists);
    fs::create_symlink(directory / "nowhere", directory / "link");
    EXPECT_STORAGE_ERROR(run(manager.create_full_backup(*storage, directory / "link")), already_exists);
    EXPECT_FALSE(fs::exists(path.string() + ".partial"));
}

TEST_F(Backup, ASlashAtTheEndIsTheSameFolder)
{
    run(manager.create_full_backup(*storage, path.string() + "/"));
    EXPECT_TRUE(fs::is_directory(path));
    EXPECT_STORAGE_ERROR(create(), already_exists);
    run(manager.verify_backup(path.string() + "/"));
    run(manager.verify_backup(path / "." / ".." / "today"));
    EXPECT_STORAGE_ERROR(run(manager.create_full_backup(*storage, "")), invalid_argument);
}

TEST_F(Backup, WhatACutOffBackupLeftIsReplaced)
{
    fs::create_directories(path.string() + ".partial/database.partial");
    write_file(path.string() + ".partial/database", "half");
    create();
    run(manager.verify_backup(path));
    EXPECT_FALSE(fs::exists(path.string() + ".partial"));
    EXPECT_EQ(std::distance(fs::directory_iterator(path), fs::directory_iterator()), 3);
}

TEST_F(Backup, OneAtATimeToOnePlace)
{
    // Another process is at it: it holds the lock of the unfinished folder.
    fs::create_directories(path.string() + ".partial");
    write_file(path.string() + ".partial/theirs", "x");
    const int theirs = ::open((path.string() + ".partial").c_str(), O_RDONLY | O_DIRECTORY);
    ASSERT_EQ(::flock(theirs, LOCK_EX), 0);
    const StorageError error = error_of([&] { create(); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_TRUE(fs::exists(path.string() + ".partial/theirs"));
    ::close(theirs);
    create();

    auto first = start(manager.create_full_backup(*storage, directory / "same"));
    auto second = start(manager.create_full_backup(*storage, directory / "same"));
    int made = 0;
    for (auto* future : {&first, &second}) {
        try {
            wait(std::move(*future));
            ++made;
        } catch (const StorageError& refused) {
            EXPECT_TRUE(refused.errc() == StorageErrc::unavailable || refused.errc() == StorageErrc::already_exists)
                << refused.what();
        }
    }
    EXPECT_EQ(made, 1);
    run(manager.verify_backup(directory / "same"));
}

TEST_F(Backup, AFailureLeavesNothingBehind)
{
    run(storage->vector_db().cleanup());
    EXPECT_STORAGE_ERROR(create(), closed);
    EXPECT_FALSE(fs::exists(path));
    EXPECT_FALSE(fs::exists(path.string() + ".partial"));
}

TEST_F(Backup, APlaceThatCannotBeWritten)
{
    write_file(directory / "file", "x");
    EXPECT_STORAGE_ERROR(run(manager.create_full_backup(*storage, directory / "file" / "backup")), permission);
    EXPECT_EQ(read_file(directory / "file"), "x");
}

} // namespace
} // namespace whisperstore::test
