#include "cache/cached_messages.hpp"

#include "core/text.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace whisperstore {

void check_channel_id(const std::string& channel_id)
{
    if (channel_id.empty())
        throw StorageError(StorageErrc::invalid_argument, "the channel id is empty; allowed is any non-empty text");
    text::check(channel_id, "the channel id");
}

CachedMessage cached_message(const std::string& channel_id, UniversalMessage message)
{
    if (message.channel_id.empty())
        message.channel_id = channel_id;
    else if (message.channel_id != channel_id)
        throw StorageError(StorageErrc::invalid_argument,
                           "message " + std::to_string(message.message_id) + " is of channel '" + message.channel_id +
                               "', not of channel '" + channel_id + "'; leave its channel_id empty or make them equal");
    check_message(message);
    return std::make_shared<const UniversalMessage>(std::move(message));
}

std::vector<CachedMessage> cached_history(const std::string& channel_id, std::vector<UniversalMessage> messages,
                                          std::size_t limit)
{
    std::vector<CachedMessage> history;
    history.reserve(messages.size());
    for (UniversalMessage& message : messages) {
        const std::int64_t id = message.message_id;
        try {
            history.push_back(cached_message(channel_id, std::move(message)));
        } catch (const StorageError& error) {
            throw StorageError(StorageErrc::corrupt,
                               "message " + std::to_string(id) + " is not valid: " + error.message());
        }
    }
    if (history.size() <= limit)
        return history;
    const auto newest_first = [](const CachedMessage& a, const CachedMessage& b) {
        return std::tie(a->timestamp, a->message_id) > std::tie(b->timestamp, b->message_id);
    };
    const auto end = history.begin() + static_cast<std::ptrdiff_t>(limit);
    std::nth_element(history.begin(), end, history.end(), newest_first);
    history.erase(end, history.end());
    return history;
}

} // namespace whisperstore
