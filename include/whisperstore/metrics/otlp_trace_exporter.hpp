#pragma once
/// \file
/// Traces of every call for OpenTelemetry.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/log.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/metrics/trace_export_config.hpp>
#include <whisperstore/resilience/operation_observer.hpp>

#include <cstdint>
#include <memory>

namespace whisperstore {

/// What became of the spans so far.
struct TraceExportStats
{
    std::uint64_t recorded = 0; ///< calls that ended in a trace that is kept
    std::uint64_t exported = 0; ///< taken by the collector
    std::uint64_t dropped = 0;  ///< because too many waited, or after shutdown()
    std::uint64_t failed = 0;   ///< refused by the collector, or sent and never answered
    std::uint64_t waiting = 0;  ///< now
    json::object to_json() const;
};

/// Makes a span of each call (a child of the trace in its context, W3C Trace Context level 1; a call without one begins
/// a trace) and sends them in batches to an OpenTelemetry collector, as OTLP over HTTP in JSON
/// (opentelemetry-proto 1.3). The context that goes down carries the span, so what a store does on another store is a
/// child of it. Attributes are named by the semantic conventions for database calls (docs/tracing.md).
///
/// A call costs some small copies and never waits. Memory is bounded by TraceExportConfig::max_spans; spans beyond are
/// dropped and counted. A batch that certainly did not arrive (no connection, 429, 503) is sent again after a pause;
/// one that may have arrived is not. Works on a thread of its own. Thread safe.
class OtlpTraceExporter final : public OperationObserver
{
public:
    /// \param logger hears when spans begin not to arrive, and when they do again
    /// \throws StorageError invalid_argument for an endpoint that is no http:// or https:// URL, or a ratio beyond 0-1.
    explicit OtlpTraceExporter(TraceExportConfig config, Logger logger = Logger());
    /// Drops what waits, without waiting: call shutdown() first.
    ~OtlpTraceExporter() override;
    OtlpTraceExporter(const OtlpTraceExporter&) = delete;
    OtlpTraceExporter& operator=(const OtlpTraceExporter&) = delete;

    std::uint64_t started(const OperationEvent& event, OperationContext& context) noexcept override;
    void finished(const OperationEvent& event, const OperationContext& context, const OperationResult& result,
                  std::uint64_t started) noexcept override;

    /// Sends what waits now, and returns when it arrived or was given up.
    /// \throws StorageError timeout, cancelled for the caller's own limits.
    awaitable<void> flush(OperationContext context = OperationContext());
    /// flush() once, without trying again, and the end: what is recorded later is dropped. A second call does nothing.
    awaitable<void> shutdown(OperationContext context = OperationContext());

    TraceExportStats stats() const;

private:
    struct State;
    const std::shared_ptr<State> state_;
};

/// Both see every call, `first` first: what it puts into the context is what `second` sees. Null for either: the other
/// one.
std::shared_ptr<OperationObserver> both_observers(std::shared_ptr<OperationObserver> first,
                                                  std::shared_ptr<OperationObserver> second);

} // namespace whisperstore
