#pragma once

#include "core/job.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace whisperstore::test {

/// A message of channel c1 whose time grows with its id.
UniversalMessage test_message(std::int64_t id);
/// The same at another time.
UniversalMessage test_message(std::int64_t id, std::int64_t second);
std::vector<std::int64_t> ids_of(const std::vector<CachedMessage>& messages);
/// first, first + 1, … last.
std::vector<std::int64_t> range(std::int64_t first, std::int64_t last);

/// The lasting messages of a test, the same for every channel, and what was asked of them. Thread safe.
class TestHistory : public std::enable_shared_from_this<TestHistory>
{
public:
    HistorySource source();

    void put(const UniversalMessage& message);
    void put_range(std::int64_t first, std::int64_t last);
    void erase(std::int64_t id);

    /// Reads from now on take their messages, but wait with them.
    void hold();
    void release();
    /// Reads that wait.
    std::size_t held() const;

    /// What each read does when it has its messages; may throw.
    void set_hook(std::function<void(std::vector<UniversalMessage>&)> hook);

    int calls() const noexcept { return calls_; }
    int cancelled() const noexcept { return cancelled_; }
    int most_at_once() const noexcept { return most_at_once_; }
    std::size_t last_limit() const noexcept { return last_limit_; }
    OperationContext last_context() const;

private:
    static awaitable<std::vector<UniversalMessage>> read(std::shared_ptr<TestHistory> self, std::string channel_id,
                                                         std::size_t limit, OperationContext context);
    std::vector<UniversalMessage> newest(std::size_t limit) const;
    awaitable<void> pass();

    mutable std::mutex mutex_;
    std::map<std::int64_t, UniversalMessage> messages_;
    std::function<void(std::vector<UniversalMessage>&)> hook_;
    bool holding_ = false;
    std::vector<std::shared_ptr<Job>> held_;
    OperationContext last_context_;
    std::map<std::string, int> running_;
    std::atomic<int> calls_{0};
    std::atomic<int> cancelled_{0};
    std::atomic<int> most_at_once_{0};
    std::atomic<std::size_t> last_limit_{0};
};

} // namespace whisperstore::test
