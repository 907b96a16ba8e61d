// detect, config show

#include "commands/command_tree.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/config/environment_detector.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>

#include <algorithm>

namespace whisperstore::cli {

namespace {

std::string_view tier_meaning(int tier) noexcept
{
    switch (tier) {
    case 1:
        return "one small machine, no servers";
    case 2:
        return "one large machine or containers, a server for each store";
    default:
        return "Kubernetes, a cluster for each store";
    }
}

struct Recommendation
{
    std::string component;
    std::string type;
    bool built; ///< whether this program contains it
};

bool contains(const std::vector<std::string>& types, const std::string& type)
{
    return std::find(types.begin(), types.end(), type) != types.end();
}

/// The backends of what was detected, whatever is set.
std::vector<Recommendation> recommended()
{
    ConfigOptions options;
    options.config_file = std::filesystem::path();
    options.environment = EnvironmentMap();
    const EnvironmentMap variables = process_environment();
    if (const auto found = variables.find("KUBERNETES_SERVICE_HOST"); found != variables.end())
        options.environment->insert(*found);
    const AdaptiveConfigManager detected(std::move(options));
    const StorageConfiguration& configuration = detected.get_storage_configuration();
    using Factory = StorageManagerFactory;
    return {{"database", configuration.database.type,
             contains(Factory::supported_database_types(), configuration.database.type)},
            {"vector_database", configuration.vector_database.type,
             contains(Factory::supported_vector_types(), configuration.vector_database.type)},
            {"cache", configuration.cache.type, contains(Factory::supported_cache_types(), configuration.cache.type)},
            {"graph_database", configuration.graph_database.type,
             contains(Factory::supported_graph_types(), configuration.graph_database.type)}};
}

Exit detect(Invocation& invocation)
{
    const EnvironmentDetector detector;
    const Environment environment = detector.environment();
    const Resources resources = detector.resources();
    const int tier = determine_scale_tier(environment, resources);
    const std::vector<Recommendation> backends = recommended();
    Output& out = invocation.out();
    if (invocation.json()) {
        json::object document;
        document["environment"] = to_string(environment);
        document["environment_evidence"] = detector.evidence();
        document["scale_tier"] = tier;
        document["resources"] = resources.to_json();
        json::object types;
        for (const Recommendation& backend : backends)
            types[backend.component] = backend.type;
        document["backends"] = std::move(types);
        out.document(document);
        return Exit::done;
    }
    const Terminal& terminal = invocation.terminal();
    Table facts(terminal);
    facts.column("").column("");
    facts.row({Cell("Environment"), Cell(std::string(to_string(environment)) + " (" + detector.evidence() + ")")});
    facts.row({Cell("Memory"), Cell(resources.memory_gb > 0 ? fixed(resources.memory_gb, 1) + " GB" : "unknown")});
    facts.row({Cell("CPU cores"), Cell(resources.cpu_cores > 0 ? compact(resources.cpu_cores) : "unknown")});
    facts.row({Cell("Scale tier"), Cell(std::to_string(tier) + ": " + std::string(tier_meaning(tier)))});
    facts.print(out);

    out.line();
    out.line("Backends of this tier:");
    Table types(terminal, "  ");
    types.column("").column("").column("");
    for (const Recommendation& backend : backends) {
        types.row({Cell(backend.component), Cell(backend.type),
                   Cell(backend.built ? "" : "not in this build", Tone::warning)});
    }
    types.print(out);
    if (tier > 1) {
        out.line();
        out.line("To run without servers, add --data-dir DIR or set WHISPERENGINE_DATA_DIR:");
        out.line("the backends of tier 1 then keep everything in that folder.");
    }
    return Exit::done;
}

Exit show_config(Invocation& invocation)
{
    const AdaptiveConfigManager manager = invocation.configure();
    Output& out = invocation.out();
    if (invocation.json()) {
        out.document(manager.to_json());
        return Exit::done;
    }
    Table table(invocation.terminal());
    table.column("SETTING", Align::left, Cut::never).column("VALUE").column("ORIGIN");
    std::string group;
    for (const SettingReport& report : manager.describe()) {
        const std::string own = report.name.substr(0, report.name.find('.'));
        if (!group.empty() && own != group)
            table.row({Cell(""), Cell(""), Cell("")});
        group = own;
        const bool given = !report.value.empty();
        const std::string origin = report.note.empty() ? report.origin : report.origin + "; not used: " + report.note;
        table.row({Cell(report.variable, given ? Tone::plain : Tone::quiet),
                   Cell(given ? report.value : "-", given ? Tone::cyan : Tone::quiet),
                   Cell(origin, report.note.empty() ? Tone::quiet : Tone::warning)});
    }
    table.print(out);
    return Exit::done;
}

} // namespace

void add_config_commands(CLI::App& program, Selected& selected)
{
    program.add_subcommand("detect", "Show the environment, and the size of deployment that fits it")
        ->callback([&selected] { selected.action = detect; });
    CLI::App* config = program.add_subcommand("config", "The settings in force");
    config->require_subcommand(1);
    config->add_subcommand("show", "Show every setting, its value, and where the value came from")
        ->callback([&selected] { selected.action = show_config; });
}

} // namespace whisperstore::cli
