#pragma once
// Backup and restore of what the cache in memory holds.

#include "cache/channel_store.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace whisperstore {

/// As ConversationCacheManager::backup_cache(). `backend` is named by errors.
awaitable<std::uint64_t> backup_channels(std::shared_ptr<ChannelStore> store, std::filesystem::path file,
                                         std::string backend, OperationContext context);
/// As ConversationCacheManager::restore_cache().
awaitable<std::uint64_t> restore_channels(std::shared_ptr<ChannelStore> store, std::filesystem::path file,
                                          std::string backend, OperationContext context);

} // namespace whisperstore
