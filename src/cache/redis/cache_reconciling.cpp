// Serving from memory while Redis is away, and telling it afterwards.
#include "cache/redis/redis_cache.hpp"

#include <whisperstore/core/error.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace whisperstore::redis {

bool RedisCache::degrades(const StorageError& error)
{
    const bool away = error.errc() == StorageErrc::unavailable || error.errc() == StorageErrc::outcome_unknown;
    if (!degraded_.enabled() || !away || reachable_)
        return false;
    std::shared_ptr<Background> background;
    {
        const std::lock_guard lock(mutex_);
        background = background_;
    }
    if (!background)
        return false;
    if (degraded_.enter(error.message()))
        background->spawn(reconcile(weak_from_this()));
    return true;
}

awaitable<Degraded::Memory> RedisCache::memory(Self self)
{
    Degraded::Memory memory = self->degraded_.memory();
    if (memory)
        co_await memory->initialize();
    co_return memory;
}

awaitable<Degraded::Recorded> RedisCache::record(Self self, Degraded::Write write)
{
    Degraded::Recorded recorded = self->degraded_.record(std::move(write), self->reachable_);
    if (recorded.memory)
        co_await recorded.memory->initialize();
    co_return recorded;
}

awaitable<void> RedisCache::wait_until_told(Degraded::Recorded recorded, OperationContext context)
{
    if (recorded.told)
        co_await Event::wait(recorded.told, "waiting until Redis knows what was written while it was away",
                             std::move(context));
}

awaitable<bool> RedisCache::tell(Self self)
{
    constexpr std::size_t at_once = 64;
    const std::vector<Degraded::Write> writes = self->degraded_.first(at_once);
    std::vector<std::shared_ptr<Call>> calls;
    for (const Degraded::Write& write : writes) {
        Command command = write.kind == Degraded::Write::Kind::add ? self->commands_.add(*write.message)
                          : write.kind == Degraded::Write::Kind::remove
                              ? self->commands_.remove(write.channel, write.message_id)
                              : self->commands_.clear(write.channel, false);
        calls.push_back(self->writing(std::move(command), write.channel));
    }
    std::optional<StorageError> failure;
    try {
        const std::shared_ptr<Client> client = self->client();
        co_await Client::execute_all(client, calls, OperationContext());
    } catch (const StorageError& error) {
        failure = error;
    }
    if (failure && (failure->errc() == StorageErrc::closed || failure->errc() == StorageErrc::cancelled))
        throw *failure;
    std::vector<bool> told;
    bool all = true;
    for (const auto& call : calls) {
        // What Redis will never take must not keep it from the rest. A removal whose answer was lost is made again:
        // nobody waits for what it answers.
        const bool done = !call->failure || call->failure->errc() == StorageErrc::corrupt ||
                          call->failure->errc() == StorageErrc::version_mismatch;
        told.push_back(done);
        all = all && done;
    }
    self->degraded_.told(told);
    co_return all;
}

awaitable<void> RedisCache::reconcile(std::weak_ptr<RedisCache> weak)
{
    constexpr auto pause = std::chrono::milliseconds(50);
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
        const Self self = weak.lock();
        if (!self)
            co_return;
        bool told = false;
        if (self->reachable_) {
            if (self->degraded_.leave())
                co_return;
            told = co_await tell(self);
        }
        if (told)
            continue;
        self->degraded_.release();
        timer.expires_after(pause);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

} // namespace whisperstore::redis
