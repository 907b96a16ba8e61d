#include "cache/channel.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace whisperstore {
namespace {

using Ids = std::vector<std::int64_t>;

CachedMessage message(std::int64_t id, std::int64_t second, std::string content = "text")
{
    UniversalMessage out;
    out.message_id = id;
    out.channel_id = "c1";
    out.content = std::move(content);
    out.timestamp = Timestamp(std::chrono::seconds(second));
    return std::make_shared<const UniversalMessage>(std::move(out));
}

Ids ids(const Channel& channel, std::size_t limit = 1000, std::optional<std::int64_t> exclude = std::nullopt)
{
    Ids out;
    for (const CachedMessage& one : channel.newest(limit, exclude))
        out.push_back(one->message_id);
    return out;
}

TEST(CacheChannel, OrdersByTimeThenId)
{
    Channel channel(10);
    channel.add(message(3, 5));
    channel.add(message(1, 7));
    channel.add(message(2, 5));
    channel.add(message(std::numeric_limits<std::int64_t>::min(), 6));
    EXPECT_EQ(ids(channel), (Ids{2, 3, std::numeric_limits<std::int64_t>::min(), 1}));
}

TEST(CacheChannel, SharesItsMessages)
{
    Channel channel(10);
    const CachedMessage added = message(1, 1);
    channel.add(added);
    EXPECT_EQ(channel.newest(1, std::nullopt).at(0), added);
}

TEST(CacheChannel, ReplacingMovesToTheNewTime)
{
    Channel channel(3);
    channel.add(message(1, 1));
    channel.add(message(2, 2));
    channel.add(message(3, 3));
    channel.add(message(1, 9, "new"));
    EXPECT_EQ(ids(channel), (Ids{2, 3, 1}));
    EXPECT_EQ(channel.newest(1, std::nullopt).at(0)->content, "new");
    EXPECT_EQ(channel.size(), 3U);
}

TEST(CacheChannel, KeepsTheNewest)
{
    Channel channel(2);
    channel.add(message(1, 10));
    channel.add(message(2, 20));
    channel.add(message(3, 15));
    EXPECT_EQ(ids(channel), (Ids{3, 2}));
    channel.add(message(4, 1));
    EXPECT_EQ(ids(channel), (Ids{3, 2}));
    EXPECT_FALSE(channel.remove(4));
    EXPECT_FALSE(channel.remove(1));
}

TEST(CacheChannel, NewestLeavesOutTheExcludedBeforeItCounts)
{
    Channel channel(10);
    for (std::int64_t id = 1; id <= 5; ++id)
        channel.add(message(id, id));
    EXPECT_EQ(ids(channel, 2, 5), (Ids{3, 4}));
    EXPECT_EQ(ids(channel, 2, 1), (Ids{4, 5}));
    EXPECT_EQ(ids(channel, 0, 1), Ids());
}

TEST(CacheChannel, FillMergesAndWarms)
{
    Channel channel(4);
    channel.add(message(2, 2, "newer"));
    channel.remove(3);
    EXPECT_FALSE(channel.warm());
    channel.fill({message(4, 4), message(2, 2, "older"), message(3, 3), message(1, 1), message(4, 4, "again")});
    EXPECT_TRUE(channel.warm());
    EXPECT_EQ(ids(channel), (Ids{1, 2, 4}));
    EXPECT_EQ(channel.newest(2, std::nullopt).at(0)->content, "newer");
    EXPECT_FALSE(channel.remembers_removals());
}

TEST(CacheChannel, FillKeepsTheNewestToo)
{
    Channel channel(2);
    channel.add(message(9, 1));
    channel.fill({message(1, 10), message(2, 20), message(3, 30)});
    EXPECT_EQ(ids(channel), (Ids{2, 3}));
}

TEST(CacheChannel, MessageAddedAfterItsRemovalIsThere)
{
    Channel channel(10);
    channel.remove(1);
    channel.add(message(1, 1, "again"));
    EXPECT_FALSE(channel.remembers_removals());
    channel.fill({message(1, 1, "history")});
    EXPECT_EQ(channel.newest(1, std::nullopt).at(0)->content, "again");
}

TEST(CacheChannel, RemovalAloneDoesNotMakeItLive)
{
    Channel channel(10);
    EXPECT_FALSE(channel.remove(1));
    EXPECT_FALSE(channel.live());
    EXPECT_TRUE(channel.remembers_removals());
    channel.add(message(2, 2));
    EXPECT_TRUE(channel.live());
}

TEST(CacheChannel, ColdChannelRemembersABoundedNumberOfRemovals)
{
    Channel channel(5000);
    for (std::int64_t id = 1; id <= 5001; ++id)
        channel.remove(id);
    channel.fill({message(1, 1), message(2, 2), message(5001, 5001)});
    EXPECT_EQ(ids(channel), Ids{1});
}

TEST(CacheChannel, EveryRemovalIsRememberedWhileAFillIsExpected)
{
    Channel channel(10);
    channel.expect_fill(true);
    for (std::int64_t id = 1; id <= 5000; ++id)
        channel.remove(id);
    Channel given_up = channel;
    channel.fill({message(1, 1), message(5000, 2), message(6000, 3)});
    EXPECT_EQ(ids(channel), Ids{6000});

    given_up.expect_fill(false);
    given_up.fill({message(1, 1), message(5000, 2)});
    EXPECT_EQ(ids(given_up), Ids{1});
}

TEST(CacheChannel, BytesFollowTheMessages)
{
    Channel channel(2);
    EXPECT_EQ(channel.bytes(), 0U);
    channel.add(message(1, 1, std::string(1000, 'x')));
    const std::size_t one = channel.bytes();
    EXPECT_GT(one, 1000U);
    EXPECT_LT(one, 1500U);
    channel.add(message(2, 2, std::string(1000, 'x')));
    EXPECT_EQ(channel.bytes(), 2 * one);
    channel.add(message(3, 3, std::string(1000, 'x')));
    EXPECT_EQ(channel.bytes(), 2 * one) << "one was trimmed";
    channel.add(message(3, 3, ""));
    EXPECT_LT(channel.bytes(), one + 500);
    channel.remove(2);
    channel.remove(3);
    EXPECT_EQ(channel.bytes(), 0U);
}

TEST(CacheChannel, BytesCountJson)
{
    UniversalMessage small;
    UniversalMessage large;
    large.metadata["text"] = std::string(2000, 'x');
    large.attachments.emplace_back(json::object{{"list", json::array(100)}});
    EXPECT_GT(estimated_bytes(large), estimated_bytes(small) + 2000 + 100 * sizeof(json::value));
}

} // namespace
} // namespace whisperstore
