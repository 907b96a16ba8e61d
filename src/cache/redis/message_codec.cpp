#include "cache/redis/message_codec.hpp"

#include <whisperstore/core/error.hpp>

#include <charconv>
#include <functional>
#include <utility>

namespace whisperstore::redis {

namespace {

constexpr std::int64_t newest_version = 1;
constexpr std::uint64_t sign = std::uint64_t(1) << 63U;
constexpr std::size_t longest_remembered = 4096; // larger ones would keep much memory

} // namespace

std::string sortable(std::int64_t value)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::uint64_t rest = static_cast<std::uint64_t>(value) ^ sign;
    std::string text(16, '0');
    for (std::size_t i = 16; i-- != 0; rest >>= 4U)
        text[i] = digits[rest & 15U];
    return text;
}

std::int64_t from_sortable(std::string_view digits)
{
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 16 || error != std::errc() || end != digits.data() + digits.size())
        throw StorageError(StorageErrc::corrupt, "the order of a channel in Redis is damaged; clear the channel");
    return static_cast<std::int64_t>(value ^ sign);
}

std::string sortable(Timestamp time) { return sortable(static_cast<std::int64_t>(time.time_since_epoch().count())); }

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
        throw StorageError(StorageErrc::corrupt, "a message of channel '" + channel_id +
                                                     "' in Redis is damaged; clear the channel: " + error.message());
    }
}

CachedMessage MessageDecoder::decode(const std::string& channel_id, std::string value)
{
    if (value.size() > longest_remembered)
        return decode_message(channel_id, value);
    const std::size_t place = std::hash<std::string>()(value) % sets;
    Set& set = sets_[place];
    std::mutex& mutex = mutexes_[place % locks];
    {
        const std::lock_guard lock(mutex);
        for (const Known& known : set.known)
            if (known.message && known.value == value && known.message->channel_id == channel_id)
                return known.message;
    }
    Known fresh;
    fresh.message = decode_message(channel_id, value);
    fresh.value = std::move(value);
    CachedMessage message = fresh.message;
    const std::lock_guard lock(mutex);
    std::swap(set.known[set.oldest], fresh);
    set.oldest = (set.oldest + 1) % set.known.size();
    return message;
}

} // namespace whisperstore::redis
