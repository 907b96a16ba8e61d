#pragma once
/// \file
/// Where spans go.

#include <whisperstore/core/json.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace whisperstore {

/// Settings of OtlpTraceExporter. Whatever the collector does, no more than `max_spans` spans are kept.
struct TraceExportConfig
{
    /// `http://collector:4318`; `/v1/traces` is added. Credentials in it are sent as Basic authentication. Empty: no
    /// spans.
    std::string endpoint = {};
    std::string service_name = "whisperstore";
    /// Part of the traces that are kept, 0-1, of those that begin here. Others go by what their caller decided.
    double sampling_ratio = 1;

    /// \name What no setting changes
    ///@{
    std::size_t max_spans = 8'192;                 ///< that wait or are on their way; more are dropped, and counted
    std::size_t batch = 512;                       ///< spans of one request
    std::chrono::milliseconds interval{2'000};     ///< the longest a span waits for others to go with it
    std::chrono::milliseconds timeout{10'000};     ///< of one request
    std::chrono::milliseconds max_backoff{30'000}; ///< the longest pause after a collector that does not answer
    ///@}

    json::object to_json() const;
};

} // namespace whisperstore
