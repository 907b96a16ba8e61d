// How a Redis server is reached, and what callers hear when it is not.
#include "integration/redis/redis_fixture.hpp"
#include "servers/chaos_proxy.hpp"

#include <whisperstore/core/connection_url.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

namespace whisperstore::test {
namespace {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

CacheConfig tls_config()
{
    const RedisServers& servers = RedisServers::get();
    CacheConfig config;
    config.redis_url = named("rediss://localhost:", servers.tls());
    config.redis_password = servers.password();
    config.redis_key_prefix = unique_prefix();
    config.tls.ca_file = servers.authority();
    config.tls.cert_file = servers.certificate();
    config.tls.key_file = servers.key();
    return config;
}

void expect_works(const CacheConfig& config)
{
    const auto cache = open_cache(config);
    run(cache->add_message("c1", test_message(1)));
    EXPECT_EQ(ids_in(*cache, "c1"), Ids{1});
    EXPECT_EQ(cache->health().state, RedisCacheHealth::State::up);
}

StorageError failure_to_open(const CacheConfig& config)
{
    return error_of([&] {
        RedisConversationCache cache(config);
        run(cache.initialize());
    });
}

TEST(RedisConnection, TlsWithAClientCertificateAndAPassword)
{
    expect_works(tls_config());
    CacheConfig config = tls_config();
    config.redis_password.clear();
    config.redis_url = "rediss://default:" + percent_encode(RedisServers::get().password()) +
                       "@localhost:" + std::to_string(RedisServers::get().tls());
    expect_works(config);
}

TEST(RedisConnection, TlsThatCannotBeTrustedIsRefused)
{
    CacheConfig config = tls_config();
    config.redis_url = named("rediss://127.0.0.1:", RedisServers::get().tls());
    EXPECT_EQ(failure_to_open(config).errc(), StorageErrc::unavailable) << "its certificate is for localhost";
    config.tls.verify = false;
    expect_works(config);
    config = tls_config();
    config.tls.ca_file = config.tls.cert_file;
    EXPECT_EQ(failure_to_open(config).errc(), StorageErrc::unavailable);
    config = tls_config();
    config.tls.cert_file.clear();
    config.tls.key_file.clear();
    EXPECT_EQ(failure_to_open(config).errc(), StorageErrc::unavailable) << "it asks clients for a certificate";
    config = tls_config();
    config.tls.ca_file = "/nowhere/authority.pem";
    const StorageError error = failure_to_open(config);
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("/nowhere/authority.pem"), std::string::npos) << error.message();
}

TEST(RedisConnection, AWrongPasswordSaysSo)
{
    CacheConfig config = tls_config();
    config.redis_password = "not the one";
    const StorageError wrong = failure_to_open(config);
    EXPECT_EQ(wrong.errc(), StorageErrc::authentication);
    EXPECT_EQ(wrong.native_code(), "WRONGPASS");
    EXPECT_EQ(wrong.message().find("not the one"), std::string::npos) << wrong.message();
    config.redis_password.clear();
    EXPECT_EQ(failure_to_open(config).errc(), StorageErrc::authentication);
}

TEST(RedisConnection, AUserOfAnAccessListHasItsOwnRights)
{
    const std::string prefix = unique_prefix();
    PlainRedis redis(RedisServers::get().single());
    redis.ask({"ACL", "SETUSER", prefix, "on", ">guest's", "~{" + prefix + ":*", "+@all"});
    CacheConfig config;
    config.redis_url = "redis://" + prefix + ":guest%27s@127.0.0.1:" + std::to_string(RedisServers::get().single());
    config.redis_key_prefix = prefix;
    expect_works(config);
    config.redis_key_prefix = unique_prefix();
    {
        const auto cache = open_cache(config);
        const StorageError error = error_of([&] { run(cache->add_message("c1", test_message(1))); });
        EXPECT_EQ(error.errc(), StorageErrc::permission) << error.what();
        EXPECT_EQ(error.native_code(), "NOPERM");
    }
    redis.ask({"ACL", "DELUSER", prefix});
}

TEST(RedisConnection, UnixSocketsAndDatabases)
{
    const RedisServers& servers = RedisServers::get();
    CacheConfig config;
    config.redis_key_prefix = unique_prefix();
    config.redis_url = "unix://" + servers.socket().string() + "?db=3";
    expect_works(config);
    PlainRedis redis(servers.single());
    const auto keys_in = [&](const std::string& database) {
        redis.ask({"SELECT", database});
        return redis.ask({"KEYS", "{" + config.redis_key_prefix + ":*"}).size();
    };
    EXPECT_EQ(keys_in("0"), 0U);
    EXPECT_EQ(keys_in("3"), 4U);
    config.redis_url.clear();
    config.redis_host = servers.socket().string();
    expect_works(config);
    EXPECT_EQ(keys_in("0"), 4U);
    config.redis_host.clear();
    config.redis_url = named("redis://127.0.0.1:", servers.single()) + "/5";
    expect_works(config);
    EXPECT_EQ(keys_in("5"), 4U);
    config.redis_url = "redis://" + percent_encode(servers.socket().string()) + "/6";
    expect_works(config);
    EXPECT_EQ(keys_in("6"), 4U);
}

TEST(RedisConnection, SettingsThatCannotWorkAreRefused)
{
    const auto refused = [](const auto& change) {
        CacheConfig config = RedisServers::get().single_config();
        change(config);
        EXPECT_STORAGE_ERROR(RedisConversationCache(config), invalid_argument);
    };
    refused([](CacheConfig& config) { config.redis_host.clear(); });
    refused([](CacheConfig& config) { config.redis_url = "http://localhost"; });
    refused([](CacheConfig& config) { config.redis_url = "redis://localhost/x"; });
    refused([](CacheConfig& config) { config.redis_url = "redis://localhost?timeout=3"; });
    refused([](CacheConfig& config) { config.redis_url = "redis://h1,h2"; });
    refused([](CacheConfig& config) { config.redis_db = -1; });
    refused([](CacheConfig& config) { config.redis_key_prefix = "a{b"; });
    refused([](CacheConfig& config) { config.redis_key_prefix.clear(); });
    refused([](CacheConfig& config) { config.redis_patience_seconds = 0; });
    refused([](CacheConfig& config) { config.tls.cert_file = "client.pem"; });
    refused([](CacheConfig& config) { config.max_messages = 0; });
    CacheConfig config = RedisServers::get().cluster_config();
    config.redis_db = 1;
    EXPECT_STORAGE_ERROR(RedisClusterConversationCache(config), invalid_argument);
}

TEST(RedisConnection, ANodeOfAClusterIsNotTakenForAServer)
{
    CacheConfig config = RedisServers::get().single_config();
    config.redis_port = RedisServers::get().cluster().front();
    const auto cache = open_cache(config);
    std::optional<StorageError> error;
    for (int channel = 0; channel < 20 && !error; ++channel) {
        try {
            run(cache->add_message(named("c", channel), test_message(1)));
        } catch (const StorageError& refusal) {
            error = refusal;
        }
    }
    ASSERT_TRUE(error);
    EXPECT_EQ(error->errc(), StorageErrc::unsupported);
    EXPECT_NE(error->message().find("redis_cluster"), std::string::npos) << error->message();
}

// ---- while it is away

TEST(RedisConnection, WhileItIsAwayCallsFailAtOnceAndAfterwardsTheyWork)
{
    ChaosProxy proxy(RedisServers::get().single());
    CacheConfig config = RedisServers::get().single_config();
    config.redis_port = proxy.port();
    const auto cache = open_cache(config);
    run(cache->add_message("c1", test_message(1)));
    proxy.set_rule(ChaosRule{.refuse = true});
    proxy.cut_all();
    ASSERT_TRUE(eventually([&] { return cache->health().state == RedisCacheHealth::State::away; }));
    EXPECT_FALSE(cache->health().reason.empty());
    const auto begun = Clock::now();
    for (int i = 0; i < 100; ++i) {
        const StorageError error = error_of([&] { run(cache->add_message("c1", test_message(2))); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable);
        EXPECT_TRUE(error.retryable());
        EXPECT_EQ(error.outcome(), Outcome::not_applied);
    }
    EXPECT_LT(Clock::now() - begun, Milliseconds(1'000));
    EXPECT_STORAGE_ERROR(ids_in(*cache, "c1"), unavailable);
    EXPECT_STORAGE_ERROR(run(cache->get_cache_stats()), unavailable);
    proxy.clear();
    EXPECT_TRUE(eventually([&] { return cache->health().state == RedisCacheHealth::State::up; }));
    EXPECT_EQ(ids_in(*cache, "c1"), Ids{1});
}

TEST(RedisConnection, BytesAreCountedOverAllConnections)
{
    ChaosProxy proxy(RedisServers::get().single());
    CacheConfig config = RedisServers::get().single_config();
    config.redis_port = proxy.port();
    const auto cache = open_cache(config);
    const auto counted = [&](std::string_view bytes) {
        const json::object details = cache->get_details();
        return details.at("nodes").as_array().at(0).as_object().at(bytes).to_number<std::uint64_t>();
    };
    // The proxy knows those of the newest connection.
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    const auto all_counted = [&] {
        return counted("sent_bytes") == sent + proxy.request_bytes() &&
               counted("received_bytes") == received + proxy.answer_bytes();
    };
    run(cache->add_message("c1", test_message(1)));
    EXPECT_TRUE(eventually(all_counted)) << counted("sent_bytes") << " of " << proxy.request_bytes();
    sent = proxy.request_bytes();
    received = proxy.answer_bytes();
    EXPECT_GT(sent, test_message(1).content.size());
    proxy.cut_all();
    ASSERT_TRUE(eventually([&] { return cache->health().nodes.at(0).connections == 2; }));
    run(cache->add_message("c1", test_message(2)));
    EXPECT_TRUE(eventually(all_counted)) << counted("sent_bytes") << " of " << sent + proxy.request_bytes();
    EXPECT_EQ(cache->get_details().at("nodes").as_array().at(0).at("connections").to_number<int>(), 1);
}

TEST(RedisConnection, NobodyThereIsUnavailable)
{
    CacheConfig config = RedisServers::get().single_config();
    config.redis_port = 1;
    const StorageError error = failure_to_open(config);
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_NE(error.message().find("127.0.0.1:1"), std::string::npos) << error.message();
}

TEST(RedisConnection, ABlackHoleIsNoticed)
{
    ChaosProxy proxy(RedisServers::get().single());
    CacheConfig config = RedisServers::get().single_config();
    config.redis_port = proxy.port();
    config.redis_health_interval_seconds = 0.2;
    config.redis_connect_timeout_seconds = 0.3;
    const auto cache = open_cache(config);
    run(cache->add_message("c1", test_message(1)));
    proxy.set_rule(ChaosRule{.cut_answer_at = 0, .cut = ChaosRule::Cut::black_hole});
    const OperationContext hasty = OperationContext::within(Milliseconds(50));
    EXPECT_STORAGE_ERROR(run(cache->get_conversation_context("c1", 5, std::nullopt, hasty)), timeout);
    const StorageError error = error_of([&] { run(cache->add_message("c1", test_message(2))); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable) << error.what();
    EXPECT_EQ(error.outcome(), Outcome::unknown) << "it was sent";
    proxy.clear();
    proxy.cut_all();
    EXPECT_TRUE(eventually([&] { return cache->health().state == RedisCacheHealth::State::up; }));
    EXPECT_EQ(ids_in(*cache, "c1").front(), 1);
}

TEST(RedisConnection, CancellationEndsACallAtOnce)
{
    ChaosProxy proxy(RedisServers::get().single());
    CacheConfig config = RedisServers::get().single_config();
    config.redis_port = proxy.port();
    const auto cache = open_cache(config);
    proxy.set_rule(ChaosRule{.delay = Milliseconds(2'000)});
    auto strand = asio::make_strand(pool().get_executor());
    asio::cancellation_signal signal;
    auto reading = asio::co_spawn(strand, cache->get_conversation_context("c1"),
                                  asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    const auto begun = Clock::now();
    asio::post(strand, [&] { signal.emit(asio::cancellation_type::terminal); });
    EXPECT_STORAGE_ERROR(wait(std::move(reading)), cancelled);
    EXPECT_LT(Clock::now() - begun, Milliseconds(1'000));
    proxy.clear();
    EXPECT_EQ(ids_in(*cache, "c1"), Ids()) << "the connection goes on with its answers in order";
}

// The connection breaks after each byte in turn of what the server answers.
TEST(RedisConnection, ABreakAtEveryAnswerLosesNothing)
{
    ChaosProxy proxy(RedisServers::get().single());
    CacheConfig config = RedisServers::get().single_config();
    config.redis_port = proxy.port();
    config.max_messages = 10'000;
    const auto cache = open_cache(config);
    run(cache->add_message("c1", test_message(1)));
    const std::uint64_t greeting = proxy.answer_bytes();
    Ids expected{1};
    std::int64_t id = 1;
    const int cuts = rounds(40, 400);
    for (int cut = 0; cut < cuts; ++cut) {
        ASSERT_TRUE(eventually([&] { return cache->health().state == RedisCacheHealth::State::up; }));
        // Of this connection the greeting is over: so many bytes more, and the next one is whole again.
        proxy.set_rule(ChaosRule{.cut_answer_at = greeting + static_cast<std::uint64_t>(cut), .connections = 1});
        proxy.cut_all();
        for (int i = 0; i < 6; ++i) {
            ++id;
            run(cache->add_message("c1", test_message(id))); // sent again unseen
            expected.push_back(id);
            EXPECT_EQ(ids_in(*cache, "c1", 3),
                      Ids(expected.end() - std::min<std::ptrdiff_t>(3, std::ssize(expected)), expected.end()));
        }
        try {
            EXPECT_TRUE(run(cache->remove_message("c1", id)));
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::outcome_unknown) << error.what();
        }
        // Either way it is gone now, or it can be removed.
        run(cache->remove_message("c1", id));
        expected.pop_back();
        proxy.clear();
    }
    EXPECT_EQ(ids_in(*cache, "c1", 100'000), expected);
    EXPECT_EQ(run(cache->get_cache_stats()).total_cached_messages, expected.size());
    EXPECT_GT(cache->health().nodes.at(0).connections, static_cast<std::uint64_t>(cuts));
}

TEST(RedisConnection, AServerThatReadsItsDataIsWaitedFor)
{
    const OwnRedisServers own({"--single"});
    CacheConfig config = own.servers().single_config();
    const auto cache = open_cache(config);
    run(cache->add_message("c1", test_message(1)));
    PlainRedis redis(own.servers().single());
    for (int key = 0; key < 300; ++key)
        redis.ask({"SET", named("key", key), std::string(10'000, 'x')});
    redis.ask({"CONFIG", "SET", "key-load-delay", "3000"});
    redis.ask({"CONFIG", "SET", "loading-process-events-interval-bytes", "1024"});
    auto reload = std::async(std::launch::async, [&] { redis.ask({"DEBUG", "RELOAD"}); });
    PlainRedis other(own.servers().single());
    ASSERT_TRUE(
        eventually([&] { return other.value({"INFO", "persistence"}).find("loading:1") != std::string::npos; }));
    const auto begun = Clock::now();
    EXPECT_EQ(ids_in(*cache, "c1"), Ids{1});
    EXPECT_GT(Clock::now() - begun, Milliseconds(20)) << "the server was not loading";
    reload.get();
    EXPECT_NE(other.value({"INFO", "errorstats"}).find("errorstat_LOADING"), std::string::npos);
}

} // namespace
} // namespace whisperstore::test
