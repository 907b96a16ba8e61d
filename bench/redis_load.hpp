#pragma once
// The same work for the caches on Redis and for those they are measured against.

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace whisperstore::bench {

/// 200 channels, messages of about 250 bytes.
namespace redis_load {

constexpr std::size_t channels = 200;
constexpr std::int64_t context_size = 15;
constexpr std::size_t kept_messages = 50;

std::string channel(std::size_t number);
UniversalMessage message(std::int64_t number);

/// Each channel full.
void fill(ConversationCacheManager& cache);
/// So many operations by `in_flight` coroutines of the calling thread.
void add(ConversationCacheManager& cache, std::size_t in_flight, std::size_t count);
void get(ConversationCacheManager& cache, std::size_t in_flight, std::size_t count);

} // namespace redis_load

} // namespace whisperstore::bench
