#pragma once
// Numbers and messages as they are stored in Redis.

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace whisperstore::redis {

/// 16 hexadecimal digits that sort as text as the numbers do.
std::string sortable(std::int64_t value);
/// Reads sortable(). \throws StorageError corrupt
std::int64_t from_sortable(std::string_view digits);
std::string sortable(Timestamp time);

/// Decodes, and remembers some of it: a conversation's messages are read again with each turn. Thread safe.
class MessageDecoder
{
public:
    CachedMessage decode(const std::string& channel_id, std::string value);

private:
    struct Known
    {
        std::string value;
        CachedMessage message;
    };
    /// Values that fall into one of these push each other out only when there are more than fit.
    struct Set
    {
        std::array<Known, 4> known;
        std::size_t oldest = 0;
    };
    static constexpr std::size_t sets = 2048;
    static constexpr std::size_t locks = 64;

    std::array<Set, sets> sets_;
    std::array<std::mutex, locks> mutexes_;
};

} // namespace whisperstore::redis
