#pragma once
// The level in this process in front of Redis.

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace whisperstore::redis {

/// Whole channels as Redis has them, the least recently used go first. A place is opened in the moment Redis answers,
/// and filled when the answer has been read: what is invalidated in between is never filled in. Thread safe.
class LocalLevel
{
public:
    using Messages = std::vector<CachedMessage>;
    using Clock = std::chrono::steady_clock;

    explicit LocalLevel(std::size_t most_channels);

    /// The newest `limit` without `exclude`, oldest first.
    std::optional<Messages> find(const std::string& channel, std::size_t limit, std::optional<std::int64_t> exclude);

    /// Returns the number of the place.
    std::uint64_t open(const std::string& channel, Clock::time_point expires);
    void fill(const std::string& channel, std::uint64_t number, Messages messages);
    void drop(std::string_view channel);
    void drop_all();

    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

private:
    struct Entry
    {
        std::uint64_t number = 0;
        Clock::time_point expires{};
        std::shared_ptr<const Messages> messages = nullptr; ///< null: not filled yet
        std::list<const std::string*>::iterator use{};
    };
    struct Hash
    {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
    };
    struct alignas(64) Shard
    {
        std::mutex mutex;
        std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries;
        std::list<const std::string*> uses; ///< latest first
    };
    static constexpr std::size_t shard_count = 16;

    Shard& shard_of(std::string_view channel) { return shards_[Hash()(channel) % shard_count]; }
    void erase(Shard& shard, std::unordered_map<std::string, Entry, Hash, std::equal_to<>>::iterator entry);

    const std::size_t most_per_shard_;
    std::array<Shard, shard_count> shards_;
    std::atomic<std::uint64_t> numbers_{0};
    std::atomic<std::size_t> size_{0};
};

} // namespace whisperstore::redis
