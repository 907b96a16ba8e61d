// How messages and channels are written in Redis.
#include "cache/message_json.hpp"
#include "cache/redis/channel_keys.hpp"
#include "cache/redis/local_level.hpp"
#include "cache/redis/message_codec.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <limits>

namespace whisperstore::redis {
namespace {

UniversalMessage message_of(std::int64_t id)
{
    UniversalMessage message;
    message.message_id = id;
    message.channel_id = "c1";
    message.user_id = "u1";
    message.content = "Grüße";
    message.timestamp = parse_timestamp("2026-01-01T00:00:00.000001Z");
    message.metadata["n"] = json::object{{"deep", nullptr}};
    return message;
}

TEST(RedisCodec, SortableNumbersSortAsText)
{
    std::vector<std::int64_t> numbers{
        std::numeric_limits<std::int64_t>::min(), -5, -1, 0, 1, 9, 10, 255, 256, 1180000000000000000,
        std::numeric_limits<std::int64_t>::max()};
    std::vector<std::string> texts;
    for (const std::int64_t number : numbers) {
        texts.push_back(sortable(number));
        EXPECT_EQ(texts.back().size(), 16U);
        EXPECT_EQ(from_sortable(texts.back()), number);
    }
    EXPECT_TRUE(std::is_sorted(texts.begin(), texts.end()));
    for (const char* wrong : {"", "8", "800000000000000g", "80000000000000000", " 00000000000000"})
        EXPECT_STORAGE_ERROR(from_sortable(wrong), corrupt);
}

TEST(RedisCodec, MessagesComeBackWhole)
{
    for (const std::int64_t id : {std::numeric_limits<std::int64_t>::min(), std::int64_t(-1), std::int64_t(0),
                                  std::numeric_limits<std::int64_t>::max()}) {
        const UniversalMessage message = message_of(id);
        EXPECT_EQ(*decode_message("c1", encode_message(message)), message);
    }
    EXPECT_EQ(encode_message(message_of(1)).find("channel_id"), std::string::npos) << "the key has it";
}

TEST(RedisCodec, DecodedMessagesAreShared)
{
    MessageDecoder decoder;
    const std::string value = encode_message(message_of(1));
    const CachedMessage first = decoder.decode("c1", value);
    EXPECT_EQ(decoder.decode("c1", value), first);
    const CachedMessage other = decoder.decode("c2", value);
    EXPECT_EQ(other->channel_id, "c2") << "the same value elsewhere is another message";
    for (std::int64_t id = 0; id < 20'000; ++id)
        ASSERT_EQ(decoder.decode("c1", encode_message(message_of(id)))->message_id, id);
}

TEST(RedisKeys, OfAChannelAreInOneBucket)
{
    const ChannelKeys keys("app");
    std::array<int, ChannelKeys::buckets> used{};
    for (int i = 0; i < 25'600; ++i)
        ++used[ChannelKeys::bucket_of(std::to_string(1180000000000000000 + i))];
    EXPECT_GT(*std::min_element(used.begin(), used.end()), 50);
    EXPECT_LT(*std::max_element(used.begin(), used.end()), 200);
    const std::string key = keys.channel("a}c{b");
    EXPECT_TRUE(key.starts_with(keys.tag(ChannelKeys::bucket_of("a}c{b"))));
    EXPECT_EQ(ChannelKeys::channel_of(key), "a}c{b");
    EXPECT_EQ(ChannelKeys::channel_of("{app:1}r"), "");
    EXPECT_EQ(keys.channel(""), "{app:37}c") << "FNV-1a's basis; changing it would lose what is stored";
}

TEST(RedisLocalLevel, WhatWasInvalidatedWhileItWasReadIsNotKept)
{
    LocalLevel level(100);
    const auto later = LocalLevel::Clock::now() + std::chrono::hours(1);
    const LocalLevel::Messages messages{std::make_shared<const UniversalMessage>(message_of(1))};
    const std::uint64_t first = level.open("c1", later);
    EXPECT_EQ(level.find("c1", 5, std::nullopt), std::nullopt) << "not filled yet";
    level.drop("c1");
    level.fill("c1", first, messages);
    EXPECT_EQ(level.find("c1", 5, std::nullopt), std::nullopt);
    const std::uint64_t second = level.open("c1", later);
    const std::uint64_t third = level.open("c1", later);
    level.fill("c1", second, messages);
    EXPECT_EQ(level.find("c1", 5, std::nullopt), std::nullopt) << "a later answer is on its way";
    level.fill("c1", third, messages);
    EXPECT_EQ(level.find("c1", 5, std::nullopt), messages);
    EXPECT_EQ(level.find("c1", 5, 1)->size(), 0U);
    level.drop_all();
    EXPECT_EQ(level.find("c1", 5, std::nullopt), std::nullopt);
    EXPECT_EQ(level.size(), 0U);
    level.fill("c1", level.open("c1", LocalLevel::Clock::now()), messages);
    EXPECT_EQ(level.find("c1", 5, std::nullopt), std::nullopt) << "expired";
}

} // namespace
} // namespace whisperstore::redis
