// The cache in front of an embedding provider: both levels, one embedding for all who ask, and bad files.
#include "sqlite/connection.hpp"
#include "support/hashed_embeddings.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/embedding/cached_embedding_provider.hpp>

#include <gtest/gtest.h>

#include <fstream>

namespace whisperstore::test {
namespace {

/// Embeds when it is told to, or fails.
class HeldEmbeddings final : public HashedEmbeddings
{
public:
    HeldEmbeddings() : HashedEmbeddings(8) {}

    awaitable<std::vector<std::vector<float>>> embed(std::vector<std::string> texts, OperationContext context) override
    {
        ++entered;
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer poll(executor);
        while (held) {
            context.check_deadline("held", "embed");
            poll.expires_after(std::chrono::milliseconds(1));
            co_await poll.async_wait(asio::use_awaitable);
        }
        if (fails)
            throw StorageError(StorageErrc::unavailable, "the model is away");
        co_return co_await HashedEmbeddings::embed(std::move(texts), std::move(context));
    }

    std::atomic<bool> held{false};
    std::atomic<bool> fails{false};
    std::atomic<int> entered{0};
};

class EmbeddingCache : public testing::Test
{
protected:
    EmbeddingCacheOptions with_file() const
    {
        EmbeddingCacheOptions options;
        options.file = directory / "embeddings.db";
        return options;
    }
    static std::vector<std::string> texts(int from, int to)
    {
        std::vector<std::string> list;
        for (int i = from; i < to; ++i)
            list.push_back("text " + std::to_string(i));
        return list;
    }
    /// What is in the file; waits for writes that are under way.
    std::int64_t in_file(CachedEmbeddingProvider& cache) const
    {
        run(cache.close());
        sqlite::OpenOptions options;
        options.path = directory / "embeddings.db";
        options.read_only = true;
        return sqlite::Connection(options).query_int("SELECT count(*) FROM embeddings");
    }

