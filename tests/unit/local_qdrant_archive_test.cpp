// Backups, restores and the folder of LocalQdrantManager, in whatever state a crash leaves it.

#include "unit/local_qdrant_support.hpp"
#include "vector/local_qdrant/archive.hpp"
#include "vector/local_qdrant/collection.hpp"

#include <fstream>

namespace whisperstore::test {
namespace {

using local_qdrant::Collection;
using local_qdrant::StoreDirectory;

class LocalQdrantArchive : public LocalQdrantFixture
{
protected:
    void SetUp() override
    {
        LocalQdrantFixture::SetUp();
        create("docs", 3);
        create("only_in_backup", 2);
        store("a", {1, 0, 0}, R"({"k": [1, null]})", "content");
        store("b", {0, 1, 0});
        run(vectors->backup_collections(backup()));
        run(vectors->delete_collection("only_in_backup"));
        create("only_now", 2);
        store("c", {0, 0, 1});
    }
    std::filesystem::path backup() const { return directory / "backup"; }
    void expect_state_of_now()
    {
        EXPECT_EQ(run(vectors->list_collections()), (Ids{"docs", "only_now"}));
        EXPECT_EQ(found({1, 0.1F, 0.01F}), (Ids{"a", "b", "c"}));
    }
    void expect_state_of_backup()
    {
        EXPECT_EQ(run(vectors->list_collections()), (Ids{"docs", "only_in_backup"}));
        EXPECT_EQ(found({1, 0.1F, 0.01F}), (Ids{"a", "b"}));
    }
    /// Makes the files of a restore, as restore_collections() does.
    Ids prepare_restore(StoreDirectory& store_directory)
    {
        sqlite::Stopper stopper;
        const auto collections = local_qdrant::check_archive(backup(), local_qdrant::backend, stopper);
        const std::filesystem::path place = store_directory.begin_restore();
        Ids names;
        for (const auto& collection : collections) {
            local_qdrant::extract_collection(backup(), collection, place / (collection.name + ".db"), stopper);
            names.push_back(collection.name);
        }
        return names;
    }
};

TEST_F(LocalQdrantArchive, TheLayoutIsTheDocumentedOne)
{
    for (const std::filesystem::path& path : {backup(), folder() / "docs.db"}) {
        sqlite::OpenOptions options;
        options.path = path;
        options.read_only = true;
        sqlite::Connection file(options);
        EXPECT_EQ(file.query_int("PRAGMA application_id"), 0x57537664);
        EXPECT_EQ(file.query_int("PRAGMA user_version"), 1);
        EXPECT_EQ(file.query_int("PRAGMA page_size"), 8192);
        EXPECT_EQ(file.query_text("SELECT group_concat(name) FROM pragma_table_info('collections')"),
                  "number,name,embedding_dimension,distance_metric,description,metadata");
        EXPECT_EQ(file.query_text("SELECT group_concat(name) FROM pragma_table_info('documents')"),
                  "seq,collection,id,embedding,metadata,content");
        EXPECT_EQ(file.query_text("SELECT group_concat(name) FROM pragma_table_info('deletions')"), "change,seq");
        EXPECT_EQ(file.query_text("SELECT hex(embedding) || metadata || content FROM documents WHERE id = 'a'"),
                  R"(0000803F0000000000000000{"k":[1,null]}content)");
        EXPECT_EQ(file.query_int(
                      "SELECT count(*) FROM documents JOIN collections ON number = collection WHERE name = 'docs'"),
                  path == backup() ? 2 : 3);
    }
}

TEST_F(LocalQdrantArchive, BackupsLieOutsideOfTheFolder)
{
    EXPECT_STORAGE_ERROR(run(vectors->backup_collections(folder() / "backup.db")), invalid_argument);
    EXPECT_STORAGE_ERROR(run(vectors->backup_collections(folder() / ".." / "vectors" / "backup")), invalid_argument);
    EXPECT_STORAGE_ERROR(run(vectors->restore_collections(folder() / "docs.db")), invalid_argument);
    expect_state_of_now();
}

TEST_F(LocalQdrantArchive, ABackupNeverReplacesAFile)
{
    write_file(directory / "precious", "data");
    EXPECT_STORAGE_ERROR(run(vectors->backup_collections(directory / "precious")), already_exists);
    EXPECT_EQ(read_file(directory / "precious"), "data");
    int files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory.path()))
        ++files;
    EXPECT_EQ(files, 3); // vectors, backup, precious
}

TEST_F(LocalQdrantArchive, ABackupIsOneFileInNoNeedOfOthers)
{
    EXPECT_FALSE(std::filesystem::exists(backup().string() + "-wal"));
    EXPECT_FALSE(std::filesystem::exists(backup().string() + "-journal"));
    std::filesystem::rename(backup(), directory / "moved");
    std::filesystem::permissions(directory / "moved", std::filesystem::perms::owner_read);
    run(vectors->restore_collections(directory / "moved"));
    expect_state_of_backup();
}

