// How a cold channel is filled from the history.
#include "conformance/cache_conformance.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <stdexcept>

namespace whisperstore::test {
namespace {

using Ids = std::vector<std::int64_t>;

class CacheBootstrap : public CacheTest
{
protected:
    void SetUp() override
    {
        CacheTest::SetUp();
        use_history();
    }
    void TearDown() override
    {
        history->release();
        CacheTest::TearDown();
    }

    bool history_is_held()
    {
        return eventually([&] { return history->held() == 1; });
    }
};

/// A read that can be cancelled.
class CancellableRead
{
public:
    explicit CancellableRead(ConversationCacheManager& cache)
        : result_(asio::co_spawn(strand_, cache.get_conversation_context("c1", 1000),
                                 asio::bind_cancellation_slot(signal_.slot(), asio::use_future)))
    {
    }
    void cancel()
    {
        asio::post(strand_, [this] { signal_.emit(asio::cancellation_type::terminal); });
    }
    std::vector<CachedMessage> get() { return wait(std::move(result_)); }

private:
    asio::strand<asio::thread_pool::executor_type> strand_ = asio::make_strand(pool().get_executor());
    asio::cancellation_signal signal_;
    std::future<std::vector<CachedMessage>> result_;
};

INSTANTIATE_TEST_SUITE_P(Backends, CacheBootstrap, testing::ValuesIn(cache_backends()),
                         [](const auto& backend) { return backend.param.name; });

// ---- what it brings

TEST_P(CacheBootstrap, ColdChannelIsFilledUpToTheBootstrapLimit)
{
    history->put_range(1, 50);
    EXPECT_EQ(ids(3), (Ids{48, 49, 50}));
    EXPECT_EQ(history->last_limit(), CacheConfig().bootstrap_limit);
    EXPECT_EQ(ids(), range(31, 50));
    EXPECT_EQ(history->calls(), 1);
}

TEST_P(CacheBootstrap, HistoryIsGivenItsChannelIfItNamesNone)
{
    history->put(test_message(1));
    EXPECT_EQ(read().at(0)->channel_id, "c1");
}

TEST_P(CacheBootstrap, SourceThatAnswersWithMoreIsCutToTheNewest)
{
    history->set_hook([](std::vector<UniversalMessage>& messages) {
        messages.clear();
        for (const std::int64_t id : range(1, 100))
            messages.push_back(test_message(id));
    });
    EXPECT_EQ(ids(), range(81, 100));
}

TEST_P(CacheBootstrap, BootstrapIsBoundByMaxMessages)
{
    CacheConfig config;
    config.max_messages = 5;
    open(config);
    use_history();
    history->put_range(1, 50);
    EXPECT_EQ(ids(), range(46, 50));
}

TEST_P(CacheBootstrap, BootstrapLimitZeroNeverAsks)
{
    CacheConfig config;
    config.bootstrap_limit = 0;
    open(config);
    use_history();
    history->put_range(1, 5);
    EXPECT_EQ(ids(), Ids());
    add(9);
    EXPECT_EQ(ids(), Ids{9});
    EXPECT_EQ(history->calls(), 0);
}

TEST_P(CacheBootstrap, AddingDoesNotWarmAColdChannel)
{
    history->put_range(1, 5);
    add(6);
    EXPECT_EQ(history->calls(), 0);
    EXPECT_EQ(ids(), range(1, 6));
    EXPECT_EQ(history->calls(), 1);
}

TEST_P(CacheBootstrap, WhatWasAddedIsNewerThanTheHistory)
{
    history->put_range(1, 3);
    UniversalMessage edited = test_message(2);
    edited.content = "edited";
    add(edited);
    const auto messages = read();
    ASSERT_EQ(ids_of(messages), range(1, 3));
    EXPECT_EQ(messages[1]->content, "edited");
}

TEST_P(CacheBootstrap, ExpiredAndClearedChannelsAreFilledAgain)
{
    history->put_range(1, 3);
    EXPECT_EQ(ids(), range(1, 3));
    history->put(test_message(4));
    pass_time(0.6);
    EXPECT_EQ(ids(), range(1, 3)) << "warm: the history is not asked";
    pass_time(0.6);
    EXPECT_EQ(ids(), range(1, 4)) << "a bootstrap is an activity, a read is not";
    history->put(test_message(5));
    run(cache->clear_channel_cache("c1"));
    EXPECT_EQ(ids(), range(1, 5));
    EXPECT_EQ(history->calls(), 3);
}

// Seen in an earlier implementation: a channel with fewer messages than asked for was read from the
// history again on every read.
TEST_P(CacheBootstrap, ShortChannelIsNotAskedForOnEveryRead)
{
    history->put_range(1, 2);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(ids(20), range(1, 2));
    EXPECT_EQ(history->calls(), 1);
    EXPECT_EQ(stats().hits, 4U);
    history->erase(1);
    history->erase(2);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(run(cache->get_conversation_context("an empty one")).size(), 0U);
    EXPECT_EQ(history->calls(), 2) << "an empty history is an answer as well";
}

TEST_P(CacheBootstrap, SourceCanBeTakenAway)
{
    history->put_range(1, 2);
    cache->set_history_source(nullptr);
    EXPECT_EQ(ids(), Ids());
    use_history();
    EXPECT_EQ(ids(), range(1, 2));
}

TEST_P(CacheBootstrap, SourceGetsTheCallersContextWithoutItsDeadline)
{
    OperationContext context = OperationContext::within(std::chrono::seconds(60));
    context.tenant = "t1";
    context.session = std::make_shared<Session>();
    run(cache->get_conversation_context("c1", 5, std::nullopt, context));
    EXPECT_EQ(history->last_context().deadline, std::nullopt);
    EXPECT_EQ(history->last_context().tenant, "t1");
    EXPECT_EQ(history->last_context().session, context.session);
}

// ---- failures

TEST_P(CacheBootstrap, FailingHistoryIsAnErrorAndNotRemembered)
{
    history->put_range(1, 2);
    add(3);
    history->set_hook(
        [](std::vector<UniversalMessage>&) { throw StorageError(StorageErrc::resource_exhausted, "disk full"); });
    const StorageError error = error_of([&] { ids(); });
    EXPECT_EQ(error.errc(), StorageErrc::resource_exhausted);
    EXPECT_NE(error.message().find("'c1'"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("disk full"), std::string::npos) << error.message();
    history->set_hook([](std::vector<UniversalMessage>&) { throw std::runtime_error("no luck"); });
    EXPECT_STORAGE_ERROR(ids(), unavailable);
    history->set_hook(nullptr);
    EXPECT_EQ(ids(), range(1, 3));
    EXPECT_EQ(history->calls(), 3);
    EXPECT_EQ(stats().misses, 3U);
}

TEST_P(CacheBootstrap, FailureIsAnErrorForEveryWaitingCaller)
{
    history->hold();
    history->set_hook([](std::vector<UniversalMessage>&) { throw StorageError(StorageErrc::unavailable, "down"); });
    auto first = start_read();
    auto second = start_read();
    ASSERT_TRUE(missed(2));
    ASSERT_TRUE(history_is_held());
    history->release();
    EXPECT_STORAGE_ERROR(wait(std::move(first)), unavailable);
    EXPECT_STORAGE_ERROR(wait(std::move(second)), unavailable);
    EXPECT_EQ(history->calls(), 1);
    EXPECT_EQ(stats().cached_channels, 0U);
}

TEST_P(CacheBootstrap, InvalidHistoryIsCorrupt)
{
    history->set_hook([](std::vector<UniversalMessage>& messages) {
        messages.push_back(test_message(1));
        messages.back().channel_id = "another";
    });
    EXPECT_STORAGE_ERROR(ids(), corrupt);
    history->set_hook([](std::vector<UniversalMessage>& messages) {
        messages.push_back(test_message(1));
        messages.back().content = "\xff";
    });
    EXPECT_STORAGE_ERROR(ids(), corrupt);
}

// ---- one read for everybody

// Seen in an earlier implementation: the second caller waited for a lock that the first one, suspended
// in the history, still held, and the only thread could not resume it.
TEST_P(CacheBootstrap, TwoCallersOnAColdChannelDoNotDeadlock)
{
    history->put_range(1, 3);
    history->hold();
    asio::io_context io;
    auto first = asio::co_spawn(io, cache->get_conversation_context("c1"), asio::use_future);
    auto second = asio::co_spawn(io, cache->get_conversation_context("c1"), asio::use_future);
    auto other = asio::co_spawn(io, cache->add_message("c1", test_message(4)), asio::use_future);
    ASSERT_TRUE(eventually([&] {
        io.restart();
        io.poll();
        return history->held() == 1 && other.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    }));
    history->release();
    io.restart();
    io.run_for(std::chrono::seconds(60));
    EXPECT_EQ(ids_of(wait(std::move(first), std::chrono::seconds(0))), range(1, 4));
    EXPECT_EQ(ids_of(wait(std::move(second), std::chrono::seconds(0))), range(1, 4));
    EXPECT_EQ(history->calls(), 1);
}

TEST_P(CacheBootstrap, ChannelsAreFilledBesideEachOther)
{
    history->put_range(1, 3);
    history->hold();
    auto first = start_read();
    ASSERT_TRUE(history_is_held());
    auto second = start(cache->get_conversation_context("c2"));
    EXPECT_TRUE(eventually([&] { return history->held() == 2; }));
    history->release();
    EXPECT_EQ(ids_of(wait(std::move(first))), range(1, 3));
    EXPECT_EQ(ids_of(wait(std::move(second))), range(1, 3));
}

TEST_P(CacheBootstrap, CancellingTheFirstCallerLeavesTheReadGoing)
{
    history->put_range(1, 3);
    history->hold();
    CancellableRead first(*cache);
    ASSERT_TRUE(history_is_held());
    auto second = start_read();
    ASSERT_TRUE(missed(2));
    first.cancel();
    const StorageError error = error_of([&] { first.get(); });
    EXPECT_EQ(error.errc(), StorageErrc::cancelled);
    EXPECT_EQ(error.operation(), "get_conversation_context");
    history->release();
    EXPECT_EQ(ids_of(wait(std::move(second))), range(1, 3));
    EXPECT_EQ(history->calls(), 1);
    EXPECT_EQ(history->cancelled(), 0);
}

TEST_P(CacheBootstrap, CancellingALaterCallerLeavesTheReadGoing)
{
    history->put_range(1, 3);
    history->hold();
    auto first = start_read();
    ASSERT_TRUE(history_is_held());
    CancellableRead second(*cache);
    ASSERT_TRUE(missed(2));
    second.cancel();
    EXPECT_STORAGE_ERROR(second.get(), cancelled);
    history->release();
    EXPECT_EQ(ids_of(wait(std::move(first))), range(1, 3));
    EXPECT_EQ(history->calls(), 1);
}

TEST_P(CacheBootstrap, WithoutAnybodyWaitingTheReadIsCancelled)
{
    history->put_range(1, 3);
    history->hold();
    CancellableRead first(*cache);
    ASSERT_TRUE(history_is_held());
    CancellableRead second(*cache);
    ASSERT_TRUE(missed(2));
    first.cancel();
    second.cancel();
    EXPECT_STORAGE_ERROR(first.get(), cancelled);
    EXPECT_STORAGE_ERROR(second.get(), cancelled);
    EXPECT_TRUE(eventually([&] { return history->cancelled() == 1; }));
    history->release();
    EXPECT_EQ(ids(), range(1, 3)) << "and the next caller reads anew";
    EXPECT_EQ(history->calls(), 2);
    EXPECT_EQ(history->most_at_once(), 1);
}

TEST_P(CacheBootstrap, ADeadlineEndsItsOwnWaitOnly)
{
    history->put_range(1, 3);
    history->hold();
    auto hasty = start_read(OperationContext::within(std::chrono::milliseconds(300)));
    ASSERT_TRUE(history_is_held());
    auto patient = start_read();
    ASSERT_TRUE(missed(2));
    EXPECT_STORAGE_ERROR(wait(std::move(hasty)), timeout);
    history->release();
    EXPECT_EQ(ids_of(wait(std::move(patient))), range(1, 3));
    EXPECT_EQ(history->calls(), 1);
}

TEST_P(CacheBootstrap, ADeadlineStopsTheReadNobodyElseWaitsFor)
{
    history->hold();
    EXPECT_STORAGE_ERROR(wait(start_read(OperationContext::within(std::chrono::milliseconds(300)))), timeout);
    EXPECT_TRUE(eventually([&] { return history->cancelled() == 1; }));
}

// ---- what happens meanwhile

TEST_P(CacheBootstrap, MessageRemovedMeanwhileIsNotRevived)
{
    history->put_range(1, 20);
    history->hold();
    auto reading = start_read();
    ASSERT_TRUE(history_is_held());
    EXPECT_FALSE(run(cache->remove_message("c1", 7)));
    // More removals than a cold channel would remember otherwise.
    for (std::int64_t id = 1000; id < 4000; ++id)
        run(cache->remove_message("c1", id));
    history->release();
    EXPECT_EQ(ids_of(wait(std::move(reading))).size(), 19U);
    EXPECT_EQ(ids_of(read(1000, 8)), (Ids{1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}));
}

TEST_P(CacheBootstrap, MessageRemovedFromAColdChannelIsNotRevived)
{
    history->put_range(1, 3);
    EXPECT_FALSE(run(cache->remove_message("c1", 2)));
    EXPECT_EQ(stats().cached_channels, 0U);
    EXPECT_EQ(ids(), (Ids{1, 3}));
}

TEST_P(CacheBootstrap, MessageAddedMeanwhileIsKept)
{
    history->put_range(1, 3);
    history->hold();
    auto reading = start_read();
    ASSERT_TRUE(history_is_held());
    UniversalMessage edited = test_message(2);
    edited.content = "edited";
    run(cache->remove_message("c1", 2));
    add(edited);
    add(4);
    history->release();
    const auto messages = wait(std::move(reading));
    ASSERT_EQ(ids_of(messages), range(1, 4));
    EXPECT_EQ(messages[1]->content, "edited");
    EXPECT_EQ(ids(), range(1, 4));
}

TEST_P(CacheBootstrap, ClearMeanwhileIsNotUndoneByTheOldRead)
{
    history->put_range(1, 3);
    history->hold();
    auto before = start_read();
    ASSERT_TRUE(history_is_held());
    run(cache->clear_channel_cache("c1"));
    history->erase(1);
    history->put(test_message(4));
    auto after = start_read();
    ASSERT_TRUE(missed(2));
    EXPECT_EQ(history->held(), 1U) << "one read at a time";
    run(cache->remove_message("c1", 2));
    add(5);
    history->release();
    EXPECT_EQ(ids_of(wait(std::move(before))), (Ids{1, 3, 5})) << "asked before the clear";
    EXPECT_EQ(ids_of(wait(std::move(after))), (Ids{3, 4, 5}));
    EXPECT_EQ(ids(), (Ids{3, 4, 5}));
    EXPECT_EQ(history->calls(), 2);
    EXPECT_EQ(history->most_at_once(), 1);
}

TEST_P(CacheBootstrap, ClearMeanwhileLeavesTheChannelCold)
{
    history->put_range(1, 3);
    history->hold();
    add(3);
    auto before = start_read();
    ASSERT_TRUE(history_is_held());
    run(cache->clear_channel_cache("c1"));
    EXPECT_EQ(stats().cached_channels, 0U);
    history->release();
    EXPECT_EQ(ids_of(wait(std::move(before))), range(1, 3));
    EXPECT_EQ(stats().cached_channels, 0U);
    EXPECT_EQ(ids(), range(1, 3));
    EXPECT_EQ(history->calls(), 2);
}

TEST_P(CacheBootstrap, CleanupMeanwhileEndsTheWaitAndTheRead)
{
    history->hold();
    auto first = start_read();
    auto second = start_read();
    ASSERT_TRUE(missed(2));
    ASSERT_TRUE(history_is_held());
    run(cache->cleanup());
    EXPECT_EQ(history->cancelled(), 1);
    EXPECT_STORAGE_ERROR(wait(std::move(first)), closed);
    EXPECT_STORAGE_ERROR(wait(std::move(second)), closed);
    history->release();
    history->put_range(1, 3);
    run(cache->initialize());
    EXPECT_EQ(ids(), range(1, 3)) << "the source is still set";
    EXPECT_EQ(history->most_at_once(), 1);
}

} // namespace
} // namespace whisperstore::test
