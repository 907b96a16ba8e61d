#include "cache/message_json.hpp"

#include <whisperstore/core/error.hpp>

#include <utility>

namespace whisperstore {

namespace {

constexpr std::int64_t newest_version = 1;

} // namespace

std::string encode_message(const UniversalMessage& message)
{
    json::object object;
    object["v"] = newest_version;
    for (auto& item : to_json(message))
        if (item.key() != "channel_id")
            object[item.key()] = std::move(item.value());
    return json::serialize(object);
}

CachedMessage decode_message(const std::string& channel_id, std::string_view value)
{
    json::object object;
    try {
        object = parse_json_object(value, "a stored message");
        // Version 0 had no "v" and the channel's id.
        const json::value* version = object.if_contains("v");
        if (version && (!version->is_int64() || version->get_int64() > newest_version))
            throw StorageError(StorageErrc::version_mismatch,
                               "a message of channel '" + channel_id + "' is stored as version " +
                                   json::serialize(*version) +
                                   "; a newer whisperstore wrote it: upgrade this one, or clear the channel");
        object["channel_id"] = channel_id;
        return std::make_shared<const UniversalMessage>(message_from_json(object));
    } catch (const StorageError& error) {
        if (error.errc() == StorageErrc::version_mismatch)
            throw;
        throw StorageError(StorageErrc::corrupt,
                           "a message of channel '" + channel_id + "' is damaged: " + error.message());
    }
}

} // namespace whisperstore
