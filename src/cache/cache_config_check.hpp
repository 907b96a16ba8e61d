#pragma once
// The checks of a CacheConfig that every cache backend makes.

#include <whisperstore/cache/cache_config.hpp>

namespace whisperstore {

/// Throws StorageError invalid_argument naming the setting, its value and what is allowed.
void check_cache_config(const CacheConfig& config);

} // namespace whisperstore
