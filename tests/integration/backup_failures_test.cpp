// Backups that are none, and restores that fail.
#include "integration/backup_fixture.hpp"
#include "support/cancellable.hpp"

namespace whisperstore::test {
namespace {

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
    for (const char* field : {"type", "path", "sha256", "size_bytes", "backend", "backend_version", "content_bytes",
                              "counts", "started", "finished"}) {
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
    data["format"] = 3;
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
    Outcome outcome = Outcome::not_applied;
    AbstractDatabaseAdapter* closes = nullptr; ///< a database that goes away meanwhile
    int asked = 0;

    awaitable<void> restore_collections(fs::path, OperationContext) override
    {
        ++asked;
        if (closes)
            co_await closes->disconnect();
        throw StorageError(failure, "no room for these vectors").with_outcome(outcome);
    }
    awaitable<void> initialize(OperationContext context) override { return inner_.initialize(std::move(context)); }
    awaitable<void> cleanup() override { return inner_.cleanup(); }
    awaitable<void> create_collection(std::string name, CollectionConfig config, OperationContext context) override
    {
        return inner_.create_collection(std::move(name), std::move(config), std::move(context));
    }
    awaitable<void> prepare_for_texts(std::string name, std::string model, OperationContext context) override
    {
        return inner_.prepare_for_texts(std::move(name), std::move(model), std::move(context));
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
    expect_no_work_folders();
}

// Seen on a full disk: vectors whose restore was decided are the backup's once they are opened again.
TEST_F(Backup, VectorsThatMayHaveBeenRestoredKeepTheDatabaseThatBelongsToThem)
{
    fill(*storage, 20);
    create();
    const Dump restored = run(dump_database(storage->database()));
    const auto newest = [&] {
        return run(storage->cache().get_conversation_context("channel-0", 1)).at(0)->message_id;
    };
    const std::int64_t newest_restored = newest();
    fill(*storage, 20, 500);
    ASSERT_NE(newest(), newest_restored);
    RefusingVectors refusing(storage->vector_db());
    refusing.outcome = Outcome::unknown;
    const BackupTarget target(storage->database(), refusing, storage->cache());
    const StorageError error = error_of([&] { run(manager.restore_from_backup(path, target)); });
    EXPECT_EQ(error.errc(), StorageErrc::resource_exhausted) << error.what();
    EXPECT_EQ(error.outcome(), Outcome::unknown);
    EXPECT_NE(std::string(error.what()).find("restore again"), std::string::npos) << error.what();
    // Until then the database says what it is.
    EXPECT_NE(run(unfinished_restore(storage->database())).find("restore again"), std::string::npos);
    EXPECT_STORAGE_ERROR(run(manager.create_full_backup(*storage, directory / "half")), conflict);
    EXPECT_FALSE(fs::exists(directory / "half"));
    Dump half = run(dump_database(storage->database()));
    EXPECT_EQ(half["system_settings"].size(), 1U);
    half["system_settings"].clear();
    EXPECT_EQ(difference(half, restored), "");
    EXPECT_EQ(newest(), newest_restored);
    run(manager.restore_from_backup(path, *storage));
    EXPECT_EQ(difference(run(dump_database(storage->database())), restored), "");
}

TEST_F(Backup, ADatabaseThatCannotBePutBackIsKept)
{
    fill(*storage, 20);
    create();
    fill(*storage, 20, 500);
    const Dump before = run(dump_database(storage->database()));
    RefusingVectors refusing(storage->vector_db());
    refusing.closes = &storage->database();
    const BackupTarget target(storage->database(), refusing, storage->cache());
    const StorageError error = error_of([&] { run(manager.restore_from_backup(path, target)); });
    const fs::path kept = kept_folder() / "old-database";
    EXPECT_EQ(error.errc(), StorageErrc::closed) << error.what(); // why it was not put back
    EXPECT_EQ(error.outcome(), Outcome::unknown);
    for (const std::string& part : {std::string("no room for these vectors"), kept.parent_path().string()})
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    run(storage->database().connect());
    run(storage->database().restore_database(kept));
    EXPECT_EQ(difference(run(dump_database(storage->database())), before), "");
}

TEST_F(Backup, ACopyThatAKilledRestoreLeftIsReplaced)
{
    fill(*storage, 10);
    create();
    fs::create_directory(directory / "data/.whisperstore-restore-abcdef");
    write_file(directory / "data/.whisperstore-restore-abcdef/database", "left by a restore that was killed");
    run(manager.restore_from_backup(path, *storage));
    expect_no_work_folders();
}

TEST_F(Backup, LimitsOfTheCaller)
{
    fill(*storage, 20);
    create();
    const OperationContext late = OperationContext::within(std::chrono::seconds(-1));
    EXPECT_STORAGE_ERROR(run(manager.create_full_backup(*storage, directory / "late", BackupOptions(), late)), timeout);
    EXPECT_STORAGE_ERROR(run(manager.verify_backup(path, BackupOptions(), late)), timeout);
    EXPECT_STORAGE_ERROR(run(manager.restore_from_backup(path, *storage, BackupOptions(), late)), timeout);
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
