#include <whisperstore/core/error.hpp>
#include <whisperstore/core/latency_histogram.hpp>
#include <whisperstore/metrics/metric_table.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <utility>
#include <vector>

namespace whisperstore {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

/// A layer of the document: where what is more than the reference's stands, and the name of its type in there.
struct Layer
{
    std::string_view name;
    std::string_view parent; ///< of its extended part
    std::string_view member; ///< of that
    std::string_view type;
};
constexpr std::array layers{Layer{"database", "database", "extended", "database_type"},
                            Layer{"vector_database", "vector_database", "extended", "vector_database_type"},
                            Layer{"cache", "cache", "extended", "cache_type"},
                            Layer{"graph_database", "extended", "graph_database", "graph_database_type"}};

const json::object* object_in(const json::object& object, std::string_view key)
{
    const json::value* value = object.if_contains(key);
    return value ? value->if_object() : nullptr;
}

const json::object* extended_of(const json::object& unified, const Layer& layer)
{
    const json::object* parent = object_in(unified, layer.parent);
    return parent ? object_in(*parent, layer.member) : nullptr;
}

/// The next name between separators; takes it off.
std::string_view take(std::string_view& rest, char separator)
{
    const std::size_t end = rest.find(separator);
    const std::string_view first = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return first;
}

std::optional<double> number(const json::value& value)
{
    if (value.is_bool())
        return value.get_bool() ? 1.0 : 0.0;
    if (value.is_number())
        return value.to_number<double>();
    return std::nullopt;
}

/// Finds a metric's values in a document and makes its family.
class Family
{
public:
    explicit Family(const Metric& metric) : metric_(metric)
    {
        family_.name = metric.name;
        family_.help = metric.help;
        family_.type = metric.kind == MetricKind::counter     ? prometheus::MetricType::Counter
                       : metric.kind == MetricKind::histogram ? prometheus::MetricType::Histogram
                                                              : prometheus::MetricType::Gauge;
        std::string_view rest = metric.labels;
        while (!rest.empty())
            label_names_.emplace_back(take(rest, ','));
    }

    void collect(const json::object& unified)
    {
        for (const Layer& layer : layers) {
            std::string_view path = metric_.path;
            const std::string_view first = take(path, '.');
            if (first != "*" && first != layer.name)
                continue;
            const json::object* extended = extended_of(unified, layer);
            if (!extended)
                continue;
            labels_.clear();
            label("layer", layer.name);
            if (const json::value* type = extended->if_contains(layer.type); type && type->is_string())
                label("backend", type->get_string());
            const json::object* from = first == "*" ? extended : object_in(unified, first);
            if (from)
                descend(*from, path, 0);
        }
    }

    MetricFamily take_family() { return std::move(family_); }

private:
    void label(std::string name, std::string_view value)
    {
        ClientMetric::Label one;
        one.name = std::move(name);
        one.value = value;
        labels_.push_back(std::move(one));
    }

    void descend(const json::object& object, std::string_view path, std::size_t labels_used)
    {
        std::string_view step = take(path, '.');
        const bool members = step.ends_with("{}");
        const std::size_t bracket = step.find('[');
        const std::string_view key = members ? step.substr(0, step.size() - 2) : step.substr(0, bracket);
        const json::value* value = object.if_contains(key);
        if (!value || value->is_null())
            return;
        if (members) {
            for (const auto& [name, member] : value->as_object())
                descend_with_label(name, member, path, labels_used);
        } else if (bracket != std::string_view::npos) {
            const std::string_view by = step.substr(bracket + 1, step.size() - bracket - 2);
            for (const json::value& element : value->as_array())
                descend_with_label(element.as_object().at(by).as_string(), element, path, labels_used);
        } else {
            go_on(*value, path, labels_used);
        }
    }

    void descend_with_label(std::string_view value_of_label, const json::value& value, std::string_view path,
                            std::size_t labels_used)
    {
        label(label_names_.at(labels_used), value_of_label);
        go_on(value, path, labels_used + 1);
        labels_.pop_back();
    }

    void go_on(const json::value& value, std::string_view path, std::size_t labels_used)
    {
        if (path.empty())
            add(value);
        else
            descend(value.as_object(), path, labels_used);
    }

    void add(const json::value& value)
    {
        ClientMetric sample;
        sample.label = labels_;
        if (metric_.kind == MetricKind::state) {
            add_states(value);
        } else if (metric_.kind == MetricKind::histogram) {
            sample.histogram = histogram(value.as_object());
            if (sample.histogram.sample_count != 0)
                family_.metric.push_back(std::move(sample));
        } else if (const auto found = number(value)) {
            (metric_.kind == MetricKind::counter ? sample.counter.value : sample.gauge.value) = *found * metric_.scale;
            family_.metric.push_back(std::move(sample));
        }
    }

    void add_states(const json::value& value)
    {
        std::string_view rest = metric_.states;
        while (!rest.empty()) {
            const std::string_view state = take(rest, ',');
            ClientMetric sample;
            sample.label = labels_;
            sample.label.push_back({"state", std::string(state)});
            sample.gauge.value = value.as_string() == state ? 1 : 0;
            family_.metric.push_back(std::move(sample));
        }
    }

    /// With a bucket for each power of four: enough for quantiles over many processes, few enough to store.
    static ClientMetric::Histogram histogram(const json::object& of)
    {
        ClientMetric::Histogram out;
        const json::array& buckets = of.at("buckets").as_array();
        std::size_t next = 0;
        std::uint64_t count = 0;
        for (std::size_t i = 0; i < LatencyHistogram::bucket_count - 1; i += 8) {
            const double bound_ms = std::chrono::duration<double, std::milli>(LatencyHistogram::bound(i)).count();
            for (; next < buckets.size() && buckets[next].as_array().at(0).to_number<double>() <= bound_ms; ++next)
                count += buckets[next].as_array().at(1).to_number<std::uint64_t>();
            out.bucket.push_back({count, bound_ms * 0.001});
        }
        for (; next < buckets.size(); ++next)
            count += buckets[next].as_array().at(1).to_number<std::uint64_t>();
        out.sample_count = count;
        out.sample_sum = of.at("average_ms").to_number<double>() * static_cast<double>(count) * 0.001;
        return out;
    }

    const Metric& metric_;
    MetricFamily family_;
    std::vector<std::string> label_names_;
    std::vector<ClientMetric::Label> labels_;
};

} // namespace

std::string prometheus_text(const json::object& unified)
{
    std::vector<MetricFamily> families;
    try {
        for (const Metric& metric : metric_table()) {
            Family family(metric);
            family.collect(unified);
            MetricFamily found = family.take_family();
            if (!found.metric.empty())
                families.push_back(std::move(found));
        }
    } catch (const boost::system::system_error& error) {
        throw StorageError(StorageErrc::invalid_argument,
                           std::string("the metrics have not the shape of get_unified_metrics(): ") + error.what());
    }
    return prometheus::TextSerializer().Serialize(families);
}

} // namespace whisperstore
