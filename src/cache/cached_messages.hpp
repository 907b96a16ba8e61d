#pragma once
// What is checked before a message or a channel id enters a cache, the same for every backend.

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace whisperstore {

/// Throws StorageError invalid_argument: empty, not UTF-8, or with a NUL.
void check_channel_id(const std::string& channel_id);

/// The message as the cache keeps it, its channel_id filled in. Throws StorageError invalid_argument
/// naming the field, also for a message of another channel.
CachedMessage cached_message(const std::string& channel_id, UniversalMessage message);

/// What a history source answered with: its newest `limit` messages, each checked as above. Throws
/// StorageError corrupt naming the message.
std::vector<CachedMessage> cached_history(const std::string& channel_id, std::vector<UniversalMessage> messages,
                                          std::size_t limit);

} // namespace whisperstore
