#include "cache/redis/degraded.hpp"

#include <whisperstore/core/error.hpp>

#include <iterator>
#include <set>
#include <string_view>
#include <utility>

namespace whisperstore::redis {

namespace {

constexpr std::size_t most_writes = 100'000;

} // namespace

Degraded::Degraded(const CacheConfig& config, bool enabled) : config_(config), enabled_(enabled) {}

void Degraded::set_history(HistorySource source)
{
    const std::lock_guard lock(mutex_);
    history_ = std::move(source);
    if (memory_)
        memory_->set_history_source(history_);
}

Degraded::Memory Degraded::memory() const
{
    if (!active())
        return nullptr;
    const std::lock_guard lock(mutex_);
    return memory_;
}

bool Degraded::enter(const std::string& reason)
{
    const std::lock_guard lock(mutex_);
    reason_ = reason;
    if (memory_)
        return false;
    // Another one each time: what it held when Redis was away before is old.
    memory_ = std::make_shared<HybridConversationCache>(config_);
    memory_->set_history_source(history_);
    active_.store(true, std::memory_order_release);
    ++times_;
    return true;
}

Degraded::Recorded Degraded::record(Write write, bool reachable)
{
    if (!active())
        return {};
    const std::lock_guard lock(mutex_);
    if (!memory_)
        return {};
    if (writes_.size() >= most_writes)
        throw StorageError(StorageErrc::resource_exhausted,
                           "Redis is away, and " + std::to_string(most_writes) +
                               " writes wait for it already; see to the server: " + reason_);
    const auto told = reachable ? std::make_shared<Event>() : nullptr;
    writes_.push_back({std::move(write), told});
    return {memory_, told};
}

std::vector<Degraded::Write> Degraded::first(std::size_t most) const
{
    std::vector<Write> writes;
    std::set<std::string_view> channels;
    const std::lock_guard lock(mutex_);
    for (const Pending& pending : writes_) {
        if (writes.size() == most || !channels.insert(pending.write.channel).second)
            break;
        writes.push_back(pending.write);
    }
    return writes;
}

void Degraded::told(const std::vector<bool>& which)
{
    std::vector<std::shared_ptr<Event>> events;
    {
        const std::lock_guard lock(mutex_);
        std::deque<Pending> untold;
        for (const bool one : which) {
            if (one)
                events.push_back(std::move(writes_.front().told));
            else
                untold.push_back(std::move(writes_.front()));
            writes_.pop_front();
        }
        writes_.insert(writes_.begin(), std::make_move_iterator(untold.begin()), std::make_move_iterator(untold.end()));
    }
    for (const auto& event : events)
        if (event)
            event->happen();
}

void Degraded::release()
{
    std::vector<std::shared_ptr<Event>> events;
    {
        const std::lock_guard lock(mutex_);
        for (Pending& pending : writes_)
            if (pending.told)
                events.push_back(std::exchange(pending.told, nullptr));
    }
    for (const auto& event : events)
        event->happen();
}

bool Degraded::leave()
{
    const std::lock_guard lock(mutex_);
    if (!writes_.empty())
        return false;
    memory_.reset();
    active_.store(false, std::memory_order_release);
    return true;
}

Degraded::Memory Degraded::drop()
{
    release();
    const std::lock_guard lock(mutex_);
    writes_.clear();
    active_.store(false, std::memory_order_release);
    return std::exchange(memory_, nullptr);
}

std::size_t Degraded::pending() const
{
    const std::lock_guard lock(mutex_);
    return writes_.size();
}

std::string Degraded::reason() const
{
    const std::lock_guard lock(mutex_);
    return reason_;
}

} // namespace whisperstore::redis
