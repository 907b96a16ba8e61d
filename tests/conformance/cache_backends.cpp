#include "conformance/cache_conformance.hpp"
#include "conformance/decorated.hpp"

#include <whisperstore/cache/hybrid_conversation_cache.hpp>

#include <atomic>

namespace whisperstore::test {

namespace {

TestedCache memory_cache(const CacheConfig& config)
{
    using Steady = std::chrono::steady_clock;
    const auto passed = std::make_shared<std::atomic<Steady::rep>>(0);
    const Steady::time_point start = Steady::now();
    TestedCache tested;
    tested.cache = std::make_shared<HybridConversationCache>(
        config, [passed, start] { return start + Steady::duration(passed->load()); });
    const std::chrono::duration<double, std::ratio<60>> timeout(config.timeout_minutes);
    tested.pass_time = [passed, timeout](double timeouts) {
        *passed += std::chrono::duration_cast<Steady::duration>(timeout * timeouts).count();
    };
    return tested;
}

} // namespace

const std::vector<CacheBackend>& cache_backends()
{
    static const std::vector<CacheBackend> backends = [] {
        std::vector<CacheBackend> list;
        CacheBackend memory;
        memory.name = "memory";
        memory.cache_type = "memory";
        memory.make = memory_cache;
        list.push_back(memory);

        CacheBackend decorated = memory;
        decorated.name = "memory_decorated";
        decorated.make = [](const CacheConfig& config) {
            TestedCache tested = memory_cache(config);
            tested.cache = decorate(std::move(tested.cache), every_layer());
            return tested;
        };
        list.push_back(decorated);
        return list;
    }();
    return backends;
}

} // namespace whisperstore::test
