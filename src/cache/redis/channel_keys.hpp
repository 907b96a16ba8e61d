#pragma once
// Where a channel is in Redis.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace whisperstore::redis {

/// All keys of a bucket have its hash tag and so are in one slot: `{<prefix>:<bucket>}` and then `c<channel>` for a
/// channel, `r` for the registry of the bucket's channels, `e` for when they expire, `a` for when they were last used.
class ChannelKeys
{
public:
    static constexpr std::size_t buckets = 256;

    explicit ChannelKeys(const std::string& prefix);

    /// FNV-1a (64 bits) of the channel's id, its lowest byte.
    static std::size_t bucket_of(std::string_view channel_id) noexcept;
    const std::string& tag(std::size_t bucket) const { return tags_.at(bucket); }
    std::uint16_t slot(std::size_t bucket) const { return slots_.at(bucket); }

    std::string channel(std::string_view channel_id) const;
    /// The channel of a key, empty if it is none's.
    static std::string_view channel_of(std::string_view key) noexcept;

private:
    std::array<std::string, buckets> tags_;
    std::array<std::uint16_t, buckets> slots_{};
};

} // namespace whisperstore::redis
