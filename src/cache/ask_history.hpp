#pragma once
// One question to the application's history source.

#include "cache/cached_messages.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore {

/// The newest `limit` messages of the channel, checked. Whatever the source throws, or gives that is no message of the
/// channel, is a StorageError that names the channel.
awaitable<std::vector<CachedMessage>> ask_history(std::string channel_id, std::size_t limit,
                                                  std::shared_ptr<const HistorySource> history,
                                                  OperationContext context);

} // namespace whisperstore
