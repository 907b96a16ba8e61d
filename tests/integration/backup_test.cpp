// One backup of all stores, and back.
#include "support/cancellable.hpp"
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/message_importer.hpp>

#include <atomic>
#include <fcntl.h>
#include <set>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::test {
namespace {

namespace fs = std::filesystem;

class Backup : public testing::Test
{
protected:
    void SetUp() override { storage = open("data"); }
    void TearDown() override { run(storage->close()); }

    std::shared_ptr<StorageLayer> open(const std::string& name)
    {
        return run(initialize_storage_layer(laptop_configuration(directory / name)));
    }
    /// Imports messages of these ids into the layer.
    void fill(StorageLayer& layer, std::size_t count, std::int64_t first_id = 1)
    {
        const std::vector<SampleMessage> messages = sample_messages(count, first_id);
        write_messages(directory / "messages.jsonl", messages);
        write_embeddings(directory / "messages.f32", messages);
        ImportOptions options;
        options.embeddings = directory / "messages.f32";
        run(import_messages(layer, directory / "messages.jsonl", options));
    }
    BackupManifest create() { return run(manager.create_full_backup(*storage, path)); }
    json::object manifest() { return parse_json_object(read_file(path / "backup_manifest.json"), "manifest"); }
    void write_manifest(const json::object& data) { write_file(path / "backup_manifest.json", json::serialize(data)); }

    /// Neither verify nor restore accepts the backup; both name `word`, and the stores stay as they are.
    void expect_refused(StorageErrc code, const std::string& word)
    {
        const Dump before = run(dump(*storage));
        const StorageError verifying = error_of([&] { run(manager.verify_backup(path)); });
        const StorageError restoring = error_of([&] { run(manager.restore_from_backup(path, *storage)); });
        for (const StorageError& error : {verifying, restoring}) {
            EXPECT_EQ(to_string(error.errc()), to_string(code)) << error.what();
            EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << word << " in: " << error.what();
        }
        EXPECT_EQ(difference(run(dump(*storage)), before), "");
    }

