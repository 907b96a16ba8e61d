#include "cache/redis/message_codec.hpp"

#include "cache/message_json.hpp"

#include <whisperstore/core/error.hpp>

#include <charconv>
#include <functional>
#include <utility>

namespace whisperstore::redis {

namespace {

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
