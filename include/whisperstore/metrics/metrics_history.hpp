#pragma once
/// \file
/// The history of metrics in the table `performance_metrics`.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

class AbstractDatabaseAdapter;

/// One value at one time.
struct MetricSample
{
    std::string name; ///< "database.query_response_time_avg"
    double value = 0;
    Timestamp timestamp{};
    std::string tags = "{}"; ///< a JSON object, which says whose it is
};

/// What the history keeps of a document of StorageMetricsCollector::get_unified_metrics(): the reference's values
/// (`database.error_rate`), and for each layer `calls`, `errors`, `p50_ms` and `p99_ms` of what has come since
/// `before`, an earlier document of the same process (empty: since its start). Values that are null are left out.
/// \throws StorageError invalid_argument for documents of another shape.
std::vector<MetricSample> history_samples(const json::object& unified, const json::object& before = json::object());

/// Reads and writes the history. Thread safe.
class MetricsHistory
{
public:
    explicit MetricsHistory(std::shared_ptr<AbstractDatabaseAdapter> database);

    /// Writes samples with the time now, and removes what is older than `retention`, in one transaction.
    /// \param tags a JSON object for all of them.
    awaitable<void> record(std::vector<MetricSample> samples, json::object tags, std::chrono::hours retention,
                           OperationContext context = OperationContext());

    /// The newest entries whose name begins with `prefix`, oldest first. \param limit at most so many; 1 to 1,000,000,
    /// else invalid_argument.
    awaitable<std::vector<MetricSample>> read(std::string prefix, Timestamp since, std::size_t limit = 10000,
                                              OperationContext context = OperationContext());

private:
    std::shared_ptr<AbstractDatabaseAdapter> database_;
};

} // namespace whisperstore
