#pragma once
/// \file
/// Every metric there is: one table that Prometheus' text, the golden file and the documentation are made from.

#include <whisperstore/core/json.hpp>

#include <span>
#include <string>
#include <string_view>

namespace whisperstore {

enum class MetricKind
{
    counter,   ///< only grows, until the process ends
    gauge,     ///< goes up and down
    histogram, ///< of seconds
    state,     ///< a gauge for each of its states, 1 for the one that holds
};
std::string_view to_string(MetricKind kind) noexcept;

/// One metric.
struct Metric
{
    std::string_view name; ///< "whisperstore_calls_total"
    MetricKind kind;
    /// Where it is in StorageMetricsCollector::get_unified_metrics(), with dots. A first part `*` stands for the
    /// `extended` of each layer; `list[key]` for each element of a list, `object{}` for each member of an object.
    std::string_view path;
    std::string_view labels; ///< beside `layer` and `backend`: those that the elements and members give, with commas
    double scale;            ///< from the value there to the metric's unit
    std::string_view states; ///< of a state, with commas
    std::string_view help;
};

/// The whole table, by layer.
std::span<const Metric> metric_table() noexcept;

/// The text format 0.0.4 of Prometheus for a document of get_unified_metrics(). What is not in it, or null, is left
/// out. \param unified as that function made it, possibly elsewhere.
/// \throws StorageError invalid_argument for a document of another shape.
std::string prometheus_text(const json::object& unified);

} // namespace whisperstore
