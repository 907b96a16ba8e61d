#include "resilience/decorate_store.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/resilience/decorate.hpp>

#include <algorithm>

namespace whisperstore {

namespace {

using Cache = ConversationCacheManager;

constexpr auto operations = numbered(std::array{
    Operation{"initialize", 0, Repeatable::yes, opening},
    Operation{"cleanup", 0, Repeatable::no, observed},
    Operation{"get_conversation_context", 0, Repeatable::yes, every_layer},
    Operation{"add_message", 0, Repeatable::yes, every_layer},   // replaces by id
    Operation{"remove_message", 0, Repeatable::no, every_layer}, // tells whether it was there
    Operation{"clear_channel_cache", 0, Repeatable::yes, every_layer},
    Operation{"get_cache_stats", 0, Repeatable::yes, every_layer},
    Operation{read_history_operation, 0, Repeatable::no, foreign},
    // As in the database layer: a second backup finds the first one's file, a second restore undoes writes.
    Operation{"backup_cache", 0, Repeatable::no, without_time_limits},
    Operation{"restore_cache", 0, Repeatable::no, without_time_limits},
});

consteval const Operation& operation(std::string_view name) { return operations[place_of(operations, name)]; }

/// A history source behind the layers that suit it. Does not keep the cache alive, which keeps it.
struct HistoryReader
{
    HistorySource source;
    std::shared_ptr<PolicyChain> chain;

    awaitable<std::vector<UniversalMessage>> read(std::string channel_id, std::size_t limit, OperationContext context)
    {
        return source(std::move(channel_id), limit, std::move(context));
    }
};

HistorySource decorate_history(HistorySource source, std::shared_ptr<PolicyChain> chain)
{
    auto reader = std::make_shared<HistoryReader>(HistoryReader{std::move(source), std::move(chain)});
    return [reader](std::string channel_id, std::size_t limit, OperationContext context) {
        return run_policies<&HistoryReader::read, HistoryReader, std::string, std::size_t>(
            reader, *reader, *reader->chain, operation(read_history_operation), std::move(context), nullptr,
            std::make_tuple(std::move(channel_id), limit));
    };
}

class DecoratedCache final : public DecoratedStore<Cache>
{
public:
    static constexpr std::string_view layer = "cache";
    static std::span<const Operation> operation_table() noexcept { return operations; }

    using DecoratedStore::DecoratedStore;

    awaitable<void> initialize(OperationContext context) override
    {
        return call<&Cache::initialize>(operation("initialize"), std::move(context));
    }
    awaitable<void> cleanup() override { return call<&Cache::cleanup>(operation("cleanup"), OperationContext()); }

    void set_history_source(HistorySource source) override
    {
        inner().set_history_source(source ? decorate_history(std::move(source), shared()->chain) : nullptr);
    }

    awaitable<std::vector<CachedMessage>> get_conversation_context(std::string channel_id, std::int64_t limit,
                                                                   std::optional<std::int64_t> exclude_message_id,
                                                                   OperationContext context) override
    {
        return call<&Cache::get_conversation_context>(operation("get_conversation_context"), std::move(context),
                                                      std::move(channel_id), limit, exclude_message_id);
    }
    awaitable<void> add_message(std::string channel_id, UniversalMessage message, OperationContext context) override
    {
        return call<&Cache::add_message>(operation("add_message"), std::move(context), std::move(channel_id),
                                         std::move(message));
    }
    awaitable<bool> remove_message(std::string channel_id, std::int64_t message_id, OperationContext context) override
    {
        return call<&Cache::remove_message>(operation("remove_message"), std::move(context), std::move(channel_id),
                                            message_id);
    }
    awaitable<void> clear_channel_cache(std::string channel_id, OperationContext context) override
    {
        return call<&Cache::clear_channel_cache>(operation("clear_channel_cache"), std::move(context),
                                                 std::move(channel_id));
    }
    awaitable<CacheStats> get_cache_stats(OperationContext context) override
    {
        return call<&Cache::get_cache_stats>(operation("get_cache_stats"), std::move(context));
    }
    awaitable<std::uint64_t> backup_cache(std::filesystem::path backup_path, OperationContext context) override
    {
        return call<&Cache::backup_cache>(operation("backup_cache"), std::move(context), std::move(backup_path));
    }
    awaitable<std::uint64_t> restore_cache(std::filesystem::path backup_path, OperationContext context) override
    {
        return call<&Cache::restore_cache>(operation("restore_cache"), std::move(context), std::move(backup_path));
    }

    std::string get_trouble() const override { return inner().get_trouble(); }
    std::string_view cache_type() const noexcept override { return inner().cache_type(); }
    std::vector<std::string> endpoints() const override { return inner().endpoints(); }
    json::object get_details() const override { return inner().get_details(); }
};

} // namespace

std::shared_ptr<Cache> decorate_with(std::shared_ptr<Cache> cache, const ResilienceConfig& config,
                                     std::shared_ptr<OperationObserver> observer, ChainSources sources)
{
    ResilienceConfig suited = config;
    // In memory a call fails by what it was asked for, or by the history, which is tried again below: arguments kept
    // for a second attempt would be copied for nothing.
    if (cache && cache->cache_type() == "memory")
        suited.retry_attempts = std::min(suited.retry_attempts, 1);
    return decorate_store<DecoratedCache>(std::move(cache), &Cache::cache_type, suited, std::move(observer),
                                          std::move(sources));
}

std::shared_ptr<Cache> decorate(std::shared_ptr<Cache> cache, const ResilienceConfig& config,
                                std::shared_ptr<OperationObserver> observer)
{
    return decorate_with(std::move(cache), config, std::move(observer), ChainSources());
}

std::optional<ResilienceStats> resilience_stats(const Cache& cache) { return stats_of(cache); }

} // namespace whisperstore
