#include "cache/redis/redis_cache.hpp"

#include "cache/cached_messages.hpp"
#include "core/failure.hpp"

#include <whisperstore/core/error.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <random>
#include <utility>

namespace whisperstore::redis {

namespace {

constexpr auto cleanup_limit = std::chrono::seconds(5);

StorageError closed_error() { return StorageError(StorageErrc::closed, "the cache is closed: call initialize() first"); }

/// Names of readings must differ between processes.
std::string random_name()
{
    std::random_device source;
    std::string name;
    for (int i = 0; i < 4; ++i)
        name.append(std::to_string(source())).append("-");
    return name;
}

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

RedisCache::RedisCache(const CacheConfig& config, bool cluster)
    : options_(std::make_shared<const Options>(Options::of(config, cluster))), commands_(*options_),
      local_(options_->local_channels == 0 ? nullptr : std::make_unique<LocalLevel>(options_->local_channels)),
      degraded_(config, options_->degrade_to_memory), reading_name_(random_name())
{
}

// ---- opening and closing

std::shared_ptr<Client> RedisCache::client() const
{
    const std::lock_guard lock(mutex_);
    if (!client_)
        throw closed_error();
    return client_;
}

Client::Events RedisCache::events()
{
    Client::Events events;
    const auto weak = weak_from_this();
    if (local_)
        events.invalidated = [weak](const std::string* key) {
            const auto self = weak.lock();
            if (self && key)
                self->local_->drop(ChannelKeys::channel_of(*key));
            else if (self)
                self->local_->drop_all();
        };
    events.availability = [weak](bool available) {
        if (const auto self = weak.lock())
            self->reachable_ = available;
    };
    events.recovered = [weak] {
        if (const auto self = weak.lock())
            self->warm_up();
    };
    return events;
}

awaitable<void> RedisCache::initialize(Self self, OperationContext context)
{
    std::shared_ptr<Client> client;
    {
        const std::lock_guard lock(self->mutex_);
        if (self->client_)
            co_return;
    }
    client = std::make_shared<Client>(self->options_, self->events());
    std::optional<StorageError> failure;
    try {
        co_await Client::open(client, context.limited_to(self->options_->connect_timeout * 2));
    } catch (const StorageError& error) {
        failure = error;
    } catch (...) {
        client->close();
        throw;
    }
    const bool may_come_back =
        failure && (failure->errc() == StorageErrc::unavailable || failure->errc() == StorageErrc::timeout);
    if (failure && !(self->options_->degrade_to_memory && may_come_back)) {
        client->close();
        throw *failure;
    }
    bool mine = false;
    {
        const std::lock_guard lock(self->mutex_);
        mine = !self->client_;
        if (mine) {
            self->client_ = client;
            self->background_ = std::make_shared<Background>();
        }
    }
    if (!mine) {
        client->close(); // somebody else was faster
        co_return;
    }
    if (failure && self->degraded_.enter(failure->message()))
        self->background_->spawn(reconcile(self));
    self->warm_up();
}

void RedisCache::close()
{
    std::shared_ptr<Client> client;
    std::shared_ptr<Background> background;
    {
        const std::lock_guard lock(mutex_);
        client = std::exchange(client_, nullptr);
        background = std::exchange(background_, nullptr);
    }
    readings_.close();
    if (client)
        client->close();
    if (background)
        background->end();
    if (local_)
        local_->drop_all();
}

awaitable<void> RedisCache::cleanup(Self self)
{
    const std::vector<std::shared_ptr<Bootstrap>> running = self->readings_.close();
    self->close();
    if (const Degraded::Memory memory = self->degraded_.drop())
        co_await memory->cleanup();
    self->hits_ = 0;
    self->local_hits_ = 0;
    self->misses_ = 0;
    const OperationContext limit = OperationContext::within(cleanup_limit);
    for (const auto& bootstrap : running) {
        std::string what = "waiting for the end of the cancelled read of channel '" + bootstrap->channel_id() + "'";
        co_await Event::wait(bootstrap->ended, std::move(what), limit);
    }
}

void RedisCache::set_history_source(HistorySource source)
{
    degraded_.set_history(source);
    {
        auto history = source ? std::make_shared<const HistorySource>(std::move(source)) : nullptr;
        const std::lock_guard lock(mutex_);
        history_.swap(history);
    }
    warm_up();
}

RedisCache::History RedisCache::history() const
{
    if (options_->bootstrap_limit == 0)
        return nullptr;
    const std::lock_guard lock(mutex_);
    return history_;
}

RedisCacheHealth RedisCache::health() const
{
    RedisCacheHealth health;
    std::shared_ptr<Client> client;
    {
        const std::lock_guard lock(mutex_);
        client = client_;
    }
    health.degradations = degraded_.times();
    if (!client)
        return health;
    for (const NodeStatus& node : client->status())
        health.nodes.push_back({node.name, node.ready, node.failure, node.connected});
    health.state = reachable_ ? RedisCacheHealth::State::up : RedisCacheHealth::State::away;
    if (degraded_.active()) {
        health.state = RedisCacheHealth::State::degraded;
        health.pending_writes = degraded_.pending();
        health.reason = degraded_.reason();
    } else if (!reachable_) {
        for (const auto& node : health.nodes)
            health.reason = node.failure;
    }
    return health;
}

std::string RedisCache::trouble() const
{
    if (!degraded_.active())
        return "";
    return "serving from memory, " + std::to_string(degraded_.pending()) +
           " writes wait for Redis: " + degraded_.reason();
}

RedisCacheLevels RedisCache::levels() const
{
    RedisCacheLevels levels;
    levels.local_hits = local_hits_;
    levels.redis_hits = hits_;
    levels.misses = misses_;
    levels.local_channels = local_ ? local_->size() : 0;
    return levels;
}

// ---- while Redis is away

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

// ---- commands

awaitable<Reply> RedisCache::execute(Self self, std::shared_ptr<Call> call, OperationContext context)
{
    std::shared_ptr<Client> client = self->client();
    co_return co_await Client::execute(std::move(client), std::move(call), std::move(context));
}

std::shared_ptr<Call> RedisCache::writing(Command command, const std::string& channel)
{
    auto call = std::make_shared<Call>(std::move(command));
    // Redis tells us of the change after it has answered, and who has the answer must not find what was before.
    if (local_)
        call->observer = [this, channel](const Reply&) { local_->drop(channel); };
    return call;
}

void RedisCache::count_hit(bool local) { ++(local ? local_hits_ : hits_); }

awaitable<RedisCache::Messages> RedisCache::get(Self self, std::string channel, std::int64_t limit,
                                                std::optional<std::int64_t> exclude, OperationContext context)
{
    context.check_deadline(self->backend(), "get_conversation_context");
    check_channel_id(channel);
    if (limit < 0)
        throw StorageError(StorageErrc::invalid_argument,
                           "limit is " + std::to_string(limit) + "; allowed is 0 or more");
    self->client();
    if (limit == 0)
        co_return Messages();
    if (self->local_ && !self->degraded_.active())
        if (auto messages = self->local_->find(channel, static_cast<std::size_t>(limit), exclude)) {
            self->count_hit(true);
            co_return std::move(*messages);
        }
    Degraded::Memory memory = co_await RedisCache::memory(self);
    if (!memory) {
        std::optional<StorageError> failure;
        try {
            Query query{channel, static_cast<std::size_t>(limit), exclude, context};
            co_return co_await read(self, std::move(query));
        } catch (const StorageError& error) {
            if (!self->degrades(error))
                throw;
            failure = error;
        }
        memory = co_await RedisCache::memory(self);
        if (!memory)
            throw *failure; // it is back already; the caller decides
    }
    co_return co_await memory->get_conversation_context(std::move(channel), limit, exclude, std::move(context));
}

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
        tracked ? self->commands_.get(query.channel, self->options_->max_messages, std::nullopt, history != nullptr, true)
                : self->commands_.get(query.channel, query.limit, query.exclude, history != nullptr, false));
    std::uint64_t place = 0;
    if (tracked)
        call->observer = [self = self.get(), &query, &place, call = call.get()](const Reply& reply) {
            const bool found = reply.items.size() >= 2 && reply.items[0].integer == 1;
            if (found && call->tracked && reply.items[1].integer > 0)
                place = self->local_->open(query.channel, LocalLevel::Clock::now() +
                                                              std::chrono::milliseconds(reply.items[1].integer));
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
        if (place != 0)
            self->local_->fill(query.channel, place, messages);
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

awaitable<std::optional<RedisCache::Messages>>
RedisCache::wait_for_history(Self self, const Query& query, History history, bool first_try)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    std::function<void()> counted = [&] {
        if (first_try)
            ++self->misses_;
    };
    const Readings::Joined joined = self->readings_.join(query.channel, executor, counted);
    const std::string what = "waiting for the history of channel '" + query.channel + "'";
    if (joined.step == Readings::Step::again) {
        co_await Event::wait(joined.bootstrap->ended, what, query.context);
        co_return std::nullopt;
    }
    const WaitingCaller waiting(self->readings_, joined.bootstrap);
    if (joined.step == Readings::Step::begin) {
        OperationContext shared = query.context;
        shared.deadline.reset(); // the reading serves others as well
        joined.bootstrap->start(read_history(self, joined.bootstrap, std::move(history), std::move(shared)));
    }
    co_await Event::wait(joined.bootstrap->answered, what, query.context);
    const Bootstrap::Answer answer = joined.bootstrap->answer();
    if (answer.error)
        throw *answer.error;
    if (!answer.messages)
        co_return std::nullopt;
    co_return answer.messages->newest(query.limit, query.exclude);
}

namespace {

/// Ends a reading however its coroutine ends.
class RunningReading
{
public:
    RunningReading(Readings& readings, std::shared_ptr<Bootstrap> bootstrap) noexcept
        : readings_(readings), bootstrap_(std::move(bootstrap))
    {
    }
    ~RunningReading() { readings_.end(bootstrap_, std::move(answer)); }
    RunningReading(const RunningReading&) = delete;
    RunningReading& operator=(const RunningReading&) = delete;