    TestDirectory directory;
    std::shared_ptr<HeldEmbeddings> provider = std::make_shared<HeldEmbeddings>();
};

TEST_F(EmbeddingCache, EmbedsEachTextOnce)
{
    CachedEmbeddingProvider cache(provider);
    const auto first = run(cache.embed(texts(0, 5)));
    const auto second = run(cache.embed(texts(3, 8)));
    EXPECT_EQ(provider->embedded, 8U);
    EXPECT_EQ(provider->calls, 2U); // what is missing is embedded together
    EXPECT_EQ(first[3], second[0]);
    EXPECT_EQ(second[4], HashedEmbeddings::vector_of("text 7", 8));
    EXPECT_EQ(cache.stats().hits, 2U);
    EXPECT_EQ(cache.stats().misses, 8U);
    EXPECT_DOUBLE_EQ(cache.cache_hit_rate(), 0.2);
    EXPECT_TRUE(run(cache.embed({})).empty());
}

TEST_F(EmbeddingCache, TheSameTextTwiceInACallIsEmbeddedOnce)
{
    CachedEmbeddingProvider cache(provider);
    std::vector<std::string> twice(3, "same");
    const auto vectors = run(cache.embed(std::move(twice)));
    EXPECT_EQ(provider->embedded, 1U);
    ASSERT_EQ(vectors.size(), 3U);
    EXPECT_EQ(vectors[0], vectors[2]);
}

TEST_F(EmbeddingCache, WrongTextsAreRefused)
{
    CachedEmbeddingProvider cache(provider);
    EXPECT_STORAGE_ERROR(run(cache.embed_one("")), invalid_argument);
    EXPECT_STORAGE_ERROR(run(cache.embed_one("\xFF")), invalid_argument);
    EXPECT_STORAGE_ERROR(CachedEmbeddingProvider(nullptr), invalid_argument);
}

TEST_F(EmbeddingCache, TheLeastRecentlyUsedGoFirst)
{
    EmbeddingCacheOptions options;
    options.entries = 3;
    CachedEmbeddingProvider cache(provider, options);
    run(cache.embed(texts(0, 3)));
    run(cache.embed_one("text 0"));
    run(cache.embed_one("text 3")); // in place of text 1
    EXPECT_EQ(provider->embedded, 4U);
    run(cache.embed_one("text 0"));
    EXPECT_EQ(provider->embedded, 4U);
    run(cache.embed_one("text 1"));
    EXPECT_EQ(provider->embedded, 5U);
    EXPECT_EQ(cache.stats().entries, 3U);
}

TEST_F(EmbeddingCache, CallersAtTheSameTimeShareOneEmbedding)
{
    CachedEmbeddingProvider cache(provider);
    provider->held = true;
    std::vector<std::future<std::vector<float>>> calls;
    for (int i = 0; i < 20; ++i)
        calls.push_back(start(cache.embed_one("shared")));
    EXPECT_TRUE(eventually([&] { return provider->entered == 1; }));
    provider->held = false;
    for (auto& call : calls)
        EXPECT_EQ(wait(std::move(call)), HashedEmbeddings::vector_of("shared", 8));
    EXPECT_EQ(provider->embedded, 1U);
    EXPECT_EQ(cache.stats().misses, 1U);
    EXPECT_EQ(cache.stats().hits, 19U);
}

TEST_F(EmbeddingCache, OneWhoGivesUpDoesNotFailTheOthers)
{
    CachedEmbeddingProvider cache(provider);
    provider->held = true;
    auto leader = start(cache.embed_one("shared", OperationContext::within(std::chrono::milliseconds(100))));
    EXPECT_TRUE(eventually([&] { return provider->entered == 1; }));
    auto follower = start(cache.embed_one("shared"));
    EXPECT_STORAGE_ERROR(wait(std::move(leader)), timeout);
    EXPECT_TRUE(eventually([&] { return provider->entered == 2; })); // taken over
    provider->held = false;
    EXPECT_EQ(wait(std::move(follower)), HashedEmbeddings::vector_of("shared", 8));
}

TEST_F(EmbeddingCache, AFollowerMayGiveUpByItself)
{
    CachedEmbeddingProvider cache(provider);
    provider->held = true;
    auto leader = start(cache.embed_one("shared"));
    EXPECT_TRUE(eventually([&] { return provider->entered == 1; }));
    EXPECT_STORAGE_ERROR(run(cache.embed_one("shared", OperationContext::within(std::chrono::milliseconds(20)))),
                         timeout);
    provider->held = false;
    EXPECT_EQ(wait(std::move(leader)), HashedEmbeddings::vector_of("shared", 8));
    EXPECT_EQ(provider->entered, 1);
}

TEST_F(EmbeddingCache, AFailureIsNotRemembered)
{
    CachedEmbeddingProvider cache(provider);
    provider->fails = true;
    EXPECT_STORAGE_ERROR(run(cache.embed_one("text")), unavailable);
    provider->fails = false;
    EXPECT_EQ(run(cache.embed_one("text")), HashedEmbeddings::vector_of("text", 8));
}

TEST_F(EmbeddingCache, TheFileOutlivesTheProcess)
{
    {
        CachedEmbeddingProvider cache(provider, with_file());
        run(cache.embed(texts(0, 40)));
        EXPECT_EQ(in_file(cache), 40);
    }
    CachedEmbeddingProvider cache(provider, with_file());
    const auto vectors = run(cache.embed(texts(38, 42)));
    EXPECT_EQ(provider->embedded, 42U);
    EXPECT_EQ(vectors[0], HashedEmbeddings::vector_of("text 38", 8));
    EXPECT_EQ(cache.stats().file_hits, 2U);
    EXPECT_EQ(cache.stats().hits, 2U);
    EXPECT_EQ(cache.stats().file_failure, "");
    EXPECT_EQ(in_file(cache), 42);
}

TEST_F(EmbeddingCache, AnotherModelHasVectorsOfItsOwn)
{
    {
        CachedEmbeddingProvider cache(provider, with_file());
        run(cache.embed_one("text"));
    }
    const auto other = std::make_shared<HashedEmbeddings>(8, "another-model");
    CachedEmbeddingProvider cache(other, with_file());
    run(cache.embed_one("text"));
    EXPECT_EQ(other->embedded, 1U);
    EXPECT_EQ(in_file(cache), 2);
}

TEST_F(EmbeddingCache, TheFileIsBounded)
{
    EmbeddingCacheOptions options = with_file();
    options.file_entries = 10;
    options.entries = 0;
    CachedEmbeddingProvider cache(provider, options);
    run(cache.embed(texts(0, 8)));
    EXPECT_EQ(in_file(cache), 8);
    run(cache.embed_one("text 0")); // used now
    run(cache.embed(texts(100, 109)));
    EXPECT_EQ(in_file(cache), 10);
    const std::size_t before = provider->embedded;
    run(cache.embed_one("text 0"));
    EXPECT_EQ(provider->embedded, before);
}

TEST_F(EmbeddingCache, ADamagedFileIsMadeAnew)
{
    {
        CachedEmbeddingProvider cache(provider, with_file());
        run(cache.embed(texts(0, 500)));
        run(cache.close());
    }
    {
        std::fstream file(directory / "embeddings.db", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(100);
        const std::string rubbish(40'000, 'x');
        file << rubbish;
    }
    CachedEmbeddingProvider cache(provider, with_file());
    EXPECT_EQ(run(cache.embed_one("text 1")), HashedEmbeddings::vector_of("text 1", 8));
    EXPECT_EQ(cache.stats().file_failure, "");
    EXPECT_EQ(in_file(cache), 1);
}

TEST_F(EmbeddingCache, SomebodyElsesFileIsLeftAlone)
{
    const std::filesystem::path file = directory / "embeddings.db";
    std::ofstream(file) << "dear diary, today I wrote a line that is long enough to be longer than any header of a "
                           "database could be";
    const std::string before = read_file(file);
    CachedEmbeddingProvider cache(provider, with_file());
    const StorageError error = error_of([&] { run(cache.embed_one("text")); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find(file.string()), std::string::npos);
    EXPECT_EQ(read_file(file), before);
}

TEST_F(EmbeddingCache, ADatabaseOfSomethingElseIsLeftAlone)
{
    {
        sqlite::OpenOptions options;
        options.path = directory / "embeddings.db";
        options.archive = true;
        sqlite::Connection connection(options);
        connection.execute("PRAGMA application_id = 7; CREATE TABLE letters (letter)");
    }
    CachedEmbeddingProvider cache(provider, with_file());
    EXPECT_STORAGE_ERROR(run(cache.embed_one("text")), invalid_argument);
}

TEST_F(EmbeddingCache, ASecondOneReadsBesideTheOneThatWrites)
{
    CachedEmbeddingProvider writer(provider, with_file());
    run(writer.embed(texts(0, 3)));
    CachedEmbeddingProvider reader(std::make_shared<HashedEmbeddings>(8), with_file());
    // The writer's last words may still be on their way.
    EXPECT_TRUE(eventually([&] {
        CachedEmbeddingProvider other(std::make_shared<HashedEmbeddings>(8), with_file());
        run(other.embed_one("text 0"));
        return other.stats().file_hits == 1;
    }));
    run(reader.embed_one("text 77"));
    EXPECT_EQ(reader.stats().misses, 1U);
    EXPECT_EQ(in_file(writer), 3);
}

TEST_F(EmbeddingCache, ReadOnlyItMakesNoFile)
{
    EmbeddingCacheOptions options = with_file();
    options.read_only = true;
    CachedEmbeddingProvider cache(provider, options);
    run(cache.embed_one("text"));
    EXPECT_EQ(cache.stats().file_failure, "");
    EXPECT_FALSE(std::filesystem::exists(directory / "embeddings.db"));
}

TEST_F(EmbeddingCache, WithoutAPlaceForItsFileItStillEmbeds)
{
    std::ofstream(directory / "file") << "x";
    EmbeddingCacheOptions options;
    options.file = directory / "file" / "embeddings.db";
    CachedEmbeddingProvider cache(provider, options);
    EXPECT_EQ(run(cache.embed_one("text")), HashedEmbeddings::vector_of("text", 8));
    EXPECT_NE(cache.stats().file_failure, "");
}

} // namespace
} // namespace whisperstore::test
