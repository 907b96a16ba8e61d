// metrics

#include "commands/command_tree.hpp"
#include "display/metrics_view.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/metrics/metric_table.hpp>
#include <whisperstore/metrics/metrics_history.hpp>
#include <whisperstore/metrics/storage_metrics_collector.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

namespace whisperstore::cli {

namespace {

struct MetricsOptions
{
    bool prometheus = false;
    bool list = false;
    bool markdown = false;
    bool history = false;
    std::string name;
    double hours = 24;
};

/// The table of docs/metrics.md.
void print_page(Output& out)
{
    out.line("| metric | kind | labels | what it is |");
    out.line("|---|---|---|---|");
    for (const Metric& metric : metric_table())
        out.line("| `" + std::string(metric.name) + "` | " + std::string(to_string(metric.kind)) + " | " +
                 (metric.labels.empty() ? "" : std::string(metric.labels)) + " | " + std::string(metric.help) + " |");
}

Exit show_list(Invocation& invocation, const MetricsOptions& options)
{
    if (options.markdown) {
        print_page(invocation.out());
        return Exit::done;
    }
    if (invocation.json()) {
        json::array list;
        for (const Metric& metric : metric_table()) {
            json::object one;
            one["name"] = metric.name;
            one["kind"] = to_string(metric.kind);
            one["labels"] =
                "layer,backend" + (metric.labels.empty() ? std::string() : "," + std::string(metric.labels));
            one["help"] = metric.help;
            list.emplace_back(std::move(one));
        }
        invocation.out().document(list);
        return Exit::done;
    }
    Table table(invocation.terminal());
    table.column("METRIC", Align::left, Cut::never).column("KIND").column("LABELS").column("WHAT IT IS");
    for (const Metric& metric : metric_table())
        table.row(
            {Cell(metric.name), Cell(to_string(metric.kind)), Cell(metric.labels, Tone::quiet), Cell(metric.help)});
    table.print(invocation.out());
    return Exit::done;
}

Exit show_history(Invocation& invocation, const MetricsOptions& options)
{
    OpenStorage storage = invocation.open(Access::read);
    // The layer outlives what reads from it.
    const std::shared_ptr<AbstractDatabaseAdapter> database(&storage->database(), [](AbstractDatabaseAdapter*) {});
    MetricsHistory history(database);
    const auto since = now() - std::chrono::duration_cast<Timestamp::duration>(
                                   std::chrono::duration<double, std::ratio<3600>>(options.hours));
    const std::vector<MetricSample> samples =
        invocation.run(history.read(options.name, since, 1'000'000, invocation.context()));
    storage.close();
    if (invocation.json()) {
        json::array list;
        for (const MetricSample& sample : samples) {
            json::object one;
            one["name"] = sample.name;
            one["value"] = sample.value;
            one["timestamp"] = format_timestamp(sample.timestamp);
            one["tags"] = parse_json(sample.tags, "tags of a metric");
            list.emplace_back(std::move(one));
        }
        invocation.out().document(list);
        return Exit::done;
    }
    if (samples.empty()) {
        invocation.out().line("There is no history of that time. An application keeps one where "
                              "WHISPERENGINE_METRICS_INTERVAL_SECONDS is not 0.");
        return Exit::done;
    }
    struct Summary
    {
        std::size_t entries = 0;
        double least = 0;
        double most = 0;
        double sum = 0;
        double last = 0;
    };
    std::map<std::string, Summary> summaries;
    for (const MetricSample& sample : samples) {
        Summary& summary = summaries[sample.name];
        summary.least = summary.entries == 0 ? sample.value : std::min(summary.least, sample.value);
        summary.most = summary.entries == 0 ? sample.value : std::max(summary.most, sample.value);
        summary.sum += sample.value;
        summary.last = sample.value;
        ++summary.entries;
    }
    Table table(invocation.terminal());
    table.column("METRIC").column("ENTRIES", Align::right).column("LEAST", Align::right);
    table.column("AVERAGE", Align::right).column("MOST", Align::right).column("LAST", Align::right);
    for (const auto& [name, summary] : summaries)
        table.row({Cell(name), Cell(std::to_string(summary.entries)), Cell(fixed(summary.least, 3)),
                   Cell(fixed(summary.sum / static_cast<double>(summary.entries), 3)), Cell(fixed(summary.most, 3)),
                   Cell(fixed(summary.last, 3))});
    table.print(invocation.out());
    return Exit::done;
}

Exit show_metrics(Invocation& invocation, const MetricsOptions& options)
{
    if (options.list)
        return show_list(invocation, options);
    if (options.history)
        return show_history(invocation, options);
    OpenStorage storage = invocation.open(Access::read);
    StorageMetricsCollector collector(*storage);
    const json::object metrics = invocation.run(collector.get_unified_metrics(invocation.context()));
    storage.close();
    if (options.prometheus)
        invocation.out().write(prometheus_text(metrics));
    else if (invocation.json())
        invocation.out().document(metrics);
    else
        print_reference_metrics(invocation.terminal(), invocation.out(), metrics);
    return Exit::done;
}

} // namespace

void add_metrics_command(CLI::App& program, Selected& selected)
{
    CLI::App* metrics = program.add_subcommand("metrics", "Show metrics, and the history that applications keep");
    const auto options = std::make_shared<MetricsOptions>();
    metrics->add_flag("--prometheus", options->prometheus, "In the text format of Prometheus");
    CLI::Option* list = metrics->add_flag("--list", options->list, "Every metric there is, without opening anything");
    metrics->add_flag("--markdown", options->markdown, "The list as a table of a documentation page")->needs(list);
    CLI::Option* history = metrics->add_flag("--history", options->history, "What applications have recorded");
    metrics->add_option("--name", options->name, "Only those of the history whose name begins so")
        ->option_text("PREFIX")
        ->needs(history);
    metrics->add_option("--hours", options->hours, "How far back the history goes (24)")
        ->option_text("HOURS")
        ->check(number_from(0.01, 87600))
        ->needs(history);
    metrics->footer("Counts are those of this process, which has just begun; those of an application are on its own\n"
                    "/metrics (see serve) and in the history.");
    metrics->callback([&selected, options] {
        selected.action = [options](Invocation& invocation) { return show_metrics(invocation, *options); };
    });
}

} // namespace whisperstore::cli
