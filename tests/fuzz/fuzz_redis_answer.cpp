// What Redis answers: errors, the map of a cluster (as JSON here, for the protocol's parser is Boost.Redis'), and the
// values in it.

#include "cache/message_json.hpp"
#include "cache/redis/message_codec.hpp"
#include "fuzz/fuzz_target.hpp"
#include "protocol/redis/node_name.hpp"
#include "protocol/redis/server_error.hpp"
#include "protocol/redis/slot_map.hpp"

#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/json.hpp>

namespace whisperstore::fuzz {

namespace {

redis::Reply reply_of(const json::value& value)
{
    redis::Reply reply;
    if (value.is_string()) {
        reply.kind = redis::Reply::Kind::text;
        reply.text = std::string(value.get_string());
    } else if (value.is_int64()) {
        reply.kind = redis::Reply::Kind::integer;
        reply.integer = value.get_int64();
    } else if (value.is_array()) {
        reply.kind = redis::Reply::Kind::list;
        for (const json::value& item : value.get_array())
            reply.items.push_back(reply_of(item));
    } else if (value.is_object()) {
        reply.kind = redis::Reply::Kind::list;
        for (const auto& [key, item] : value.get_object()) {
            reply.items.push_back(reply_of(json::value(key)));
            reply.items.push_back(reply_of(item));
        }
    }
    return reply;
}

void check_map(const redis::SlotMap& map)
{
    std::size_t owned = 0;
    for (std::size_t slot = 0; slot < redis::slot_count; ++slot)
        owned += map.owner(static_cast<std::uint16_t>(slot)) ? 1 : 0;
    require(owned == map.covered(), "the slots are counted right");
    for (const std::string& node : map.nodes())
        require(HostPort::parse(node).port.has_value(), "a node can be connected to");
    require(map.masters().size() <= map.nodes().size(), "masters are nodes");
}

void check_error(std::string_view text)
{
    const redis::ServerError error = redis::ServerError::parse(text);
    if (error.remedy == redis::Remedy::moved || error.remedy == redis::Remedy::ask) {
        require(error.slot >= 0 && error.slot < static_cast<int>(redis::slot_count), "a slot exists");
        const std::string node = error.node.starts_with(':') ? "host" + error.node : error.node;
        require(HostPort::parse(node).port.has_value(), "a node can be connected to");
    }
    require(!redis::to_storage_error(error, text).message().empty(), "an error says what is wrong");
    require(redis::key_slot(text) < redis::slot_count, "a key has a slot");
}

void check_value(std::string_view text)
{
    accepts([&] {
        const CachedMessage message = decode_message("c1", text);
        require(*decode_message("c1", encode_message(*message)) == *message, "a message comes back");
    });
    accepts([&] { require(redis::sortable(redis::from_sortable(text)).size() == 16, "a number has 16 digits"); });
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    const std::string_view text = fuzz::as_text(data, size);
    fuzz::check_error(text);
    fuzz::check_value(text);
    fuzz::accepts([&] {
        const redis::Reply reply = fuzz::reply_of(parse_json(text, "answer"));
        fuzz::accepts([&] { fuzz::check_map(redis::SlotMap::of_shards(reply, "asked", false)); });
        fuzz::accepts([&] { fuzz::check_map(redis::SlotMap::of_slots(reply, "asked")); });
    });
    return 0;
}