    Bootstrap::Answer answer;

private:
    Readings& readings_;
    std::shared_ptr<Bootstrap> bootstrap_;
};

/// What a history source threw, as one of the errors its callers know.
StorageError history_error(const std::string& channel)
{
    const std::string what = "the history of channel '" + channel + "' cannot be read: ";
    try {
        throw;
    } catch (const StorageError& error) {
        return error.prefixed(what);
    } catch (const std::bad_alloc&) {
        return StorageError(StorageErrc::resource_exhausted, what + "out of memory");
    } catch (const std::exception& error) {
        return StorageError(StorageErrc::unavailable, what + error.what());
    } catch (...) {
        return StorageError(StorageErrc::unavailable, what + "the history source threw something that is no exception");
    }
}

awaitable<RedisCache::Messages> ask_history(const std::string& channel, std::size_t limit,
                                            std::shared_ptr<const HistorySource> history, OperationContext context)
{
    std::optional<StorageError> failure;
    try {
        awaitable<std::vector<UniversalMessage>> reading = (*history)(channel, limit, std::move(context));
        std::vector<UniversalMessage> messages = co_await std::move(reading);
        co_return cached_history(channel, std::move(messages), limit);
    } catch (...) {
        failure = history_error(channel);
    }
    throw *failure;
}

} // namespace

awaitable<void> RedisCache::read_history(Self self, std::shared_ptr<Bootstrap> bootstrap, History history,
                                         OperationContext context)
{
    RunningReading running(self->readings_, bootstrap);
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
        running.answer.messages = std::move(answer);
    } catch (const StorageError& error) {
        running.answer.error = error;
    } catch (const std::bad_alloc&) {
        running.answer.error = StorageError(StorageErrc::resource_exhausted, "out of memory");
    } catch (const std::exception& error) {
        running.answer.error = StorageError(StorageErrc::unavailable, error.what());
    }
}

