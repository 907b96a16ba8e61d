#pragma once
// What a test does to a store, the same whichever it is.

#include <whisperstore/resilience/resilience_stats.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <cstdint>
#include <memory>
#include <set>
#include <string>

namespace whisperstore::test {

/// One store of a layer. Thread safe after prepare().
class ChaosSubject
{
public:
    virtual ~ChaosSubject() = default;

    /// Where write() writes to; writes number 0.
    virtual awaitable<void> prepare() = 0;
    /// Something with this number, each once.
    virtual awaitable<void> write(std::int64_t number, OperationContext context) = 0;
    /// A small read. \returns whether its answer was right
    virtual awaitable<bool> read(OperationContext context) = 0;
    /// The numbers that are there.
    virtual awaitable<std::set<std::int64_t>> stored() = 0;
    virtual ResilienceStats stats() const = 0;
    /// As observers and HealthReport name it.
    virtual std::string component() const = 0;
};

/// \param component "database", "vector_database", "cache" or "graph_database". The layer must stay.
std::unique_ptr<ChaosSubject> chaos_subject(StorageLayer& storage, const std::string& component);

} // namespace whisperstore::test
