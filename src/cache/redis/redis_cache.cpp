#include "cache/redis/redis_cache.hpp"

#include "cache/cached_messages.hpp"

#include <whisperstore/core/error.hpp>

#include <random>
#include <utility>

namespace whisperstore::redis {

namespace {

constexpr auto cleanup_limit = std::chrono::seconds(5);

StorageError closed_error()
{
    return StorageError(StorageErrc::closed, "the cache is closed: call initialize() first");
}

/// Names of readings must differ between processes.
std::string random_name()
{
    std::random_device source;
    std::string name;
    for (int i = 0; i < 4; ++i)
        name.append(std::to_string(source())).append("-");
    return name;
}

} // namespace

RedisCache::RedisCache(const CacheConfig& config, bool cluster)
    : options_(std::make_shared<const Options>(Options::of(config, cluster))),
      commands_(*options_),
      local_(options_->local_channels == 0 ? nullptr : std::make_unique<LocalLevel>(options_->local_channels)),
      degraded_(config, options_->degrade_to_memory),
      reading_name_(random_name())
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

RedisCache::Closed RedisCache::close_client()
{
    Closed closed;
    std::shared_ptr<Client> client;
    {
        const std::lock_guard lock(mutex_);
        client = std::exchange(client_, nullptr);
        closed.background = std::exchange(background_, nullptr);
    }
    closed.readings = readings_.close();
    if (client)
        client->close();
    if (local_)
        local_->drop_all();
    return closed;
}

void RedisCache::close()
{
    if (const auto background = close_client().background)
        background->end();
}

awaitable<void> RedisCache::cleanup(Self self)
{
    // Its background ends when this does: readings may still be running in it.
    const Closed closed = self->close_client();
    if (const Degraded::Memory memory = self->degraded_.drop())
        co_await memory->cleanup();
    self->hits_ = 0;
    self->local_hits_ = 0;
    self->misses_ = 0;
    const OperationContext limit = OperationContext::within(cleanup_limit);
    for (const auto& bootstrap : closed.readings) {
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

json::object RedisCache::details() const
{
    std::shared_ptr<Client> client;
    {
        const std::lock_guard lock(mutex_);
        client = client_;
    }
    json::array nodes;
    if (client)
        for (const NodeStatus& node : client->status()) {
            json::object one;
            one["name"] = node.name;
            one["connections"] = node.ready ? 1 : 0;
            one["sent_bytes"] = node.traffic->sent.load(std::memory_order_relaxed);
            one["received_bytes"] = node.traffic->received.load(std::memory_order_relaxed);
            nodes.emplace_back(std::move(one));
        }
    json::object out;
    out["nodes"] = std::move(nodes);
    return out;
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
        call->observer = [self = shared_from_this(), channel](const Reply&) { self->local_->drop(channel); };
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
            const std::shared_ptr<Bootstrap> reading = self->readings_.under_way(channel);
            const auto call = self->writing(self->commands_.clear(channel, reading != nullptr), channel);
            Reply reply = co_await execute(self, call, context);
            if (!reading || reply.items.empty())
                co_return;
            Channel held(self->options_->max_messages);
            const std::string removed = std::move(reply.items[0].text);
            for (std::size_t at = 0; at + 16 <= removed.size(); at += 16)
                held.remove(from_sortable(std::string_view(removed).substr(at, 16)));
            for (CachedMessage& message : self->commands_.messages(channel, reply, 1))
                held.add(std::move(message));
            self->readings_.cleared(reading, std::move(held));
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

} // namespace whisperstore::redis
