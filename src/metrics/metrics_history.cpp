#include "core/failure.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/latency_histogram.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/metrics/metrics_history.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace whisperstore {

namespace {

constexpr std::array<std::string_view, 3> reference_layers{"database", "vector_database", "cache"};
// A transaction with few statements, however many samples there are.
constexpr std::size_t samples_per_statement = 50;

MetricSample sample(std::string name, double value)
{
    MetricSample out;
    out.name = std::move(name);
    out.value = value;
    return out;
}

const json::object* object_in(const json::object& object, std::string_view key)
{
    const json::value* value = object.if_contains(key);
    return value ? value->if_object() : nullptr;
}

const json::object* operations_of(const json::object& unified, std::string_view layer)
{
    const bool is_graph = layer == "graph_database";
    const json::object* parent = object_in(unified, is_graph ? "extended" : layer);
    const json::object* extended = parent ? object_in(*parent, is_graph ? layer : "extended") : nullptr;
    return extended ? object_in(*extended, "operations") : nullptr;
}

/// All operations of a layer together.
struct Calls
{
    LatencyHistogram latency;
    std::uint64_t errors = 0;
};

Calls calls_of(const json::object& unified, std::string_view layer)
{
    Calls calls;
    const json::object* operations = operations_of(unified, layer);
    if (!operations)
        return calls;
    for (const auto& [name, operation] : *operations) {
        calls.latency.merge(LatencyHistogram::from_json(operation.as_object()));
        for (const auto& [code, count] : operation.as_object().at("errors").as_object())
            calls.errors += count.to_number<std::uint64_t>();
    }
    return calls;
}

void add_calls(std::vector<MetricSample>& samples, std::string_view layer, const json::object& unified,
               const json::object& before)
{
    if (!operations_of(unified, layer))
        return;
    const Calls now_calls = calls_of(unified, layer);
    const Calls earlier = calls_of(before, layer);
    const LatencyHistogram latency = now_calls.latency.since(earlier.latency);
    const std::string prefix = std::string(layer) + ".";
    samples.push_back(sample(prefix + "calls", static_cast<double>(latency.calls())));
    samples.push_back(sample(prefix + "errors", static_cast<double>(now_calls.errors - earlier.errors)));
    if (latency.calls() == 0)
        return;
    samples.push_back(sample(prefix + "p50_ms", latency.quantile_ms(0.5)));
    samples.push_back(sample(prefix + "p99_ms", latency.quantile_ms(0.99)));
}

std::string like_prefix(std::string_view prefix)
{
    std::string pattern;
    for (const char c : prefix) {
        if (c == '%' || c == '_' || c == '\\')
            pattern.push_back('\\');
        pattern.push_back(c);
    }
    return pattern + "%";
}

} // namespace

std::vector<MetricSample> history_samples(const json::object& unified, const json::object& before)
{
    std::vector<MetricSample> samples;
    try {
        for (const std::string_view layer : reference_layers)
            for (const auto& [key, value] : unified.at(layer).as_object())
                if (value.is_number())
                    samples.push_back(sample(std::string(layer) + "." + std::string(key), value.to_number<double>()));
        for (const std::string_view layer : {"database", "vector_database", "cache", "graph_database"})
            add_calls(samples, layer, unified, before);
    } catch (const boost::system::system_error& error) {
        throw StorageError(StorageErrc::invalid_argument,
                           std::string("the metrics have not the shape of get_unified_metrics(): ") + error.what());
    }
    return samples;
}

MetricsHistory::MetricsHistory(std::shared_ptr<AbstractDatabaseAdapter> database) : database_(std::move(database)) {}

awaitable<void> MetricsHistory::record(std::vector<MetricSample> samples, json::object tags,
                                       std::chrono::hours retention, OperationContext context)
{
    const Timestamp time = now();
    const std::string tag_text = json::serialize(tags);
    std::vector<Query> queries;
    for (std::size_t begin = 0; begin < samples.size(); begin += samples_per_statement) {
        const std::size_t end = std::min(samples.size(), begin + samples_per_statement);
        std::string sql = "INSERT INTO performance_metrics (metric_name, metric_value, timestamp, tags) VALUES ";
        Parameters values;
        for (std::size_t i = begin; i < end; ++i) {
            sql += i == begin ? "(?, ?, ?, ?)" : ", (?, ?, ?, ?)";
            values.add({}, samples[i].name);
            values.add({}, samples[i].value);
            values.add({}, timestamp(time));
            values.add({}, tag_text);
        }
        queries.push_back(query(std::move(sql), std::move(values)));
    }
    queries.push_back(
        query("DELETE FROM performance_metrics WHERE timestamp < ?", params(arg(timestamp(time - retention)))));
    co_await database_->execute_transaction(std::move(queries), std::move(context));
}

awaitable<std::vector<MetricSample>> MetricsHistory::read(std::string prefix, Timestamp since, std::size_t limit,
                                                          OperationContext context)
{
    if (limit < 1 || limit > 1'000'000)
        throw StorageError(StorageErrc::invalid_argument,
                           "the limit of a history is " + std::to_string(limit) + "; allowed is 1 to 1000000");
    Parameters values = params(arg("prefix", like_prefix(prefix)), arg("since", timestamp(since)), arg("limit", limit));
    const QueryResult result =
        co_await database_->execute_query("SELECT metric_name, metric_value, timestamp, tags FROM performance_metrics "
                                          "WHERE metric_name LIKE :prefix ESCAPE '\\' AND timestamp >= :since "
                                          "ORDER BY timestamp DESC, id DESC LIMIT :limit",
                                          std::move(values), std::move(context));
    std::vector<MetricSample> samples;
    samples.reserve(result.rows.size());
    for (const Row& row : result) {
        MetricSample one = sample(std::string(row["metric_name"].as_text()), row["metric_value"].as_real());
        one.timestamp = row["timestamp"].as_timestamp();
        one.tags = row["tags"].as_optional_text().value_or("{}");
        samples.push_back(std::move(one));
    }
    std::reverse(samples.begin(), samples.end());
    co_return samples;
}

} // namespace whisperstore
