// Slots, maps of a cluster and errors, without a server.
#include "protocol/redis/reply.hpp"
#include "protocol/redis/server_error.hpp"
#include "protocol/redis/slot_map.hpp"
#include "support/run.hpp"

#include <initializer_list>
#include <string>

namespace whisperstore::redis {
namespace {

Reply text(std::string value)
{
    Reply reply;
    reply.kind = Reply::Kind::text;
    reply.text = std::move(value);
    return reply;
}

Reply number(std::int64_t value)
{
    Reply reply;
    reply.kind = Reply::Kind::integer;
    reply.integer = value;
    return reply;
}

Reply list(std::vector<Reply> items)
{
    Reply reply;
    reply.kind = Reply::Kind::list;
    reply.items = std::move(items);
    return reply;
}

Reply node(const std::string& role, const std::string& ip, std::int64_t port, const std::string& health = "online")
{
    return list({text("id"), text("abc"), text("port"), number(port), text("tls-port"), number(port + 1), text("ip"),
                 text(ip), text("endpoint"), text(ip), text("role"), text(role), text("health"), text(health)});
}

Reply shard(std::vector<Reply> slots, std::vector<Reply> nodes)
{
    return list({text("slots"), list(std::move(slots)), text("nodes"), list(std::move(nodes))});
}

TEST(RedisSlots, AreThoseOfTheSpecification)
{
    EXPECT_EQ(key_slot("123456789"), 0x31c3);
    EXPECT_EQ(key_slot("foo"), 12182);
    EXPECT_EQ(key_slot("{user1000}.following"), key_slot("user1000"));
    EXPECT_EQ(key_slot("{user1000}.following"), key_slot("{user1000}.followers"));
    EXPECT_NE(key_slot("foo{}{bar}"), key_slot("bar")) << "an empty tag is none";
    EXPECT_EQ(key_slot("foo{{bar}}zap"), key_slot("{bar"));
    EXPECT_EQ(key_slot("foo{bar}{zap}"), key_slot("bar"));
    EXPECT_EQ(key_slot(""), 0);
}

TEST(RedisSlotMap, OfShards)
{
    const Reply reply = list({
        shard({number(0), number(99), number(200), number(200)},
              {node("replica", "10.0.0.2", 7001), node("master", "10.0.0.1", 7000)}),
        shard({number(100), number(199)}, {node("master", "10.0.0.3", 7000, "fail"), node("master", "", 7002)}),
        shard({}, {node("master", "10.0.0.9", 7000)}),
    });
    SlotMap map = SlotMap::of_shards(reply, "asked", false);
    EXPECT_EQ(map.covered(), 201U);
    EXPECT_EQ(map.owner(0)->master, "10.0.0.1:7000");
    EXPECT_EQ(map.owner(200)->master, "10.0.0.1:7000");
    EXPECT_EQ(map.owner(200)->replicas, std::vector<std::string>{"10.0.0.2:7001"});
    EXPECT_EQ(map.owner(150)->master, "asked:7002") << "the failed master is the old one; no address: the asked one's";
    EXPECT_EQ(map.owner(201), nullptr);
    EXPECT_EQ(map.masters(), (std::vector<std::string>{"10.0.0.1:7000", "asked:7002"}));
    EXPECT_EQ(map.nodes().size(), 3U);
    EXPECT_EQ(SlotMap::of_shards(reply, "asked", true).owner(0)->master, "10.0.0.1:7001");
    map.move(150, "10.0.0.1:7000");
    EXPECT_EQ(map.owner(150)->master, "10.0.0.1:7000");
    map.move(300, "new:1");
    EXPECT_EQ(map.owner(300)->master, "new:1");
    EXPECT_EQ(map.owner(151)->master, "asked:7002");
}

TEST(RedisSlotMap, OfSlots)
{
    const Reply reply = list({
        list({number(0), number(8191), list({text("10.0.0.1"), number(7000), text("a")}),
              list({text("10.0.0.2"), number(7001), text("b")})}),
        list({number(8192), number(16383), list({text(""), number(7002), text("c")})}),
    });
    const SlotMap map = SlotMap::of_slots(reply, "::1");
    EXPECT_EQ(map.covered(), slot_count);
    EXPECT_EQ(map.owner(8191)->master, "10.0.0.1:7000");
    EXPECT_EQ(map.owner(8191)->replicas, std::vector<std::string>{"10.0.0.2:7001"});
    EXPECT_EQ(map.owner(16383)->master, "[::1]:7002");
}

TEST(RedisSlotMap, WhatMakesNoSenseIsRefused)
{
    using test::error_of;
    EXPECT_STORAGE_ERROR(SlotMap::of_shards(text("x"), "h", false), corrupt);
    EXPECT_STORAGE_ERROR(SlotMap::of_shards(list({list({})}), "h", false), corrupt);
    EXPECT_STORAGE_ERROR(
        SlotMap::of_shards(list({shard({number(5), number(16384)}, {node("master", "h", 1)})}), "h", false), corrupt);
    EXPECT_STORAGE_ERROR(
        SlotMap::of_shards(list({shard({number(5), number(4)}, {node("master", "h", 1)})}), "h", false), corrupt);
    EXPECT_STORAGE_ERROR(
        SlotMap::of_shards(list({shard({number(5), number(6)}, {node("master", "h", 0)})}), "h", false), corrupt);
    EXPECT_STORAGE_ERROR(SlotMap::of_slots(list({list({number(1), number(2)})}), "h"), corrupt);
    EXPECT_STORAGE_ERROR(SlotMap::of_slots(number(1), "h"), corrupt);
}

TEST(RedisErrors, SayWhatIsToBeDone)
{
    const ServerError moved = ServerError::parse("MOVED 3999 127.0.0.1:6381");
    EXPECT_EQ(moved.remedy, Remedy::moved);
    EXPECT_EQ(moved.slot, 3999);
    EXPECT_EQ(moved.node, "127.0.0.1:6381");
    EXPECT_EQ(ServerError::parse("ASK 3999 :6381").remedy, Remedy::ask);
    EXPECT_EQ(ServerError::parse("ASK 3999 :6381").node, ":6381");
    EXPECT_EQ(ServerError::parse("MOVED 3999").remedy, Remedy::look_again);
    EXPECT_EQ(ServerError::parse("MOVED 16384 h:1").remedy, Remedy::look_again);
    EXPECT_EQ(ServerError::parse("MOVED x h").remedy, Remedy::look_again);
    EXPECT_EQ(ServerError::parse("TRYAGAIN Multiple keys request during rehashing of slot").remedy, Remedy::wait);
    EXPECT_EQ(ServerError::parse("LOADING Redis is loading the dataset in memory").remedy, Remedy::wait);
    EXPECT_EQ(ServerError::parse("CLUSTERDOWN Hash slot not served").remedy, Remedy::look_again);
    EXPECT_EQ(ServerError::parse("READONLY You can't write against a read only replica.").remedy, Remedy::look_again);
    EXPECT_EQ(ServerError::parse("NOSCRIPT No matching script.").remedy, Remedy::send_script);
    EXPECT_EQ(ServerError::parse("").remedy, Remedy::none);
}

TEST(RedisErrors, AreStorageErrors)
{
    const auto error_for = [](std::string_view message) {
        return to_storage_error(ServerError::parse(message), message);
    };
    EXPECT_EQ(error_for("OOM command not allowed when used memory > 'maxmemory'.").errc(),
              StorageErrc::resource_exhausted);
    EXPECT_EQ(error_for("OOM x").native_code(), "OOM");
    EXPECT_EQ(error_for("NOPERM this user has no permissions").errc(), StorageErrc::permission);
    EXPECT_EQ(error_for("WRONGPASS invalid username-password pair").errc(), StorageErrc::authentication);
    EXPECT_EQ(error_for("WRONGTYPE Operation against a key").errc(), StorageErrc::corrupt);
    EXPECT_EQ(error_for("VERSION the channel is stored in version 2").errc(), StorageErrc::version_mismatch);
    EXPECT_EQ(error_for("ERR unknown command 'X'").errc(), StorageErrc::unsupported);
    EXPECT_TRUE(error_for("LOADING Redis is loading").retryable());
    EXPECT_FALSE(error_for("OOM x").retryable());
    EXPECT_EQ(error_for("NOTREPLICATED 0 of 1").outcome(), Outcome::applied);
}

TEST(RedisReplies, AreBuiltFromTheirPieces)
{
    ReplyBuilder builder;
    builder.add_list(0);
    builder.add(1, number(1));
    builder.add_list(1);
    builder.add(2, text("a"));
    builder.add_list(2);
    builder.add(3, text("b"));
    builder.add(1, text("c"));
    Reply reply = builder.take();
    ASSERT_EQ(reply.items.size(), 3U);
    EXPECT_EQ(reply.items[0].integer, 1);
    ASSERT_EQ(reply.items[1].items.size(), 2U);
    EXPECT_EQ(reply.items[1].items[0].text, "a");
    EXPECT_EQ(reply.items[1].items[1].items.at(0).text, "b");
    EXPECT_EQ(reply.items[2].text, "c");
    builder.add(0, text("12"));
    reply = builder.take();
    EXPECT_EQ(reply.number(), 12);
    EXPECT_STORAGE_ERROR(text("12x").number(), corrupt);
    EXPECT_STORAGE_ERROR(list({}).number(), corrupt);
    EXPECT_EQ(list({text("k"), number(3)}).find("k")->integer, 3);
    EXPECT_EQ(list({text("k"), number(3)}).find("x"), nullptr);
}

} // namespace
} // namespace whisperstore::redis