    TestDirectory directory;
    const fs::path path = directory / "backups" / "today";
    std::shared_ptr<StorageLayer> storage;
    UnifiedBackupManager manager;
};

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
    const json::object written = manifest();
    EXPECT_EQ(written, created.to_dict());
    EXPECT_EQ(written.at("format").as_int64(), 1);
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
        EXPECT_EQ(created.components[i].path, path / types[i]);
    }
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
                pair.push_back(query("INSERT INTO system_settings (key, value) VALUES (?, 'x')",
                                     params(arg(half + std::to_string(i)))));
            co_await layer.database().execute_transaction(std::move(pair));
        }
    };
    const auto vectors = [](StorageLayer& layer, const std::atomic<bool>& ended) -> awaitable<void> {
        for (int i = 0; !ended; ++i) {
            std::vector<VectorDocument> pair;
            for (const char* half : {"a", "b"})
                pair.push_back(VectorDocument{half + std::to_string(i), "x", sample_embedding(i), json::object()});
            co_await layer.vector_db().store_documents("user_memories", std::move(pair));
        }
    };
    auto row_writer = start(rows(*storage, stop));
    auto vector_writer = start(vectors(*storage, stop));
    const auto copy = open("copy");
    for (int i = 0; i < 5; ++i) {
        const fs::path at = directory / ("backup-" + std::to_string(i));
        run(manager.create_full_backup(*storage, at));
        run(manager.restore_from_backup(at, *copy));
        const auto count = [&](const std::string& half) {
            const QueryResult found = run(copy->database().execute_query(
                "SELECT count(*) AS n FROM system_settings WHERE key LIKE ?", params(arg(half + "%"))));
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

// ---- what is no whole backup

TEST_F(Backup, AnythingElseIsNoBackup)
{
    expect_refused(StorageErrc::not_found, path.string());
    fs::create_directories(path);
    expect_refused(StorageErrc::not_found, "not a backup");
    fs::create_directory(path / "backup_manifest.json");
    expect_refused(StorageErrc::not_found, "not a backup");
}

TEST_F(Backup, TamperedArchives)
{
    fill(*storage, 20);
    create();
    for (const char* name : {"database", "vector_db"}) {
        const std::string original = read_file(path / name);
        std::string changed = original;
        changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 1);
        write_file(path / name, changed);
        expect_refused(StorageErrc::corrupt, (path / name).string());
        write_file(path / name, original + "x");
        expect_refused(StorageErrc::corrupt, "bytes");
        fs::remove(path / name);
        expect_refused(StorageErrc::corrupt, "missing");
        write_file(directory / "elsewhere", original);
        fs::create_symlink(directory / "elsewhere", path / name);
        expect_refused(StorageErrc::corrupt, "missing");
        fs::remove(path / name);
        write_file(path / name, original);
    }
    run(manager.verify_backup(path));
}

TEST_F(Backup, DamagedManifests)
{
    create();
    const json::object whole = manifest();
    write_file(path / "backup_manifest.json", "{\"format\": 1");
    expect_refused(StorageErrc::corrupt, "backup_manifest.json");
    write_file(path / "backup_manifest.json", "[]");
    expect_refused(StorageErrc::corrupt, "backup_manifest.json");
    for (const char* field : {"format", "timestamp", "components", "library_version"}) {
        json::object data = whole;
        data.erase(field);
        write_manifest(data);
        expect_refused(StorageErrc::corrupt, field);
    }
    for (const char* field : {"type", "path", "sha256", "size_bytes", "backend"}) {
        json::object data = whole;
        data["components"].as_array()[0].as_object().erase(field);
        write_manifest(data);
        expect_refused(StorageErrc::corrupt, field);
    }
    json::object data = whole;
    data["components"].as_array().erase(data["components"].as_array().begin());
    write_manifest(data);
    expect_refused(StorageErrc::corrupt, "database");
    data = whole;
    data["components"].as_array().push_back(whole.at("components").as_array()[0]);
    write_manifest(data);
    expect_refused(StorageErrc::corrupt, "twice");
    data = whole;
    data["timestamp"] = "yesterday";
    write_manifest(data);
    expect_refused(StorageErrc::corrupt, "yesterday");
    data = whole;
    data["format"] = 0;
    write_manifest(data);
    expect_refused(StorageErrc::corrupt, "format");
}

TEST_F(Backup, ANewerFormatIsForANewerProgram)
{
    create();
    json::object data = manifest();
    data["format"] = 2;
    data.erase("components"); // whatever that format looks like
    write_manifest(data);
    expect_refused(StorageErrc::version_mismatch, "newer");
}

TEST_F(Backup, ManifestsCannotPointElsewhere)
{
    fill(*storage, 5);
    create();
    const json::object whole = manifest();
    write_file(directory / "backups" / "database", read_file(path / "database"));
    const std::string absolute = (directory / "backups" / "database").string();
    for (const std::string& name : {std::string("../database"), absolute, std::string(".."), std::string("."),
                                    std::string(), std::string("a/../../database")}) {
        json::object data = whole;
        data["components"].as_array()[0].as_object()["path"] = name;
        write_manifest(data);
        expect_refused(StorageErrc::corrupt, "not the name of a file in its folder");
    }
}

// ---- restores that fail

/// Passes everything on, but refuses restores.
class RefusingVectors final : public VectorDatabaseManager
{
public:
    explicit RefusingVectors(VectorDatabaseManager& inner) : inner_(inner) {}
    StorageErrc failure = StorageErrc::resource_exhausted;
    int asked = 0;

    awaitable<void> restore_collections(fs::path, OperationContext) override
    {
        ++asked;
        throw StorageError(failure, "no room for these vectors");
        co_return;
    }
    awaitable<void> initialize(OperationContext context) override { return inner_.initialize(std::move(context)); }
    awaitable<void> cleanup() override { return inner_.cleanup(); }
    awaitable<void> create_collection(std::string name, CollectionConfig config, OperationContext context) override
    {
        return inner_.create_collection(std::move(name), std::move(config), std::move(context));
    }
    awaitable<bool> delete_collection(std::string name, OperationContext context) override
    {
        return inner_.delete_collection(std::move(name), std::move(context));
    }
    awaitable<std::vector<std::string>> list_collections(OperationContext context) override
    {
        return inner_.list_collections(std::move(context));
    }
    awaitable<CollectionConfig> get_collection(std::string name, OperationContext context) override
    {
        return inner_.get_collection(std::move(name), std::move(context));
    }
    awaitable<void> store_documents(std::string name, std::vector<VectorDocument> documents,
                                    OperationContext context) override
    {
        return inner_.store_documents(std::move(name), std::move(documents), std::move(context));
    }
    awaitable<std::vector<SearchResult>> search_similar(std::string name, std::span<const float> embedding,
                                                        std::size_t limit, Filter filters,
                                                        OperationContext context) override
    {
        return inner_.search_similar(std::move(name), embedding, limit, std::move(filters), std::move(context));
    }
    awaitable<std::vector<VectorDocument>> get_documents(std::string name, std::vector<std::string> ids,
                                                         OperationContext context) override
    {
        return inner_.get_documents(std::move(name), std::move(ids), std::move(context));
    }
    awaitable<bool> delete_document(std::string name, std::string id, OperationContext context) override
    {
        return inner_.delete_document(std::move(name), std::move(id), std::move(context));
    }
    awaitable<std::uint64_t> delete_documents(std::string name, Filter filters, OperationContext context) override
    {
        return inner_.delete_documents(std::move(name), std::move(filters), std::move(context));
    }
    awaitable<Page<VectorDocument>> scroll(std::string name, std::size_t page_size, std::optional<PageCursor> cursor,
                                           Filter filters, OperationContext context) override
    {
        return inner_.scroll(std::move(name), page_size, std::move(cursor), std::move(filters), std::move(context));
    }
    awaitable<std::uint64_t> count_documents(std::string name, Filter filters, OperationContext context) override
    {
        return inner_.count_documents(std::move(name), std::move(filters), std::move(context));
    }
    awaitable<CollectionStats> get_collection_stats(std::string name, OperationContext context) override
    {
        return inner_.get_collection_stats(std::move(name), std::move(context));
    }
    awaitable<void> backup_collections(fs::path target, OperationContext context) override
    {
        return inner_.backup_collections(std::move(target), std::move(context));
    }
    std::string_view vector_database_type() const noexcept override { return inner_.vector_database_type(); }
    std::vector<std::string> endpoints() const override { return inner_.endpoints(); }
    awaitable<std::uint64_t> get_total_documents() override { return inner_.get_total_documents(); }
    awaitable<std::size_t> get_collections_count() override { return inner_.get_collections_count(); }
    awaitable<double> get_avg_search_time() override { return inner_.get_avg_search_time(); }
    awaitable<double> get_cache_hit_rate() override { return inner_.get_cache_hit_rate(); }

private:
    VectorDatabaseManager& inner_;
};

TEST_F(Backup, VectorsThatCannotBeRestoredPutTheDatabaseBack)
{
    fill(*storage, 20);
    create();
    fill(*storage, 20, 500);
    const Dump before = run(dump(*storage));
    RefusingVectors refusing(storage->vector_db());
    const BackupTarget target(storage->database(), refusing, storage->cache());
    const StorageError error = error_of([&] { run(manager.restore_from_backup(path, target)); });
    EXPECT_EQ(error.errc(), StorageErrc::resource_exhausted);
    EXPECT_NE(std::string(error.what()).find("no room for these vectors"), std::string::npos);
    EXPECT_EQ(refusing.asked, 1);
    EXPECT_EQ(difference(run(dump(*storage)), before), "");
    EXPECT_EQ(run(storage->cache().get_conversation_context("channel-0", 1)).at(0)->message_id, 518);
    for (const fs::directory_entry& entry : fs::directory_iterator(directory / "data"))
        EXPECT_EQ(entry.path().string().find("before-restore"), std::string::npos) << entry.path();
}

TEST_F(Backup, ACopyThatAKilledRestoreLeftIsReplaced)
{
    fill(*storage, 10);
    create();
    write_file(directory / "data/database.db.before-restore", "left by a restore that was killed");
    run(manager.restore_from_backup(path, *storage));
    EXPECT_FALSE(fs::exists(directory / "data/database.db.before-restore"));
}

TEST_F(Backup, LimitsOfTheCaller)
{
    fill(*storage, 20);
    create();
    const OperationContext late = OperationContext::within(std::chrono::seconds(-1));
    EXPECT_STORAGE_ERROR(run(manager.create_full_backup(*storage, directory / "late", late)), timeout);
    EXPECT_STORAGE_ERROR(run(manager.verify_backup(path, late)), timeout);
    EXPECT_STORAGE_ERROR(run(manager.restore_from_backup(path, *storage, late)), timeout);
    EXPECT_FALSE(fs::exists(directory / "late"));
    EXPECT_FALSE(fs::exists(directory / "late.partial"));
}

TEST_F(Backup, CancellationLeavesOldOrNew)
{
    fill(*storage, 100);
    create();
    const fs::path other = directory / "other";
    std::vector<Dump> contents(1, run(dump(*storage)));
    fill(*storage, 20, 500);
    run(manager.create_full_backup(*storage, other));
    contents.push_back(run(dump(*storage)));
    std::size_t current = 1;
    int cancelled = 0;
    for (int i = 0; i < 14; ++i) {
        // A different moment each time: the backup is read, the database copied, replaced, the vectors are.
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(3 * i);
        Cancellable restore(manager.restore_from_backup(current == 1 ? path : other, *storage));
        ASSERT_TRUE(eventually([&] { return std::chrono::steady_clock::now() >= until; }));
        restore.cancel();
        try {
            restore.get();
            current = 1 - current;
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::cancelled) << error.what();
            ++cancelled;
        }
        EXPECT_EQ(difference(run(dump(*storage)), contents[current]), "") << i;
    }
    EXPECT_GT(cancelled, 0);
}

TEST_F(Backup, AReadOnlyLayerBacksUpButDoesNotRestore)
{
    fill(*storage, 10);
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.database.read_only = true;
    configuration.vector_database.read_only = true;
    const auto reader = run(initialize_storage_layer(configuration));
    run(manager.create_full_backup(*reader, path));
    const Dump before = run(dump(*storage));
    EXPECT_STORAGE_ERROR(run(manager.restore_from_backup(path, *reader)), permission);
    EXPECT_EQ(difference(run(dump(*storage)), before), "");
    run(reader->close());
}

} // namespace
} // namespace whisperstore::test