awaitable<void> RedisCache::add(Self self, std::string channel, UniversalMessage message, OperationContext context)
{
    context.check_deadline(self->backend(), "add_message");
    check_channel_id(channel);
    const CachedMessage checked = cached_message(channel, std::move(message));
    self->client();
    Degraded::Recorded recorded;
    const Degraded::Write write{Degraded::Write::Kind::add, channel, checked};
    if (self->degraded_.enabled())
        recorded = co_await record(self, write);
    if (!recorded.memory) {
        try {
            co_await execute(self, self->writing(self->commands_.add(*checked), channel), context);
            self->readings_.added(channel, checked);
            co_return;
        } catch (const StorageError& error) {
            if (!self->degrades(error))
                throw;
        }
        recorded = co_await record(self, write);
        if (!recorded.memory) // it came back in between
            co_return co_await add(self, std::move(channel), *checked, std::move(context));
    }
    co_await recorded.memory->add_message(std::move(channel), *checked, context);
    co_await wait_until_told(std::move(recorded), std::move(context));
}

awaitable<bool> RedisCache::remove(Self self, std::string channel, std::int64_t message_id, OperationContext context)
{
    context.check_deadline(self->backend(), "remove_message");
    check_channel_id(channel);
    self->client();
    Degraded::Recorded recorded;
    const Degraded::Write write{Degraded::Write::Kind::remove, channel, nullptr, message_id};
    if (self->degraded_.enabled())
        recorded = co_await record(self, write);
    if (!recorded.memory) {
        try {
            const auto call = self->writing(self->commands_.remove(channel, message_id), channel);
            const Reply reply = co_await execute(self, call, context);
            self->readings_.removed(channel, message_id);
            co_return reply.number() != 0;
        } catch (const StorageError& error) {
            if (!self->degrades(error))
                throw;
        }
        recorded = co_await record(self, write);
        if (!recorded.memory)
            co_return co_await remove(self, std::move(channel), message_id, std::move(context));
    }
    const bool removed = co_await recorded.memory->remove_message(std::move(channel), message_id, context);
    co_await wait_until_told(std::move(recorded), std::move(context));
    co_return removed;
}