TEST_F(LocalQdrantArchive, ACollectionsFileIsABackupOfIt)
{
    run(vectors->cleanup());
    std::filesystem::copy_file(folder() / "docs.db", directory / "copy");
    run(vectors->initialize());
    run(vectors->restore_collections(directory / "copy"));
    EXPECT_EQ(run(vectors->list_collections()), Ids{"docs"});
    EXPECT_EQ(found({1, 0.1F, 0.01F}), (Ids{"a", "b", "c"}));
}

class DamagedArchive : public LocalQdrantArchive,
                       public testing::WithParamInterface<std::pair<const char*, const char*>>
{
};

TEST_P(DamagedArchive, IsRefusedAndNothingChanges)
{
    edit(backup(), GetParam().second);
    const StorageError error = error_of([&] { run(vectors->restore_collections(backup())); });
    EXPECT_EQ(to_string(error.errc()), GetParam().first) << error.what();
    EXPECT_NE(error.message().find(backup().string()), std::string::npos) << error.what();
    expect_state_of_now();
    EXPECT_FALSE(std::filesystem::exists(folder() / ".restore"));
    reopen();
    expect_state_of_now();
}

using Damage = std::pair<const char*, const char*>;
INSTANTIATE_TEST_SUITE_P(
    LocalQdrant, DamagedArchive,
    testing::Values(Damage{"corrupt", "PRAGMA application_id = 7"},
                    Damage{"version_mismatch", "PRAGMA user_version = 3"},
                    Damage{"corrupt", "PRAGMA foreign_keys = OFF; DROP TABLE collections"},
                    Damage{"corrupt", "UPDATE collections SET name = '../escape' WHERE name = 'docs'"},
                    Damage{"corrupt", "UPDATE collections SET name = 'a/b' WHERE name = 'docs'"},
                    Damage{"corrupt", "UPDATE collections SET embedding_dimension = 4"},
                    Damage{"corrupt", "UPDATE collections SET embedding_dimension = -3"},
                    Damage{"corrupt", "UPDATE collections SET distance_metric = 'dot'"},
                    Damage{"corrupt", "UPDATE collections SET metadata = 'x'"},
                    Damage{"corrupt", "PRAGMA foreign_keys = OFF; DELETE FROM collections WHERE name = 'docs'"},
                    Damage{"corrupt", "UPDATE documents SET embedding = x'0000803F'"},
                    Damage{"corrupt", "UPDATE documents SET embedding = x'0000803F0000803F0000803F'"},
                    Damage{"corrupt", "UPDATE documents SET embedding = x'0000807F0000000000000000'"},
                    Damage{"corrupt", "UPDATE documents SET embedding = zeroblob(12)"},
                    Damage{"corrupt", "UPDATE documents SET metadata = '{' WHERE id = 'b'"},
                    Damage{"corrupt", "UPDATE documents SET metadata = '[]' WHERE id = 'b'"},
                    Damage{"corrupt", "UPDATE documents SET id = '' WHERE id = 'b'"},
                    Damage{"corrupt", "UPDATE documents SET id = CAST(x'FF' AS TEXT) WHERE id = 'b'"},
                    Damage{"corrupt", "UPDATE documents SET content = CAST(x'610062' AS TEXT) WHERE id = 'b'"}));

TEST_F(LocalQdrantArchive, TornPagesAreFound)
{
    std::string bytes = read_file(backup());
    for (std::size_t i = 8192; i < bytes.size(); ++i)
        bytes[i] = static_cast<char>(bytes[i] ^ 0x55);
    write_file(directory / "torn", bytes);
    EXPECT_STORAGE_ERROR(run(vectors->restore_collections(directory / "torn")), corrupt);
    expect_state_of_now();
}

TEST_F(LocalQdrantArchive, ARestoreMendsDamagedCollections)
{
    run(vectors->cleanup());
    write_file(folder() / "docs.db", "rubbish");
    run(vectors->initialize());
    EXPECT_STORAGE_ERROR(found({1, 0, 0}), corrupt);
    run(vectors->restore_collections(backup()));
    expect_state_of_backup();
}

TEST_F(LocalQdrantArchive, ACancelledRestoreLeavesEverything)
{
    EXPECT_STORAGE_ERROR(
        run(vectors->restore_collections(backup(), OperationContext::within(std::chrono::microseconds(1)))), timeout);
    expect_state_of_now();
    reopen();
    expect_state_of_now();
}

// ---- a crash in the middle of a restore

TEST_F(LocalQdrantArchive, ARestoreThatWasNotDecidedHasNotHappened)
{
    run(vectors->cleanup());
    {
        StoreDirectory store_directory(folder());
        prepare_restore(store_directory);
    }
    run(vectors->initialize());
    expect_state_of_now();
    EXPECT_FALSE(std::filesystem::exists(folder() / ".restore"));
}

TEST_F(LocalQdrantArchive, ARestoreThatWasDecidedIsFinished)
{
    run(vectors->cleanup());
    {
        StoreDirectory store_directory(folder());
        store_directory.decide_restore(prepare_restore(store_directory));
    }
    const auto reader = open_reader();
    EXPECT_STORAGE_ERROR(run(reader->count_documents("only_in_backup")), unavailable);
    // What is there now is not all, and a backup of it would miss the rest.
    EXPECT_STORAGE_ERROR(run(reader->list_collections()), unavailable);
    EXPECT_STORAGE_ERROR(run(reader->backup_collections(directory / "partial")), unavailable);
    run(vectors->initialize());
    expect_state_of_backup();
    EXPECT_EQ(run(reader->count_documents("only_in_backup")), 0U);
    EXPECT_FALSE(std::filesystem::exists(folder() / ".restore"));
    reopen();
    expect_state_of_backup();
}

