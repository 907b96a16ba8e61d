#pragma once

#include "conformance/cache_history.hpp"
#include "support/run.hpp"

#include <whisperstore/cache/cache_config.hpp>
#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace whisperstore::test {

/// A cache and its time.
struct TestedCache
{
    std::shared_ptr<ConversationCacheManager> cache;
    /// Lets so many times the configured timeout pass.
    std::function<void(double timeouts)> pass_time;
};

/// A cache backend under test. Later backends add themselves in cache_backends.cpp.
struct CacheBackend
{
    std::string name;
    std::string cache_type;
    /// A cache that is not initialised yet and will be empty. Of `config` the timeout is a wish: where
    /// time is real, a short one will do.
    std::function<TestedCache(const CacheConfig& config)> make;
    friend std::ostream& operator<<(std::ostream& out, const CacheBackend& backend) { return out << backend.name; }
};

const std::vector<CacheBackend>& cache_backends();

/// An initialised cache, with a history that is not its source until use_history().
class CacheTest : public testing::TestWithParam<CacheBackend>
{
protected:
    void SetUp() override { open(CacheConfig()); }
    void TearDown() override { run(cache->cleanup()); }

    /// Starts over with another configuration.
    void open(const CacheConfig& config)
    {
        if (cache)
            run(cache->cleanup());
        TestedCache tested = GetParam().make(config);
        cache = std::move(tested.cache);
        pass_time = std::move(tested.pass_time);
        run(cache->initialize());
    }
    void use_history() { cache->set_history_source(history->source()); }

    void add(std::int64_t id) { add(test_message(id)); }
    void add(const UniversalMessage& message) { run(cache->add_message("c1", message)); }
    void add_range(std::int64_t first, std::int64_t last)
    {
        for (std::int64_t id = first; id <= last; ++id)
            add(id);
    }
    std::vector<CachedMessage> read(std::int64_t limit = 1000, std::optional<std::int64_t> exclude = std::nullopt)
    {
        return run(cache->get_conversation_context("c1", limit, exclude));
    }
    std::vector<std::int64_t> ids(std::int64_t limit = 1000, std::optional<std::int64_t> exclude = std::nullopt)
    {
        return ids_of(read(limit, exclude));
    }
    CacheStats stats() { return run(cache->get_cache_stats()); }

    std::future<std::vector<CachedMessage>> start_read(OperationContext context = OperationContext())
    {
        return start(cache->get_conversation_context("c1", 1000, std::nullopt, std::move(context)));
    }
    /// So many cold reads have been made, those that wait included.
    bool missed(std::uint64_t reads)
    {
        return eventually([&] { return stats().misses == reads; });
    }

    std::shared_ptr<ConversationCacheManager> cache;
    std::function<void(double)> pass_time;
    std::shared_ptr<TestHistory> history = std::make_shared<TestHistory>();
};

} // namespace whisperstore::test