awaitable<void> RedisCache::clear(Self self, std::string channel, OperationContext context)
{
    context.check_deadline(self->backend(), "clear_channel_cache");
    check_channel_id(channel);
    self->client();
    Degraded::Recorded recorded;
    const Degraded::Write write{Degraded::Write::Kind::clear, channel};
    if (self->degraded_.enabled())
        recorded = co_await record(self, write);
    if (!recorded.memory) {
        try {
            const bool reading = self->readings_.under_way(channel);
            const auto call = self->writing(self->commands_.clear(channel, reading), channel);
            Reply reply = co_await execute(self, call, context);
            if (!reading || reply.items.empty())
                co_return;
            Channel held(self->options_->max_messages);
            const std::string removed = std::move(reply.items[0].text);
            for (std::size_t at = 0; at + 16 <= removed.size(); at += 16)
                held.remove(from_sortable(std::string_view(removed).substr(at, 16)));
            for (CachedMessage& message : self->commands_.messages(channel, reply, 1))
                held.add(std::move(message));
            self->readings_.cleared(channel, std::move(held));
            co_return;
        } catch (const StorageError& error) {
            if (!self->degrades(error))
                throw;
        }
        recorded = co_await record(self, write);
        if (!recorded.memory)
            co_return co_await clear(self, std::move(channel), std::move(context));
    }
    co_await recorded.memory->clear_channel_cache(std::move(channel), context);
    co_await wait_until_told(std::move(recorded), std::move(context));
}

