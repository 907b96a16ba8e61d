#pragma once
// Writers and readers of a cluster that is being broken, and what they saw.

#include "integration/redis/redis_fixture.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace whisperstore::test {

/// Each writer adds messages with growing ids to a channel of its own, removes some of them, and reads.
class ClusterLoad
{
public:
    struct Seen
    {
        std::uint64_t acknowledged = 0;
        std::uint64_t failures = 0;
        std::uint64_t wrong_answers = 0;
        std::chrono::milliseconds longest_gap{0}; ///< between two acknowledgements of a writer
        std::vector<std::string> errors = {};     ///< the first few
    };

    ClusterLoad(std::shared_ptr<ConversationCacheManager> cache, int writers) : cache_(std::move(cache))
    {
        for (int number = 0; number < writers; ++number) {
            std::string channel = "load-";
            channel += std::to_string(number);
            acknowledged_[channel];
            writers_.push_back(start(write(this, channel)));
        }
    }
    ~ClusterLoad() { stop(); }
    ClusterLoad(const ClusterLoad&) = delete;
    ClusterLoad& operator=(const ClusterLoad&) = delete;

    void stop()
    {
        over_ = true;
        for (auto& writer : writers_)
            if (writer.valid())
                wait(std::move(writer));
    }
    Seen seen() const
    {
        const std::lock_guard lock(mutex_);
        return seen_;
    }
    std::uint64_t acknowledged() const { return seen().acknowledged; }
    /// Messages from now on are counted anew.
    void forget_gap()
    {
        const std::lock_guard lock(mutex_);
        seen_.longest_gap = std::chrono::milliseconds(0);
    }

    /// After stop(): acknowledged messages that are not there, and removed ones that are.
    std::pair<std::uint64_t, std::uint64_t> compare() const
    {
        std::uint64_t lost = 0;
        std::uint64_t revived = 0;
        for (const auto& [channel, expected] : acknowledged_) {
            const Ids there = ids_in(*cache_, channel, 1'000'000);
            const std::set<std::int64_t> found(there.begin(), there.end());
            for (const auto& [id, present] : expected) {
                lost += present && !found.contains(id) ? 1 : 0;
                revived += !present && found.contains(id) ? 1 : 0;
            }
        }
        return {lost, revived};
    }

private:
    static awaitable<void> write(ClusterLoad* self, std::string channel)
    {
        auto last = std::chrono::steady_clock::now();
        asio::steady_timer timer(co_await asio::this_coro::executor);
        std::map<std::int64_t, bool>& mine = self->acknowledged_.at(channel);
        for (std::int64_t id = 1; !self->over_; ++id) {
            std::string error;
            const std::int64_t gone = id % 10 == 0 ? id - 5 : 0;
            bool added = false;
            bool removed = false;
            try {
                co_await self->cache_->add_message(channel, test_message(id));
                added = true;
                if (gone != 0) {
                    mine.erase(gone); // until the answer nobody knows
                    co_await self->cache_->remove_message(channel, gone);
                    removed = true;
                }
                const auto messages = co_await self->cache_->get_conversation_context(channel, 5);
                const Ids ids = ids_of(messages);
                if (!std::is_sorted(ids.begin(), ids.end()) || ids.empty() || ids.back() > id)
                    self->wrong("the newest messages are not in their order");
            } catch (const StorageError& failure) {
                error = failure.what();
            }
            const auto now = std::chrono::steady_clock::now();
            if (added)
                mine[id] = true;
            if (removed)
                mine[gone] = false;
            self->count(error, added, now - last);
            last = now;
            timer.expires_after(std::chrono::milliseconds(1));
            co_await timer.async_wait(asio::use_awaitable);
        }
    }
    void wrong(const std::string& what)
    {
        const std::lock_guard lock(mutex_);
        ++seen_.wrong_answers;
        seen_.errors.push_back(what);
    }
    void count(const std::string& error, bool added, std::chrono::steady_clock::duration gap)
    {
        const std::lock_guard lock(mutex_);
        seen_.acknowledged += added ? 1 : 0;
        seen_.longest_gap = std::max(seen_.longest_gap, std::chrono::duration_cast<std::chrono::milliseconds>(gap));
        if (error.empty())
            return;
        ++seen_.failures;
        if (seen_.errors.size() < 10)
            seen_.errors.push_back(error);
    }

    std::shared_ptr<ConversationCacheManager> cache_;
    std::atomic<bool> over_{false};
    std::map<std::string, std::map<std::int64_t, bool>> acknowledged_;
    std::vector<std::future<void>> writers_;
    mutable std::mutex mutex_;
    Seen seen_;
};

} // namespace whisperstore::test
