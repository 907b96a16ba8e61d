// init, status

#include "commands/command_tree.hpp"
#include "display/metrics_view.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/metrics/storage_metrics_collector.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>

#include <filesystem>

namespace whisperstore::cli {

namespace {

Tone tone_of(HealthStatus status) noexcept
{
    switch (status) {
    case HealthStatus::ok:
        return Tone::good;
    case HealthStatus::degraded:
        return Tone::warning;
    case HealthStatus::down:
        return Tone::bad;
    case HealthStatus::disabled:
        break;
    }
    return Tone::quiet;
}

/// Whether the tables are in a server's database. What keeps it from answering is told when it is opened.
bool has_tables(Invocation& invocation, DatabaseConfig config)
{
    config.read_only = true;
    const auto database = StorageManagerFactory::create_database_manager(std::move(config));
    bool found = true;
    try {
        invocation.run(database->connect(invocation.context()));
        invocation.run(
            database->execute_query("SELECT count(*) FROM schema_migrations", Parameters(), invocation.context()));
    } catch (const StorageError& error) {
        found = error.errc() != StorageErrc::not_found;
    }
    invocation.run(database->disconnect());
    return found;
}

/// Whether there is something already, which init will leave as it is.
bool is_initialized(Invocation& invocation, const StorageConfiguration& configuration)
{
    if (configuration.database.type != "sqlite")
        return has_tables(invocation, configuration.database);
    const SqlitePath database = sqlite_path(configuration.database.connection_string);
    std::error_code error; // what cannot be looked at is told when it is opened
    return !database.memory && std::filesystem::exists(database.path, error);
}

std::string joined(const std::vector<std::string>& items)
{
    std::string out;
    for (const std::string& item : items)
        out.append(out.empty() ? "" : ", ").append(item);
    return out;
}

Exit initialize(Invocation& invocation)
{
    const AdaptiveConfigManager manager = invocation.configure();
    const bool existed = is_initialized(invocation, manager.get_storage_configuration());
    HealthReport health;
    std::vector<std::string> collections;
    {
        OpenStorage storage = invocation.open(manager, Access::write);
        health = invocation.run(storage->health(invocation.context()));
        collections = invocation.run(storage->vector_db().list_collections(invocation.context()));
        storage.close();
    }
    Output& out = invocation.out();
    if (invocation.json()) {
        json::object document;
        document["data_dir"] = manager.get_storage_configuration().data_dir.string();
        document["created"] = !existed;
        json::object types;
        for (const ComponentHealth& component : health.components)
            types[component.component] = component.type;
        document["backends"] = std::move(types);
        json::array names;
        for (const std::string& name : collections)
            names.emplace_back(name);
        document["collections"] = std::move(names);
        out.document(document);
        return Exit::done;
    }
    out.line(existed ? "Everything is there already:" : "Ready:");
    Table table(invocation.terminal(), "  ");
    table.column("").column("").column("");
    for (const ComponentHealth& component : health.components)
        table.row({Cell(component.component), Cell(component.type, Tone::strong),
                   Cell(joined(component.endpoints), Tone::quiet)});
    table.row({Cell("collections"), Cell(""), Cell(joined(collections), Tone::quiet)});
    table.print(out);
    return Exit::done;
}

struct TableCount
{
    std::string table;
    std::int64_t rows;
};

std::vector<TableCount> count_rows(Invocation& invocation, AbstractDatabaseAdapter& database)
{
    std::vector<TableCount> counts;
    for (const std::string table : {"users", "messages", "conversations", "memory_entries", "facts", "emotions",
                                    "graph_nodes", "relationships"}) {
        const QueryResult result =
            invocation.run(database.execute_query("SELECT count(*) FROM " + table, Parameters(), invocation.context()));
        counts.push_back(TableCount{table, result.rows[0][std::size_t{0}].as_int()});
    }
    return counts;
}

double number_in(const json::object& object, std::string_view key)
{
    const json::value* value = object.if_contains(key);
    return value && value->is_number() ? value->to_number<double>() : 0.0;
}

void print_health(Invocation& invocation, const HealthReport& health)
{
    const Terminal& terminal = invocation.terminal();
    Output& out = invocation.out();
    out.line("Storage is " + terminal.paint(tone_of(health.status), to_string(health.status)));
    out.line();
    Table table(terminal);
    table.column("COMPONENT").column("TYPE").column("STATUS").column("ANSWERS IN", Align::right).column("WHERE");
    for (const ComponentHealth& component : health.components) {
        const bool answers = component.status == HealthStatus::ok || component.status == HealthStatus::degraded;
        const std::string where = component.endpoints.empty() && answers ? "in process" : joined(component.endpoints);
        table.row({Cell(component.component), Cell(component.type),
                   Cell(to_string(component.status), tone_of(component.status)),
                   Cell(answers ? duration(component.latency_ms / 1000) : "-"),
                   Cell(component.reason.empty() ? where : component.reason,
                        component.reason.empty() ? Tone::plain : tone_of(component.status))});
    }
    table.print(out);
}

/// The servers of a cluster, where the database is one.
void print_topology(Invocation& invocation, const json::object& metrics)
{
    const json::value* topology = metrics.at("database").at("extended").as_object().if_contains("topology");
    if (!topology)
        return;
    invocation.out().line();
    Table table(invocation.terminal());
    table.column("SERVER").column("ROLE").column("STATUS").column("BEHIND", Align::right);
    table.column("ANSWERS IN", Align::right).column("CONNECTIONS", Align::right).column("");
    const auto time = [](const json::value& value) {
        return value.is_null() ? std::string("-") : duration(value.to_number<double>() / 1000);
    };
    for (const json::value& item : topology->at("nodes").as_array()) {
        const json::object& node = item.as_object();
        const bool reachable = node.at("reachable").as_bool();
        const std::string problem(node.at("problem").as_string());
        const Tone tone = !reachable ? Tone::bad : problem.empty() ? Tone::good : Tone::warning;
        table.row({Cell(node.at("name").as_string()), Cell(node.at("role").as_string()),
                   Cell(!reachable        ? "down"
                        : problem.empty() ? "ok"
                                          : "not used",
                        tone),
                   Cell(time(node.at("lag_ms"))), Cell(time(node.at("latency_ms"))),
                   Cell(compact(node.at("connections"))), Cell(problem, tone)});
    }
    table.print(invocation.out());
}

void print_contents(Invocation& invocation, const std::vector<TableCount>& counts, const json::object& metrics)
{
    Output& out = invocation.out();
    out.line();
    Table tables(invocation.terminal());
    tables.column("TABLE").column("ROWS", Align::right);
    for (const TableCount& count : counts)
        tables.row({Cell(count.table), Cell(grouped(static_cast<std::uint64_t>(count.rows)),
                                            count.rows == 0 ? Tone::quiet : Tone::plain)});
    tables.print(out);

    const json::value* told = metrics.at("vector_database").at("extended").as_object().if_contains("collections");
    if (!told)
        return; // the store is down, which the health says
    out.line();
    Table collections(invocation.terminal());
    collections.column("COLLECTION").column("VECTORS", Align::right).column("DIMENSIONS", Align::right);
    collections.column("MEMORY", Align::right).column("DISK", Align::right);
    for (const json::value& item : told->as_array()) {
        const json::object& stats = item.as_object();
        const auto size = [&](std::string_view key) {
            return file_size(static_cast<std::uint64_t>(number_in(stats, key)));
        };
        collections.row({Cell(stats.at("name").as_string()),
                         Cell(grouped(static_cast<std::uint64_t>(number_in(stats, "document_count")))),
                         Cell(fixed(number_in(stats, "embedding_dimension"), 0)), Cell(size("memory_bytes")),
                         Cell(size("disk_bytes"))});
    }
    collections.print(out);
}

/// Where vectors of texts come from; `message` where there are none.
json::object embedding_status(StorageLayer& storage)
{
    json::object status;
    status["type"] = storage.configuration().embedding.type;
    try {
        const EmbeddingProvider& provider = storage.embeddings();
        status["model"] = provider.model_name();
        status["dimension"] = provider.dimension();
    } catch (const StorageError& error) {
        status["message"] = error.message();
    }
    return status;
}

void print_embedding(Invocation& invocation, const json::object& status)
{
    std::string line = "Vectors of texts: " + std::string(status.at("type").as_string());
    if (const json::value* model = status.if_contains("model"))
        line += ", " + one_line(model->as_string()) + ", " +
                std::to_string(status.at("dimension").to_number<std::uint64_t>()) + " dimensions";
    else
        line += "; " + one_line(status.at("message").as_string());
    invocation.out().line();
    invocation.out().line(line);
}

Exit show_status(Invocation& invocation)
{
    const AdaptiveConfigManager manager = invocation.configure();
    OpenStorage storage = invocation.open(manager, Access::read);
    const HealthReport health = invocation.run(storage->health(invocation.context()));
    const json::object embedding = embedding_status(*storage);
    std::vector<TableCount> counts;
    json::object metrics;
    if (health.status != HealthStatus::down) {
        counts = count_rows(invocation, storage->database());
        StorageMetricsCollector collector(*storage);
        metrics = invocation.run(collector.get_unified_metrics(invocation.context()));
    }
    storage.close();

    const Exit exit = health.status == HealthStatus::down ? Exit::unavailable : Exit::done;
    if (invocation.json()) {
        json::object document = health.to_json();
        document["data_dir"] = manager.get_storage_configuration().data_dir.string();
        document["embedding"] = embedding;
        json::object rows;
        for (const TableCount& count : counts)
            rows[count.table] = json_integer(count.rows);
        document["rows"] = std::move(rows);
        document["metrics"] = std::move(metrics);
        invocation.out().document(document);
        return exit;
    }
    print_health(invocation, health);
    if (!metrics.empty())
        print_topology(invocation, metrics);
    print_embedding(invocation, embedding);
    if (!counts.empty()) {
        print_contents(invocation, counts, metrics);
        invocation.out().line();
        print_reference_metrics(invocation.terminal(), invocation.out(), metrics);
    }
    return exit;
}

} // namespace

void add_store_commands(CLI::App& program, Selected& selected)
{
    program.add_subcommand("init", "Create the schema and the collections; again, it changes nothing")
        ->callback([&selected] { selected.action = initialize; });
    CLI::App* status = program.add_subcommand("status", "Show health, contents and metrics of each component");
    status->footer("Exit code 4 when a required component does not answer.");
    status->callback([&selected] { selected.action = show_status; });
}

} // namespace whisperstore::cli
