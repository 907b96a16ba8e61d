// Backup and restore: what a cache holds goes into a file and back, also into another cache.

#include "conformance/cache_conformance.hpp"
#include "support/test_directory.hpp"

#include <limits>
#include <map>

namespace whisperstore::test {
namespace {

class CacheBackup : public CacheTest
{
protected:
    UniversalMessage message_in(const std::string& channel, std::int64_t id)
    {
        UniversalMessage message = test_message(id);
        message.channel_id = channel;
        return message;
    }
    void add_to(const std::string& channel, std::int64_t id)
    {
        run(cache->add_message(channel, message_in(channel, id)));
    }
    std::vector<UniversalMessage> content_of(const std::string& channel)
    {
        std::vector<UniversalMessage> content;
        for (const CachedMessage& message : run(cache->get_conversation_context(channel, 1000)))
            content.push_back(*message);
        return content;
    }

    const TestDirectory directory;
};

INSTANTIATE_TEST_SUITE_P(Backends, CacheBackup, testing::ValuesIn(cache_backends()),
                         [](const auto& test) { return test.param.name; });

TEST_P(CacheBackup, EveryChannelComesBackAsItWas)
{
    std::map<std::string, std::vector<UniversalMessage>> expected;
    for (int channel = 0; channel < 100; ++channel) {
        const std::string id = "channel " + std::to_string(channel);
        for (int i = 0; i <= channel % 7; ++i)
            add_to(id, 100 * channel + i);
        expected[id] = content_of(id);
    }
    UniversalMessage hostile = message_in("quote ' \" \\ \n 𝄞", std::numeric_limits<std::int64_t>::max());
    hostile.content = "'; DROP TABLE messages; --\n\t\\u0000 𝄞";
    hostile.metadata = parse_json_object(R"({"large":9223372036854775807,"real":1.0,"empty":"","null":null})", "test");
    run(cache->add_message(hostile.channel_id, hostile));
    expected[hostile.channel_id] = {hostile};

    EXPECT_EQ(run(cache->backup_cache(directory / "cache.db")), 101U);
    EXPECT_STORAGE_ERROR(run(cache->backup_cache(directory / "cache.db")), already_exists);

    open(CacheConfig()); // an empty one
    add_to("another", 1);
    add_to("channel 3", 999999);
    EXPECT_EQ(run(cache->restore_cache(directory / "cache.db")), 101U);
    for (const auto& [channel, messages] : expected)
        EXPECT_EQ(content_of(channel), messages) << channel;
    EXPECT_EQ(content_of("another").size(), 1U) << "others stay";
    EXPECT_EQ(stats().cached_channels, 102U);

    EXPECT_EQ(run(cache->restore_cache(directory / "cache.db")), 101U) << "again";
    for (const auto& [channel, messages] : expected)
        EXPECT_EQ(content_of(channel), messages) << channel;
}

TEST_P(CacheBackup, WhatWasWarmIsWarmAndWhatWasColdIsCold)
{
    history->put_range(1, 5);
    use_history();
    add_to("c1", 100);
    EXPECT_EQ(ids().size(), 6U);
    add_to("c2", 200);
    EXPECT_EQ(run(cache->backup_cache(directory / "cache.db")), 2U);
    open(CacheConfig());
    use_history();
    EXPECT_EQ(run(cache->restore_cache(directory / "cache.db")), 2U);
    const int calls = history->calls();
    EXPECT_EQ(ids().size(), 6U);
    EXPECT_EQ(history->calls(), calls);
    EXPECT_EQ(run(cache->get_conversation_context("c2", 1000)).size(), 6U);
    EXPECT_EQ(history->calls(), calls + 1);
}

TEST_P(CacheBackup, AChannelExpiresWhenItWouldHave)
{
    CacheConfig config;
    config.timeout_minutes = 0.02;
    open(config);
    add_to("c1", 1);
    EXPECT_EQ(run(cache->backup_cache(directory / "cache.db")), 1U);
    run(cache->clear_channel_cache("c1"));
    EXPECT_EQ(run(cache->restore_cache(directory / "cache.db")), 1U);
    EXPECT_EQ(ids().size(), 1U);
    pass_time(1.1);
    EXPECT_EQ(stats().cached_channels, 0U);
}

TEST_P(CacheBackup, ARestoreKeepsTheNewestThatFit)
{
    add_range(1, 30);
    EXPECT_EQ(run(cache->backup_cache(directory / "cache.db")), 1U);
    CacheConfig config;
    config.max_messages = 10;
    open(config);
    EXPECT_EQ(run(cache->restore_cache(directory / "cache.db")), 1U);
    EXPECT_EQ(ids(), range(21, 30));
}

TEST_P(CacheBackup, ADamagedFileChangesNothing)
{
    add_to("c1", 1);
    EXPECT_STORAGE_ERROR(run(cache->restore_cache(directory / "none.db")), not_found);
    write_file(directory / "text.db", "no database");
    EXPECT_STORAGE_ERROR(run(cache->restore_cache(directory / "text.db")), corrupt);
    add_to("c2", 2);
    run(cache->backup_cache(directory / "cache.db"));
    std::string bytes = read_file(directory / "cache.db");
    const std::size_t at = bytes.find("\"message_id\"");
    ASSERT_NE(at, std::string::npos);
    bytes[at + 1] = 'X';
    write_file(directory / "bad.db", bytes);
    run(cache->clear_channel_cache("c1"));
    run(cache->clear_channel_cache("c2"));
    EXPECT_STORAGE_ERROR(run(cache->restore_cache(directory / "bad.db")), corrupt);
    EXPECT_EQ(stats().cached_channels, 0U);
}

TEST_P(CacheBackup, ARestoreEndsAHistoryBeingRead)
{
    add_to("c1", 100);
    run(cache->backup_cache(directory / "cache.db"));
    run(cache->clear_channel_cache("c1"));
    history->put_range(1, 3);
    use_history();
    history->hold();
    auto before = start_read();
    ASSERT_TRUE(eventually([&] { return history->held() == 1; }));
    EXPECT_EQ(run(cache->restore_cache(directory / "cache.db")), 1U);
    history->release();
    wait(std::move(before));
    // The channel was cold when it was backed up: the history is read again and joins it.
    EXPECT_EQ(ids(), (std::vector<std::int64_t>{1, 2, 3, 100}));
}

TEST_P(CacheBackup, AClosedCacheHasNone)
{
    run(cache->cleanup());
    EXPECT_STORAGE_ERROR(run(cache->backup_cache(directory / "cache.db")), closed);
    EXPECT_STORAGE_ERROR(run(cache->restore_cache(directory / "cache.db")), closed);
}

} // namespace
} // namespace whisperstore::test