awaitable<CacheStats> RedisCache::stats(Self self, OperationContext context)
{
    context.check_deadline(self->backend(), "get_cache_stats");
    const std::shared_ptr<Client> client = self->client();
    CacheStats stats;
    const Degraded::Memory memory = co_await RedisCache::memory(self);
    if (memory) {
        stats = co_await memory->get_cache_stats(context);
    } else {
        std::vector<std::shared_ptr<Call>> calls;
        for (std::size_t bucket = 0; bucket < ChannelKeys::buckets; ++bucket)
            calls.push_back(std::make_shared<Call>(self->commands_.stats(bucket)));
        co_await Client::execute_all(client, calls, context);
        std::int64_t bytes = 0;
        for (const auto& call : calls) {
            if (call->reply.items.size() != 3)
                throw StorageError(StorageErrc::corrupt, "Redis answered with something else than statistics");
            stats.cached_channels += static_cast<std::uint64_t>(call->reply.items[0].integer);
            stats.total_cached_messages += static_cast<std::uint64_t>(call->reply.items[1].integer);
            bytes += call->reply.items[2].integer;
        }
        stats.memory_usage_mb = static_cast<double>(bytes) / (1024.0 * 1024.0);
    }
    stats.hits += self->hits_ + self->local_hits_;
    stats.misses += self->misses_;
    if (const std::uint64_t reads = stats.hits + stats.misses; reads != 0)
        stats.hit_rate = static_cast<double>(stats.hits) / static_cast<double>(reads);
    co_return stats;
}

// ---- warming

void RedisCache::warm_up()
{
    if (options_->warm_channels == 0 || !history())
        return;
    std::shared_ptr<Background> background;
    {
        const std::lock_guard lock(mutex_);
        background = background_;
    }
    if (background && !warming_.exchange(true))
        background->spawn(warm(weak_from_this()));
}

awaitable<std::vector<std::string>> RedisCache::most_active(Self self)
{
    std::vector<std::shared_ptr<Call>> calls;
    for (std::size_t bucket = 0; bucket < ChannelKeys::buckets; ++bucket)
        calls.push_back(
            std::make_shared<Call>(self->commands_.most_active(bucket, self->options_->warm_channels)));
    const std::shared_ptr<Client> client = self->client();
    co_await Client::execute_all(client, calls, OperationContext());
    std::vector<std::pair<double, std::string>> active;
    for (const auto& call : calls) {
        // With RESP3 each pair is a list of its own.
        for (Reply& pair : call->reply.items)
            if (pair.items.size() == 2)
                active.emplace_back(std::strtod(pair.items[1].text.c_str(), nullptr), std::move(pair.items[0].text));
    }
    std::sort(active.begin(), active.end(), std::greater<>());
    if (active.size() > self->options_->warm_channels)
        active.resize(self->options_->warm_channels);
    std::vector<std::string> channels;
    for (auto& [used, channel] : active)
        channels.push_back(std::move(channel));
    co_return channels;
}

awaitable<void> RedisCache::warm(std::weak_ptr<RedisCache> weak)
{
    const Self self = weak.lock();
    if (!self)
        co_return;
    const std::shared_ptr<void> over(nullptr, [self](void*) { self->warming_ = false; });
    const auto channels = std::make_shared<std::vector<std::string>>();
    try {
        *channels = co_await most_active(self);
    } catch (const StorageError&) {
        co_return; // nobody asked for it; the next recovery tries again
    }
    std::shared_ptr<Background> background;
    {
        const std::lock_guard lock(self->mutex_);
        background = self->background_;
    }
    const auto next = std::make_shared<std::atomic<std::size_t>>(0);
    const std::size_t workers = std::min(self->options_->warm_concurrency, channels->size());
    for (std::size_t worker = 0; background && worker < workers; ++worker)
        background->spawn(warm_some(weak, channels, next));
}

awaitable<void> RedisCache::warm_some(std::weak_ptr<RedisCache> weak,
                                      std::shared_ptr<const std::vector<std::string>> channels,
                                      std::shared_ptr<std::atomic<std::size_t>> next)
{
    for (;;) {
        const Self self = weak.lock();
        const std::size_t mine = (*next)++;
        if (!self || mine >= channels->size())
            co_return;
        Query query{(*channels)[mine], 1, std::nullopt, OperationContext(), false};
        try {
            co_await read(self, std::move(query));
        } catch (const StorageError& error) {
            // Whoever needs the channel will hear of it.
            if (error.errc() == StorageErrc::closed || error.errc() == StorageErrc::cancelled)
                co_return;
        }
    }
}

} // namespace whisperstore::redis
