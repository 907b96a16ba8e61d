// Reading a channel: from Redis, and where it is cold from the history.
#include "cache/ask_history.hpp"
#include "cache/redis/redis_cache.hpp"

#include <whisperstore/core/error.hpp>

#include <boost/asio/this_coro.hpp>

#include <exception>
#include <new>
#include <utility>

namespace whisperstore::redis {

/// Ends a reading however its coroutine ends, also when that is dropped before it ran.
class RunningReading
{
public:
    explicit RunningReading(Readings& readings) noexcept : readings_(readings) {}
    ~RunningReading()
    {
        if (bootstrap_)
            readings_.end(bootstrap_, std::move(answer));
    }
    RunningReading(const RunningReading&) = delete;
    RunningReading& operator=(const RunningReading&) = delete;

    void begun(std::shared_ptr<Bootstrap> bootstrap) noexcept { bootstrap_ = std::move(bootstrap); }
    const std::shared_ptr<Bootstrap>& bootstrap() const noexcept { return bootstrap_; }

    Bootstrap::Answer answer;

private:
    Readings& readings_;
    std::shared_ptr<Bootstrap> bootstrap_;
};

namespace {

/// A caller that waits for the history of a channel.
class WaitingCaller
{
public:
    WaitingCaller(Readings& readings, std::shared_ptr<Bootstrap> bootstrap) noexcept
        : readings_(readings), bootstrap_(std::move(bootstrap))
    {
    }
    ~WaitingCaller() { readings_.leave(bootstrap_); }
    WaitingCaller(const WaitingCaller&) = delete;
    WaitingCaller& operator=(const WaitingCaller&) = delete;

private:
    Readings& readings_;
    std::shared_ptr<Bootstrap> bootstrap_;
};

} // namespace

awaitable<RedisCache::Messages> RedisCache::read(Self self, Query query)
{
    std::optional<Messages> messages = co_await try_read(self, query, query.counted);
    while (!messages)
        messages = co_await try_read(self, query, false);
    co_return std::move(*messages);
}

awaitable<std::optional<RedisCache::Messages>> RedisCache::try_read(Self self, const Query& query, bool first_try)
{
    const History history = self->history();
    const bool tracked = self->local_ != nullptr;
    // The level in this process holds whole channels.
    const auto call = std::make_shared<Call>(
        tracked
            ? self->commands_.get(query.channel, self->options_->max_messages, std::nullopt, history != nullptr, true)
            : self->commands_.get(query.channel, query.limit, query.exclude, history != nullptr, false));
    // Shared, as an answer may come when the caller's coroutine has been dropped.
    const auto place = std::make_shared<std::uint64_t>(0);
    if (tracked)
        call->observer = [self, place, channel = query.channel, call = call.get()](const Reply& answer) {
            const bool found = answer.items.size() >= 2 && answer.items[0].integer == 1;
            if (found && call->tracked && answer.items[1].integer > 0)
                *place = self->local_->open(channel, LocalLevel::Clock::now() +
                                                         std::chrono::milliseconds(answer.items[1].integer));
        };
    Reply reply = co_await execute(self, call, query.context);
    if (reply.items.empty())
        throw StorageError(StorageErrc::corrupt, "Redis answered with nothing");
    if (reply.items[0].integer == 1) {
        if (first_try)
            self->count_hit(false);
        Messages messages = self->commands_.messages(query.channel, reply, 2);
        if (!tracked)
            co_return messages;
        if (*place != 0)
            self->local_->fill(query.channel, *place, messages);
        if (query.exclude)
            std::erase_if(messages, [&](const CachedMessage& one) { return one->message_id == *query.exclude; });
        if (messages.size() > query.limit)
            messages.erase(messages.begin(), messages.end() - static_cast<std::ptrdiff_t>(query.limit));
        co_return messages;
    }
    if (!history) {
        if (first_try)
            ++self->misses_;
        co_return Messages();
    }
    co_return co_await wait_for_history(self, query, history, first_try);
}

awaitable<std::optional<RedisCache::Messages>> RedisCache::wait_for_history(Self self, const Query& query,
                                                                            History history, bool first_try)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    std::function<void()> counted = [&] {
        if (first_try)
            ++self->misses_;
    };
    // Made before, so that nothing can fail between a reading's beginning and its owner.
    auto running = std::make_shared<RunningReading>(self->readings_);
    const Readings::Joined joined = self->readings_.join(query.channel, executor, counted);
    if (joined.step == Readings::Step::begin)
        running->begun(joined.bootstrap);
    const std::string what = "waiting for the history of channel '" + query.channel + "'";
    if (joined.step == Readings::Step::again) {
        co_await Event::wait(joined.bootstrap->ended, what, query.context);
        co_return std::nullopt;
    }
    const WaitingCaller waiting(self->readings_, joined.bootstrap);
    if (joined.step == Readings::Step::begin) {
        OperationContext shared = query.context;
        shared.deadline.reset(); // the reading serves others as well
        joined.bootstrap->start(read_history(self, std::move(running), std::move(history), std::move(shared)));
    }
    co_await Event::wait(joined.bootstrap->answered, what, query.context);
    const Bootstrap::Answer answer = joined.bootstrap->answer();
    if (answer.error)
        throw *answer.error;
    if (!answer.messages)
        co_return std::nullopt;
    co_return answer.messages->newest(query.limit, query.exclude);
}

awaitable<void> RedisCache::read_history(Self self, std::shared_ptr<RunningReading> running, History history,
                                         OperationContext context)
{
    const std::shared_ptr<Bootstrap> bootstrap = running->bootstrap();
    const std::string channel = bootstrap->channel_id();
    try {
        std::string name = self->reading_name_;
        name += std::to_string(++self->reading_numbers_);
        const auto begin = self->writing(self->commands_.begin(channel, name), channel);
        Reply begun = co_await execute(self, begin, context);
        const bool warm = begun.items.size() >= 1 && begun.items[0].integer == 1;
        if (!warm && begun.items.size() < 2)
            throw StorageError(StorageErrc::corrupt, "Redis did not say which reading of the history this is");
        Messages messages;
        if (warm) { // by another process, or a reading that ended just now
            messages = self->commands_.messages(channel, begun, 1);
        } else {
            Messages read = co_await ask_history(channel, self->options_->bootstrap_limit, history, context);
            if (self->readings_.answer_forgotten(bootstrap, read))
                co_return;
            const auto fill = self->writing(self->commands_.fill(channel, begun.items[1].text, read), channel);
            Reply filled = co_await execute(self, fill, context);
            if (self->readings_.answer_forgotten(bootstrap, read))
                co_return;
            if (filled.items.empty() || filled.items[0].integer != 1)
                co_return; // cleared, expired or evicted meanwhile: the callers look again
            messages = self->commands_.messages(channel, filled, 1);
        }
        auto answer = std::make_shared<Channel>(self->options_->max_messages);
        answer->fill(std::move(messages));
        running->answer.messages = std::move(answer);
    } catch (const StorageError& error) {
        running->answer.error = error;
    } catch (const std::bad_alloc&) {
        running->answer.error = StorageError(StorageErrc::resource_exhausted, "out of memory");
    } catch (const std::exception& error) {
        running->answer.error = StorageError(StorageErrc::unavailable, error.what());
    }
}

} // namespace whisperstore::redis
