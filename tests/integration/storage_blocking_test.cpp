// The layer for code that is no coroutine; deadlines and cancellation through it.
#include "support/cancellable.hpp"
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/storage/blocking.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <thread>

namespace whisperstore::test {
namespace {

constexpr const char* endless_query =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

class StorageBlocking : public testing::Test
{
protected:
    void SetUp() override { storage = blocking::initialize_storage_layer(laptop_configuration(directory / "data")); }
    void TearDown() override { blocking::run(storage->close()); }

    void insert(int number)
    {
        const std::string user = "user-" + std::to_string(number);
        blocking::run(storage->database().execute_query("INSERT INTO users (user_id, username) VALUES (?, ?)",
                                                        params(arg(user), arg(user))));
    }
    std::int64_t users()
    {
        return blocking::run(storage->database().execute_query("SELECT count(*) AS n FROM users"))
            .rows[0]["n"]
            .as_int();
    }
    /// Runs `work` on many threads at once.
    static void on_threads(int count, const std::function<void(int)>& work)
    {
        std::vector<std::thread> threads;
        std::atomic<int> failed{0};
        for (int i = 0; i < count; ++i)
            threads.emplace_back([&, i] {
                try {
                    work(i);
                } catch (const std::exception& error) {
                    ADD_FAILURE() << error.what();
                    ++failed;
                }
            });
        for (std::thread& thread : threads)
            thread.join();
        EXPECT_EQ(failed, 0);
    }

    TestDirectory directory;
    std::shared_ptr<StorageLayer> storage;
};

TEST_F(StorageBlocking, ManyThreadsWithoutAsio)
{
    on_threads(8, [&](int thread) {
        for (int i = 0; i < 20; ++i) {
            const int number = thread * 100 + i;
            insert(number);
            const std::vector<float> embedding = sample_embedding(number);
            blocking::run(
                storage->vector_db().store_document("user_memories", std::to_string(number), "text", embedding));
            EXPECT_EQ(blocking::run(storage->vector_db().search_similar("user_memories", embedding, 1)).at(0).id,
                      std::to_string(number));
            blocking::run(storage->graph().create_user_node("user-" + std::to_string(number)));
        }
    });
    EXPECT_EQ(users(), 160);
    EXPECT_EQ(blocking::run(storage->vector_db().count_documents("user_memories")), 160U);
}

awaitable<std::int64_t> blocking_inside(StorageLayer& storage)
{
    // Legacy code that a coroutine calls: on the same thread, with an io_context of its own.
    const QueryResult inner = blocking::run(storage.database().execute_query("SELECT count(*) AS n FROM users"));
    const QueryResult outer = co_await storage.database().execute_query("SELECT count(*) AS n FROM users");
    co_return inner.rows[0]["n"].as_int() + outer.rows[0]["n"].as_int();
}

TEST_F(StorageBlocking, InsideACoroutineThatABlockingCallRuns)
{
    insert(1);
    EXPECT_EQ(blocking::run(blocking_inside(*storage)), 2);
}

TEST_F(StorageBlocking, OnTheApplicationsOwnContext)
{
    asio::io_context io;
    insert(1);
    const QueryResult result = blocking::run(io, storage->database().execute_query("SELECT count(*) AS n FROM users"));
    EXPECT_EQ(result.rows[0]["n"], 1);
    EXPECT_EQ(blocking::run(io, blocking_inside(*storage)), 2);
    EXPECT_STORAGE_ERROR(blocking::run(io, storage->database().execute_query("nonsense")), syntax);
}

/// A history that is read only once the test lets it go on.
struct SlowHistory
{
    std::atomic<int> reads{0};
    std::atomic<bool> go_on{false};

