#include "cache/redis/channel_keys.hpp"

#include "protocol/redis/slot_map.hpp"

namespace whisperstore::redis {

ChannelKeys::ChannelKeys(const std::string& prefix)
{
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        tags_[bucket].append("{").append(prefix).append(":").append(std::to_string(bucket)).append("}");
        slots_[bucket] = key_slot(tags_[bucket]);
    }
}

std::size_t ChannelKeys::bucket_of(std::string_view channel_id) noexcept
{
    std::uint64_t hash = 14695981039346656037U;
    for (const char character : channel_id)
        hash = (hash ^ static_cast<unsigned char>(character)) * 1099511628211U;
    return hash % buckets;
}

std::string ChannelKeys::channel(std::string_view channel_id) const
{
    std::string key = tag(bucket_of(channel_id));
    key.append("c").append(channel_id);
    return key;
}

std::string_view ChannelKeys::channel_of(std::string_view key) noexcept
{
    const std::size_t end = key.find("}c");
    return end == std::string_view::npos ? std::string_view() : key.substr(end + 2);
}

} // namespace whisperstore::redis
