#include <whisperstore/cache/conversation_cache_manager.hpp>

namespace whisperstore {

json::object CacheStats::to_json() const
{
    const auto count = [](std::uint64_t value) { return json_integer(static_cast<std::int64_t>(value)); };
    json::object out;
    out["hit_rate"] = hit_rate;
    out["hits"] = count(hits);
    out["misses"] = count(misses);
    out["cached_channels"] = count(cached_channels);
    out["total_cached_messages"] = count(total_cached_messages);
    out["memory_usage_mb"] = memory_usage_mb;
    return out;
}

} // namespace whisperstore
