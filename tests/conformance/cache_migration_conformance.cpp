// Moving channels between any two caches.

#include "conformance/cache_conformance.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/migration/storage_migration_manager.hpp>

#include <map>

namespace whisperstore::test {
namespace {

class CacheMigrations : public CacheTest
{
protected:
    struct Other
    {
        explicit Other(const CacheBackend& backend, const CacheConfig& config = CacheConfig())
            : cache(backend.make(config).cache)
        {
            run(cache->initialize());
        }
        ~Other() { run(cache->cleanup()); }
        Other(const Other&) = delete;
        Other& operator=(const Other&) = delete;

        std::shared_ptr<ConversationCacheManager> cache;
    };

    void fill()
    {
        for (int channel = 0; channel < 40; ++channel)
            for (int i = 0; i <= channel % 5; ++i)
                run(cache->add_message("channel " + std::to_string(channel), message_in("", 10 * channel + i)));
        UniversalMessage hostile = message_in("quote ' \" \\ \n 𝄞", std::numeric_limits<std::int64_t>::min());
        hostile.content = "line\nbreak \\N \\. 𝄞";
        hostile.metadata = parse_json_object(R"({"z":9007199254740993,"a":1.0,"":null})", "metadata");
        run(cache->add_message(hostile.channel_id, hostile));
    }
    static UniversalMessage message_in(const std::string& channel, std::int64_t id)
    {
        UniversalMessage message = test_message(id, id % 1000);
        message.channel_id = channel;
        return message;
    }
    static std::vector<UniversalMessage> content_of(ConversationCacheManager& of, const std::string& channel)
    {
        std::vector<UniversalMessage> content;
        for (const CachedMessage& message : run(of.get_conversation_context(channel, 1000)))
            content.push_back(*message);
        return content;
    }
    MigrationReport migrate(ConversationCacheManager& target, ExistingData existing = ExistingData::refuse)
    {
        MigrationOptions options;
        options.existing = existing;
        StorageMigrationManager manager;
        return run(manager.migrate_cache(*cache, target, options));
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, CacheMigrations, testing::ValuesIn(cache_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(CacheMigrations, ToEveryCache)
{
    fill();
    std::map<std::string, std::string> hashes;
    for (const CacheBackend& backend : cache_backends()) {
        const testing::Message to = testing::Message() << "to " << backend.name;
        SCOPED_TRACE(to);
        Other other(backend);
        const MigrationReport report = migrate(*other.cache);
        EXPECT_TRUE(report.verified);
        EXPECT_FALSE(report.already_there);
        EXPECT_EQ(report.source, GetParam().cache_type);
        EXPECT_EQ(report.target, backend.cache_type);
        ASSERT_EQ(report.items.size(), 2U);
        EXPECT_EQ(report.items[0].rows, 41U);
        EXPECT_EQ(report.items[1].rows, 121U);
        for (const MigratedItem& item : report.items)
            EXPECT_EQ(hashes.try_emplace(item.name, item.content_hash).first->second, item.content_hash) << item.name;
        for (const std::string& channel : {std::string("channel 4"), std::string("quote ' \" \\ \n 𝄞")})
            EXPECT_EQ(content_of(*other.cache, channel), content_of(*cache, channel));
        EXPECT_TRUE(migrate(*other.cache).already_there);
    }
}

TEST_P(CacheMigrations, ATargetWithSomethingElseIsRefusedMergedOrReplaced)
{
    fill();
    for (const CacheBackend& backend : {cache_backends().front(), GetParam()}) {
        Other other(backend);
        run(other.cache->add_message("another", message_in("another", 1)));
        run(other.cache->add_message("channel 4", message_in("channel 4", 777)));
        EXPECT_STORAGE_ERROR(migrate(*other.cache), already_exists);
        EXPECT_EQ(run(other.cache->get_cache_stats()).cached_channels, 2U);

        EXPECT_TRUE(migrate(*other.cache, ExistingData::merge).verified);
        EXPECT_EQ(content_of(*other.cache, "another").size(), 1U);
        EXPECT_EQ(content_of(*other.cache, "channel 4"), content_of(*cache, "channel 4"));

        EXPECT_TRUE(migrate(*other.cache, ExistingData::replace).verified);
        EXPECT_EQ(run(other.cache->get_cache_stats()).cached_channels, 41U);
        EXPECT_TRUE(content_of(*other.cache, "another").empty());
    }
}

TEST_P(CacheMigrations, MoreChannelsThanAreLookedAtAtOnce)
{
    const auto add = [](ConversationCacheManager& to, const std::string& kind, int count) {
        for (int i = 0; i < count; ++i) {
            const std::string channel = kind + std::to_string(i);
            run(to.add_message(channel, message_in(channel, i)));
        }
    };
    add(*cache, "ours ", 150);
    Other other(cache_backends().front());
    add(*other.cache, "theirs ", 200);
    add(*other.cache, "ours ", 70);
    EXPECT_STORAGE_ERROR(migrate(*other.cache), already_exists);
    EXPECT_TRUE(migrate(*other.cache, ExistingData::merge).verified);
    EXPECT_EQ(run(other.cache->get_cache_stats()).cached_channels, 350U);
    EXPECT_TRUE(migrate(*other.cache, ExistingData::replace).verified);
    EXPECT_EQ(run(other.cache->get_cache_stats()).cached_channels, 150U);
    EXPECT_TRUE(migrate(*other.cache).already_there);
    run(other.cache->clear_channel_cache("ours 149"));
    const MigrationReport rest = migrate(*other.cache);
    EXPECT_FALSE(rest.already_there) << "a part of it was there";
    EXPECT_TRUE(rest.verified);
    EXPECT_EQ(run(other.cache->get_cache_stats()).cached_channels, 150U);
}

TEST_P(CacheMigrations, ASmallerTargetKeepsTheNewestAndSaysSo)
{
    add_range(1, 30);
    CacheConfig config;
    config.max_messages = 10;
    Other other(cache_backends().front(), config);
    const MigrationReport report = migrate(*other.cache);
    ASSERT_EQ(report.not_moved.size(), 1U);
    EXPECT_EQ(report.not_moved[0].name, "messages");
    EXPECT_TRUE(report.not_moved[0].reason.starts_with("20 of the oldest"));
    EXPECT_EQ(content_of(*other.cache, "c1").size(), 10U);
}

TEST_P(CacheMigrations, APlanChangesNothing)
{
    fill();
    Other other(cache_backends().front());
    MigrationOptions options;
    options.dry_run = true;
    StorageMigrationManager manager;
    const MigrationReport report = run(manager.migrate_cache(*cache, *other.cache, options));
    EXPECT_TRUE(report.dry_run);
    EXPECT_EQ(report.rows(), 162U);
    EXPECT_EQ(run(other.cache->get_cache_stats()).cached_channels, 0U);
    EXPECT_STORAGE_ERROR(run(manager.migrate_cache(*cache, *cache)), invalid_argument);
}

} // namespace
} // namespace whisperstore::test