TEST_F(LocalQdrantArchive, ARestoreInterruptedAtAnyStepIsFinished)
{
    run(vectors->cleanup());
    const std::filesystem::path restoring = folder() / ".restore";
    const auto docs = folder() / "docs.db";
    const std::vector<std::function<void()>> steps{
        [&] { std::filesystem::remove(folder() / "only_now.db"); },
        [&] { std::filesystem::rename(docs, docs.string() + ".deleted"); },
        [&] { std::filesystem::remove(docs.string() + "-wal"); },
        [&] { std::filesystem::remove(docs.string() + ".deleted"); },
        [&] { std::filesystem::rename(restoring / "docs.db", docs); },
        [&] { std::filesystem::rename(restoring / "only_in_backup.db", folder() / "only_in_backup.db"); },
        [&] { std::filesystem::remove(restoring / "decided"); },
    };
    for (std::size_t crash = 0; crash <= steps.size(); ++crash) {
        StoreDirectory store_directory(folder());
        store_directory.decide_restore(prepare_restore(store_directory));
        for (std::size_t i = 0; i < crash; ++i)
            if (i != 0 || std::filesystem::exists(folder() / "only_now.db"))
                steps[i]();
        run(vectors->initialize());
        expect_state_of_backup();
        for (const auto& entry : std::filesystem::directory_iterator(folder()))
            EXPECT_EQ(entry.path().string().find("deleted"), std::string::npos) << entry.path();
        run(vectors->cleanup());
        std::filesystem::remove(folder() / "only_in_backup.db");
    }
    run(vectors->initialize());
}

TEST_F(LocalQdrantArchive, LeftOversOfADeletionNeverMeetANewCollection)
{
    // A crash between the steps of a deletion: the log of the old file is still there.
    store("late", {1, 0, 0});
    const std::string log = read_file(folder() / "docs.db-wal");
    ASSERT_FALSE(log.empty());
    run(vectors->cleanup());
    std::filesystem::rename(folder() / "docs.db", folder() / "docs.db.deleted");
    write_file(folder() / "docs.db-wal", log);
    run(vectors->initialize());
    EXPECT_FALSE(std::filesystem::exists(folder() / "docs.db-wal"));
    EXPECT_FALSE(std::filesystem::exists(folder() / "docs.db.deleted"));
    EXPECT_EQ(run(vectors->list_collections()), Ids{"only_now"});
    create("docs", 3);
    EXPECT_EQ(run(vectors->count_documents("docs")), 0U);
}

// Seen in an earlier implementation: collection names escaping their directory.
TEST(StoreDirectory, NamesCannotLeaveTheFolder)
{
    const StoreDirectory store_directory("/somewhere");
    EXPECT_STORAGE_ERROR(store_directory.file_of("../x"), invalid_argument);
    EXPECT_STORAGE_ERROR(store_directory.file_of(""), invalid_argument);
    EXPECT_STORAGE_ERROR(store_directory.identity_of("a/b"), invalid_argument);
    EXPECT_EQ(store_directory.file_of("user_memories"), "/somewhere/user_memories.db");
}

TEST_F(LocalQdrantArchive, OtherFilesInTheFolderAreNoCollections)
{
    write_file(folder() / "notes.txt", "x");
    write_file(folder() / "no name.db", "x");
    write_file(folder() / ".db", "x");
    reopen();
    expect_state_of_now();
    run(vectors->restore_collections(backup()));
    EXPECT_EQ(read_file(folder() / "notes.txt"), "x");
    EXPECT_EQ(read_file(folder() / "no name.db"), "x");
}

// ---- reads whose rows are replaced under them

TEST_F(LocalQdrantArchive, ReadsThatKeepMissingRowsWaitForASettledState)
{
    run(vectors->cleanup());
    for (const bool read_only : {false, true}) {
        Collection::Options options;
        options.file = folder() / "docs.db";
        options.read_only = read_only;
        options.pool = std::make_shared<local_qdrant::SearchPool>(1);
        options.attempts = 0;
        Collection collection("docs", options, nullptr);
        const std::vector<float> query{1, 0, 0};
        EXPECT_EQ(run(collection.search(query, 1, Filter(), OperationContext())).at(0).id, "a");
        EXPECT_EQ(run(collection.count(Filter(), OperationContext())), 3U);
        EXPECT_EQ(run(collection.scroll(2, std::nullopt, filter::exists("k"), OperationContext())).items.size(), 1U);
        EXPECT_STORAGE_ERROR(
            run(collection.search(query, 1, Filter(), OperationContext::within(std::chrono::milliseconds(-1)))),
            timeout);
    }
    run(vectors->initialize());
}

} // namespace
} // namespace whisperstore::test