    awaitable<std::vector<UniversalMessage>> read(std::string channel_id)
    {
        ++reads;
        asio::steady_timer timer(co_await asio::this_coro::executor);
        while (!go_on) {
            timer.expires_after(std::chrono::milliseconds(2));
            co_await timer.async_wait(asio::use_awaitable);
        }
        UniversalMessage message;
        message.message_id = 1;
        message.channel_id = std::move(channel_id);
        message.user_id = "user";
        message.content = "from the history";
        message.timestamp = now();
        co_return std::vector<UniversalMessage>(1, message);
    }
};

// Seen in an earlier implementation: two callers on a cold channel deadlocked.
TEST_F(StorageBlocking, ManyThreadsWaitForOneReadingOfTheHistory)
{
    SlowHistory history;
    storage->cache().set_history_source([&history](std::string channel_id, std::size_t, OperationContext) {
        return history.read(std::move(channel_id));
    });
    std::atomic<int> asking{0};
    std::thread release([&] {
        EXPECT_TRUE(eventually([&] { return asking == 8 && history.reads == 1; }));
        history.go_on = true;
    });
    on_threads(8, [&](int) {
        ++asking;
        const std::vector<CachedMessage> context = blocking::run(storage->cache().get_conversation_context("cold", 5));
        ASSERT_EQ(context.size(), 1U);
        EXPECT_EQ(context[0]->content, "from the history");
    });
    release.join();
    EXPECT_EQ(history.reads, 1);
}

TEST_F(StorageBlocking, ACallerWhoseTimeIsUpLeavesTheOthersTheirHistory)
{
    SlowHistory history;
    storage->cache().set_history_source([&history](std::string channel_id, std::size_t, OperationContext) {
        return history.read(std::move(channel_id));
    });
    // The first caller starts the reading, on its own thread, and gives up before it ends.
    const OperationContext hasty = OperationContext::within(std::chrono::milliseconds(100));
    std::thread first([&] {
        EXPECT_STORAGE_ERROR(blocking::run(storage->cache().get_conversation_context("cold", 5, std::nullopt, hasty)),
                             timeout);
    });
    EXPECT_TRUE(eventually([&] { return history.reads == 1; }));
    std::thread patient(
        [&] { EXPECT_EQ(blocking::run(storage->cache().get_conversation_context("cold", 5)).size(), 1U); });
    // Some time after the deadline, for the first caller's timer has to come to its turn before the history does.
    const auto surely_over = *hasty.deadline + std::chrono::milliseconds(400);
    EXPECT_TRUE(eventually([&] {
        return run(storage->cache().get_cache_stats()).misses == 2 && OperationContext::Clock::now() >= surely_over;
    }));
    history.go_on = true;
    patient.join();
    first.join();
    EXPECT_EQ(history.reads, 1);
}

using StorageLimits = StorageBlocking;

TEST_F(StorageLimits, ADeadlineEndsAQuery)
{
    const OperationContext context = OperationContext::within(std::chrono::milliseconds(100));
    EXPECT_STORAGE_ERROR(blocking::run(storage->database().execute_query(endless_query, Parameters(), context)),
                         timeout);
    EXPECT_EQ(users(), 0); // and the layer goes on
}

TEST_F(StorageLimits, ADeadlineInThePastIsTimeoutEverywhere)
{
    const OperationContext late = OperationContext::within(std::chrono::seconds(-1));
    const std::vector<float> embedding = sample_embedding(1);
    EXPECT_STORAGE_ERROR(run(storage->database().execute_query("SELECT 1", Parameters(), late)), timeout);
    EXPECT_STORAGE_ERROR(run(storage->vector_db().search_similar("user_memories", embedding, 1, Filter(), late)),
                         timeout);
    EXPECT_STORAGE_ERROR(run(storage->graph().create_user_node("user", json::object(), late)), timeout);
    EXPECT_STORAGE_ERROR(run(storage->cache().get_conversation_context("channel", 5, std::nullopt, late)), timeout);
    EXPECT_STORAGE_ERROR(run(storage->health(late)), timeout);
    EXPECT_EQ(users(), 0);
}

TEST_F(StorageLimits, CancellationEndsAQueryAndIsNoTimeout)
{
    const OperationContext context = OperationContext::within(std::chrono::seconds(60));
    Cancellable query(storage->database().execute_query(endless_query, Parameters(), context));
    ASSERT_TRUE(eventually([&] { return run(storage->database().get_active_connections()) > 0; }));
    query.cancel();
    EXPECT_STORAGE_ERROR(query.get(), cancelled);
    EXPECT_TRUE(eventually([&] { return run(storage->database().get_active_connections()) == 0; }));
}

TEST_F(StorageLimits, ClosingEndsInTimeWithWorkUnderWay)
{
    auto query = start(storage->database().execute_query(endless_query, Parameters(),
                                                         OperationContext::within(std::chrono::milliseconds(300))));
    ASSERT_TRUE(eventually([&] { return run(storage->database().get_active_connections()) > 0; }));
    run(storage->close());
    EXPECT_STORAGE_ERROR(wait(std::move(query)), timeout);
}

} // namespace
} // namespace whisperstore::test
