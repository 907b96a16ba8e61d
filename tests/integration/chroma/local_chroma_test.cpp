// The server of LocalChromaDBManager: how it is found, started, kept alive and ended.

#include "chroma_support.hpp"
#include "support/child_process.hpp"
#include "support/processes.hpp"

#include <whisperstore/vector/local_chromadb_manager.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::test {
namespace {

class LocalChroma : public testing::Test
{
protected:
    std::filesystem::path folder() const { return directory / "chromadb"; }
    VectorDatabaseConfig config() const
    {
        VectorDatabaseConfig config;
        config.persist_directory = folder();
        config.chroma_command = chroma_program();
        return config;
    }
    std::vector<pid_t> servers() const { return processes_with_argument(folder()); }
    static void create(VectorDatabaseManager& vectors)
    {
        CollectionConfig shape;
        shape.embedding_dimension = 4;
        run(vectors.create_collection("docs", shape));
    }

    TestDirectory directory;
};

TEST_F(LocalChroma, AMissingProgramSaysHowToInstallIt)
{
    VectorDatabaseConfig wrong = config();
    wrong.chroma_command = directory / "no-such-program";
    LocalChromaDBManager vectors(wrong);
    const StorageError error = error_of([&] { run(vectors.initialize()); });
    EXPECT_EQ(error.errc(), StorageErrc::not_found);
    EXPECT_FALSE(error.retryable());
    EXPECT_NE(error.message().find("pip install chromadb"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("CHROMADB_COMMAND"), std::string::npos) << error.message();
}

TEST_F(LocalChroma, IsFoundInThePath)
{
    const std::string path = std::getenv("PATH") ? std::getenv("PATH") : "";
    ::setenv("PATH", (chroma_program().parent_path().string() + ":" + path).c_str(), 1);
    VectorDatabaseConfig by_name = config();
    by_name.chroma_command.clear();
    LocalChromaDBManager vectors(by_name);
    run(vectors.initialize());
    EXPECT_TRUE(run(vectors.list_collections()).empty());
    run(vectors.cleanup());
    ::setenv("PATH", path.c_str(), 1);
}

TEST_F(LocalChroma, AProgramThatEndsIsToldWithItsLastWords)
{
    write_file(directory / "broken", "#!/bin/sh\necho this is why >&2\nexit 3\n");
    std::filesystem::permissions(directory / "broken", std::filesystem::perms::owner_all);
    VectorDatabaseConfig broken = config();
    broken.chroma_command = directory / "broken";
    LocalChromaDBManager vectors(broken);
    const StorageError error = error_of([&] { run(vectors.initialize()); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_NE(error.message().find("this is why"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("exit code 3"), std::string::npos) << error.message();
    run(vectors.cleanup());
}

TEST_F(LocalChroma, WaitingForAProgramThatNeverAnswersEndsWithTheDeadline)
{
    write_file(directory / "silent", "#!/bin/sh\nexec sleep 600\n");
    std::filesystem::permissions(directory / "silent", std::filesystem::perms::owner_all);
    VectorDatabaseConfig silent = config();
    silent.chroma_command = directory / "silent";
    {
        LocalChromaDBManager vectors(silent);
        const OperationContext soon = OperationContext::within(std::chrono::milliseconds(300));
        EXPECT_STORAGE_ERROR(run(vectors.initialize(soon)), timeout);
    }
    EXPECT_TRUE(zombies().empty());
}

TEST_F(LocalChroma, ListensWhereNobodyElseCanAskAndKeepsItsFilesToItself)
{
    LocalChromaDBManager vectors(config());
    run(vectors.initialize());
    create(vectors);
    run(vectors.store_document("docs", "a", "x", vector_number(1)));
    struct stat status{};
    ASSERT_EQ(::stat(folder().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
    ASSERT_EQ(::stat((folder() / "chroma.sqlite3").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077U, 0U);
    EXPECT_EQ(vectors.endpoints(), std::vector<std::string>{folder()});
    run(vectors.cleanup());
}

TEST_F(LocalChroma, InheritsNothingOfItsOwner)
{
    // One that is not closed on exec, as other libraries leave them.
    const int leak = ::open((directory / "secret").c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_GE(leak, 0);
    LocalChromaDBManager vectors(config());
    run(vectors.initialize());
    const std::vector<pid_t> now = servers();
    ASSERT_EQ(now.size(), 1U);
    for (const std::string& target : descriptors_of(now.front()))
        EXPECT_TRUE(target.find("secret") == std::string::npos && target.find(".lock") == std::string::npos) << target;
    ::close(leak);
    run(vectors.cleanup());
    EXPECT_TRUE(servers().empty());
    EXPECT_TRUE(zombies().empty());
}

TEST_F(LocalChroma, ASecondOwnerIsToldWhoTheFirstIs)
{
    LocalChromaDBManager first(config());
    run(first.initialize());
    LocalChromaDBManager second(config());
    const StorageError error = error_of([&] { run(second.initialize()); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_NE(error.message().find(numbered("process ", static_cast<std::uint64_t>(::getpid()))), std::string::npos)
        << error.message();
    EXPECT_EQ(servers().size(), 1U);
    run(first.cleanup());
    run(second.initialize());
    run(second.cleanup());
}

TEST_F(LocalChroma, ComesBackWithWhatWasStored)
{
    {
        LocalChromaDBManager vectors(config());
        run(vectors.initialize());
        create(vectors);
        run(vectors.store_document("docs", "a", "x", vector_number(1)));
        run(vectors.cleanup());
        EXPECT_STORAGE_ERROR(run(vectors.list_collections()), closed);
        run(vectors.initialize());
        EXPECT_EQ(run(vectors.count_documents("docs")), 1U);
        run(vectors.store_document("docs", "b", "x", vector_number(2)));
        // Goes without cleanup.
    }
    EXPECT_TRUE(servers().empty());
    EXPECT_TRUE(zombies().empty());
    LocalChromaDBManager again(config());
    run(again.initialize());
    EXPECT_EQ(run(again.count_documents("docs")), 2U);
    run(again.cleanup());
}

TEST_F(LocalChroma, ACallGoesOnWithTheNextServerWhenItsOwnIsKilled)
{
    LocalChromaDBManager vectors(config());
    run(vectors.initialize());
    create(vectors);
    const std::vector<pid_t> before = servers();
    ASSERT_EQ(before.size(), 1U);
    ::kill(before.front(), SIGKILL);
    run(vectors.store_document("docs", "a", "x", vector_number(1)));
    EXPECT_EQ(run(vectors.search_similar("docs", vector_number(1), 1)).size(), 1U);
    const std::vector<pid_t> after = servers();
    ASSERT_EQ(after.size(), 1U);
    EXPECT_NE(after.front(), before.front());
    EXPECT_TRUE(zombies().empty());
    run(vectors.cleanup());
}

TEST_F(LocalChroma, EndsWithItsOwnerHoweverThatEnds)
{
    for (const bool killed : {true, false}) {
        ChildProcess owner({WHISPERSTORE_CHROMA_OWNER, folder()});
        ASSERT_EQ(owner.read_line(), "open");
        ASSERT_EQ(servers().size(), 2U); // the owner itself has the folder among its arguments
        if (killed)
            owner.kill();
        else
            owner.wait();
        EXPECT_TRUE(eventually([&] { return servers().empty(); }, std::chrono::seconds(5)));
    }
    LocalChromaDBManager vectors(config());
    run(vectors.initialize());
    run(vectors.cleanup());
}

TEST_F(LocalChroma, AReaderUsesTheServerOfTheOwner)
{
    VectorDatabaseConfig reading = config();
    reading.read_only = true;
    LocalChromaDBManager reader(reading);
    EXPECT_STORAGE_ERROR(run(reader.initialize()), not_found);
    auto owner = std::make_unique<LocalChromaDBManager>(config());
    run(owner->initialize());
    create(*owner);
    run(owner->store_document("docs", "a", "x", vector_number(1)));
    run(reader.initialize());
    EXPECT_EQ(servers().size(), 1U);
    EXPECT_EQ(run(reader.count_documents("docs")), 1U);
    run(owner->store_document("docs", "b", "x", vector_number(2)));
    EXPECT_EQ(run(reader.search_similar("docs", vector_number(2), 1)).front().id, "b");
    EXPECT_STORAGE_ERROR(run(reader.store_document("docs", "c", "x", vector_number(3))), permission);
    EXPECT_STORAGE_ERROR(run(reader.delete_document("docs", "a")), permission);
    EXPECT_STORAGE_ERROR(run(reader.delete_documents("docs", filter::eq("a", 1))), permission);
    EXPECT_STORAGE_ERROR(run(reader.delete_collection("docs")), permission);
    EXPECT_STORAGE_ERROR(create(reader), permission);
    // The owner's server dies, and is another one then.
    ::kill(servers().front(), SIGKILL);
    EXPECT_EQ(run(reader.count_documents("docs")), 2U);
    // Without an owner the reader has to do it.
    run(owner->cleanup());
    owner.reset();
    EXPECT_EQ(run(reader.count_documents("docs")), 2U);
    EXPECT_EQ(servers().size(), 1U);
    run(reader.cleanup());
    EXPECT_TRUE(servers().empty());
}

TEST_F(LocalChroma, ConfigurationsThatCannotWorkAreRefused)
{
    VectorDatabaseConfig nowhere = config();
    nowhere.persist_directory.clear();
    EXPECT_STORAGE_ERROR(LocalChromaDBManager{nowhere}, invalid_argument);
}

} // namespace
} // namespace whisperstore::test
