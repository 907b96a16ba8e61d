#include "resilience/policy_chain.hpp"

#include <algorithm>
#include <random>

namespace whisperstore {

PolicyChain::PolicyChain(StoreIdentity identity, std::span<const Operation> operations, const ResilienceConfig& config,
                         std::shared_ptr<OperationObserver> observer, ChainSources sources)
    : identity_(std::move(identity)), config_(config), observer_(std::move(observer)), sources_(std::move(sources))
{
    try {
        config.check();
    } catch (const StorageError& error) {
        throw error.prefixed("resilience of the " + identity_.layer + ": ").within(identity_.backend, "decorate");
    }
    if (config.metrics)
        metrics_.emplace(operations);
    if (config.retry_attempts > 1 && config.retry_reserve > 0)
        reserve_.emplace(config.retry_reserve);
    if (config.breaker_failures > 0)
        breaker_.emplace(CircuitBreaker::Settings{config.breaker_failures, config.breaker_open, config.breaker_max_open,
                                                  config.breaker_probes,
                                                  std::max(2 * config.attempt_timeout, config.default_deadline)});
    if (config.max_concurrent > 0)
        limit_.emplace(config.max_concurrent, config.max_queued);
    std::random_device seed;
    random_state_ = (std::uint64_t(seed()) << 32U) | seed();
}

double PolicyChain::random() noexcept
{
    if (sources_.random)
        return sources_.random();
    // SplitMix64 (Steele, Lea, Flood 2014): its state is a counter, so threads share it without a lock.
    std::uint64_t bits = random_state_.fetch_add(0x9E3779B97F4A7C15U, std::memory_order_relaxed);
    bits = (bits ^ (bits >> 30U)) * 0xBF58476D1CE4E5B9U;
    bits = (bits ^ (bits >> 27U)) * 0x94D049BB133111EBU;
    bits ^= bits >> 31U;
    return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

OperationEvent PolicyChain::event(const Operation& operation) const noexcept
{
    return OperationEvent{identity_.layer, identity_.backend, identity_.endpoint, operation.name};
}

void PolicyChain::circuit_changed(CircuitBreaker::Change change, std::string_view reason) const noexcept
{
    if (change == CircuitBreaker::Change::none || !observer_)
        return;
    observer_->circuit_changed(CircuitChange{identity_.layer, identity_.backend, identity_.endpoint,
                                             change == CircuitBreaker::Change::opened, reason});
}

ResilienceStats PolicyChain::stats() const
{
    ResilienceStats stats;
    stats.layer = identity_.layer;
    stats.backend = identity_.backend;
    stats.endpoint = identity_.endpoint;
    if (metrics_)
        stats.operations = metrics_->read();
    if (reserve_)
        stats.retries_withheld = reserve_->withheld();
    if (breaker_) {
        const CircuitBreaker::Snapshot breaker = breaker_->snapshot();
        stats.circuit = to_string(breaker.state);
        stats.circuit_opened = breaker.opened;
        stats.circuit_refused = breaker.refused;
        stats.circuit_reason = breaker.last_failure;
    }
    if (limit_) {
        stats.in_flight = limit_->in_use();
        stats.queued = limit_->in_line();
        stats.places = limit_->places();
        stats.queue_wait = waits_.read();
        stats.queue_refused = limit_->refused();
    }
    return stats;
}

} // namespace whisperstore
