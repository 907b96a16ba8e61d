#pragma once
/// \file
/// Metrics and trace hooks: what an application sees of every call.

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore {

/// Which call it is. The views live as long as the decorated store.
struct OperationEvent
{
    std::string_view layer;     ///< "database", "vector_database", "cache" or "graph_database"
    std::string_view backend;   ///< "sqlite", "http_qdrant", …
    std::string_view endpoint;  ///< without secrets; several of one cluster with commas; empty for memory
    std::string_view operation; ///< "execute_query", "transaction.commit", "read_history", …
};

/// How it ended.
struct OperationResult
{
    std::chrono::nanoseconds duration{0}; ///< waits for a turn and between attempts included
    int attempts = 0;                     ///< that reached the backend; 0 when the call was refused before
    std::optional<StorageErrc> error;     ///< none when it worked
    Outcome outcome = Outcome::applied;   ///< of a failure: as its error says
    std::string_view message;             ///< of a failure; only valid during the call
};

/// A circuit breaker opened, or closed again.
struct CircuitChange
{
    std::string_view layer;
    std::string_view backend;
    std::string_view endpoint;
    bool open = false;
    std::string_view reason; ///< the failure that opened it; only valid during the call
};

/// Sees every call of the stores it is given to. Called on whatever threads the calls run, by many
/// at once; must be fast and not call back into the store.
class OperationObserver
{
public:
    virtual ~OperationObserver() = default;

    /// Before anything else happens. May change the context that goes down: a tracer puts its own
    /// span into `context.trace`. What it returns comes back in finished(), e.g. the number of a span.
    virtual std::uint64_t started(const OperationEvent& event, OperationContext& context) noexcept
    {
        static_cast<void>(event);
        static_cast<void>(context);
        return 0;
    }

    /// At the end, exactly once for each started(), also when the call was cancelled or its coroutine
    /// destroyed (error `cancelled`). `context` is the one that went down.
    virtual void finished(const OperationEvent& event, const OperationContext& context, const OperationResult& result,
                          std::uint64_t started) noexcept = 0;

    virtual void circuit_changed(const CircuitChange& change) noexcept { static_cast<void>(change); }
};

} // namespace whisperstore
