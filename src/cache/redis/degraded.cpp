#include "cache/redis/degraded.hpp"

#include <whisperstore/core/error.hpp>

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

Degraded::Memory Degraded::record(Write write)
{
    if (!active())
        return nullptr;
    const std::lock_guard lock(mutex_);
    if (!memory_)
        return nullptr;
    if (writes_.size() >= most_writes)
        throw StorageError(StorageErrc::resource_exhausted,
                           "Redis is away, and " + std::to_string(most_writes) +
                               " writes wait for it already; see to the server: " + reason_);
    writes_.push_back(std::move(write));
    return memory_;
}

std::optional<Degraded::Write> Degraded::first() const
{
    const std::lock_guard lock(mutex_);
    return writes_.empty() ? std::nullopt : std::optional(writes_.front());
}

void Degraded::told()
{
    const std::lock_guard lock(mutex_);
    writes_.pop_front();
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
