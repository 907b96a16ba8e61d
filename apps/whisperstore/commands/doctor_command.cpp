// doctor

#include "commands/command_tree.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"
#include "doctor/folder_checks.hpp"
#include "doctor/store_checks.hpp"

#include <whisperstore/storage/initialize_storage_layer.hpp>

namespace whisperstore::cli {

namespace {

Tone tone_of(Severity severity) noexcept
{
    switch (severity) {
    case Severity::ok:
        return Tone::good;
    case Severity::note:
        return Tone::quiet;
    case Severity::warning:
        return Tone::warning;
    case Severity::problem:
        break;
    }
    return Tone::bad;
}

/// Changes nothing, and starts without whatever is away.
StorageConfiguration for_looking(StorageConfiguration configuration)
{
    configuration.database.read_only = true;
    configuration.vector_database.read_only = true;
    configuration.backup.folder.clear();
    configuration.metrics.interval = std::chrono::seconds(0);
    for (Availability* availability :
         {&configuration.availability.database, &configuration.availability.vector_database,
          &configuration.availability.cache, &configuration.availability.graph_database})
        if (*availability == Availability::required)
            *availability = Availability::degrade;
    return configuration;
}

void print(Invocation& invocation, const Findings& findings)
{
    Output& out = invocation.out();
    Table table(invocation.terminal());
    table.column("CHECK").column("", Align::left, Cut::never).column("WHAT WAS FOUND");
    for (const Finding& finding : findings.all())
        table.row(
            {Cell(finding.check), Cell(to_string(finding.severity), tone_of(finding.severity)), Cell(finding.message)});
    table.print(out);
    bool first = true;
    for (const Finding& finding : findings.all()) {
        if (finding.action.empty())
            continue;
        if (first)
            out.line("\nWhat to do:");
        first = false;
        out.line("  " + invocation.terminal().paint(tone_of(finding.severity), finding.check) + ": " +
                 one_line(finding.action));
    }
    if (first)
        out.line("\nAll is well.");
}

Exit examine(Invocation& invocation)
{
    const AdaptiveConfigManager manager = invocation.read_configuration();
    const StorageConfiguration& configuration = manager.get_storage_configuration();
    Findings findings;
    for (const std::string& warning : manager.warnings())
        findings.warning("configuration", warning,
                         "Correct it; \"whisperstore config show\" tells where values are from");
    if (manager.warnings().empty())
        findings.ok("configuration", std::string(to_string(manager.environment())) + ", tier " +
                                         std::to_string(manager.scale_tier()) + ", every setting is understood");
    check_folders(configuration, findings);
    if (has_data(configuration.database)) {
        const auto storage = invocation.run(initialize_storage_layer(for_looking(configuration), invocation.context()));
        OpenStorage open(invocation.runtime(), storage);
        invocation.run(check_stores(*open, findings, invocation.context()));
        open.close();
    } else {
        findings.note("database", "nothing is stored yet; \"whisperstore init\" begins, or the first write");
    }
    invocation.run(check_backups(configuration, findings, invocation.context()));

    const Exit exit = findings.worst() == Severity::problem ? Exit::failed : Exit::done;
    if (!invocation.json()) {
        print(invocation, findings);
        return exit;
    }
    json::object document;
    document["worst"] = to_string(findings.worst());
    json::array list;
    for (const Finding& finding : findings.all())
        list.emplace_back(finding.to_json());
    document["findings"] = std::move(list);
    invocation.out().document(document);
    return exit;
}

} // namespace

void add_doctor_command(CLI::App& program, Selected& selected)
{
    CLI::App* doctor = program.add_subcommand("doctor", "Look for what is wrong, and say what to do about it");
    doctor->footer(
        "Looks at the configuration, folders, disk space, each store, versions, schema, clocks, backups, and\n"
        "whether the stores fit each other. Changes nothing. Exit code 1 when there is a problem.");
    doctor->callback([&selected] { selected.action = examine; });
}

} // namespace whisperstore::cli
