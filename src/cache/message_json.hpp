#pragma once
// Messages as caches store them outside this process: versioned JSON.

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <string>
#include <string_view>

namespace whisperstore {

/// `{"v":1,"message_id":"…",…}` without the channel's id, which stands beside it.
std::string encode_message(const UniversalMessage& message);
/// \throws StorageError version_mismatch for a later version, corrupt for what is no message.
CachedMessage decode_message(const std::string& channel_id, std::string_view value);

} // namespace whisperstore
