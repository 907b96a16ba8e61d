// graph export, graph import

#include "commands/command_tree.hpp"
#include "display/progress.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/migration/graph_migration.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

namespace whisperstore::cli {

namespace {

constexpr const char* standard_stream = "-";

void print_report(Invocation& invocation, const std::string& what, const GraphMigrationReport& report)
{
    if (invocation.json()) {
        json::object document;
        document["nodes"] = report.nodes;
        document["relationships"] = report.relationships;
        invocation.out().document(document);
    } else {
        invocation.out().line(what + counted(report.nodes, "node") + " and " +
                              counted(report.relationships, "relationship") + ".");
    }
}

StorageError file_error(const std::string& path, const char* what)
{
    const int error = errno;
    return StorageError(error == ENOENT   ? StorageErrc::not_found
                        : error == EEXIST ? StorageErrc::already_exists
                        : error == EACCES ? StorageErrc::permission
                                          : StorageErrc::invalid_argument,
                        one_line(path) + " cannot be " + what + ": " + std::strerror(error));
}

GraphMigrationReport export_to(Invocation& invocation, std::ostream& out)
{
    OpenStorage storage = invocation.open(Access::read);
    const Spinner spinner(invocation.runtime().io(), "Exporting the graph");
    const GraphMigrationReport report =
        invocation.run(export_graph(storage->graph(), out, GraphMigrationProgress(), invocation.context()));
    storage.close();
    return report;
}

Exit export_file(Invocation& invocation, const std::string& path)
{
    if (path == standard_stream) {
        export_to(invocation, std::cout);
        return Exit::done;
    }
    if (std::filesystem::exists(path)) {
        errno = EEXIST;
        throw file_error(path, "written");
    }
    // Half a graph never has the name of a whole one.
    const std::string unfinished = path + ".unfinished";
    GraphMigrationReport report;
    try {
        std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
        if (!file)
            throw file_error(path, "written");
        report = export_to(invocation, file);
    } catch (...) {
        std::error_code ignored; // the first failure is the one to tell
        std::filesystem::remove(unfinished, ignored);
        throw;
    }
    std::filesystem::rename(unfinished, path);
    print_report(invocation, "Exported to " + one_line(path) + ": ", report);
    return Exit::done;
}

Exit import_file(Invocation& invocation, const std::string& path)
{
    std::ifstream file;
    if (path != standard_stream) {
        file.open(path, std::ios::binary);
        if (!file)
            throw file_error(path, "read");
    }
    GraphMigrationReport report;
    {
        OpenStorage storage = invocation.open(Access::write);
        const Spinner spinner(invocation.runtime().io(), "Importing the graph");
        std::istream& in = path == standard_stream ? std::cin : file;
        report = invocation.run(import_graph(storage->graph(), in, GraphMigrationProgress(), invocation.context()));
        storage.close();
    }
    print_report(invocation, "Imported ", report);
    return Exit::done;
}

} // namespace

void add_graph_file_commands(CLI::App& program, Selected& selected)
{
    CLI::App* graph = program.add_subcommand("graph", "Take the graph to another store, in a file");
    graph->require_subcommand(1);
    const auto add = [&](const char* name, const char* description, const char* file_is, bool required,
                         Exit (*action)(Invocation&, const std::string&)) {
        auto path = std::make_shared<std::string>(standard_stream);
        CLI::App* command = graph->add_subcommand(name, description);
        command->add_option("FILE", *path, file_is)->required(required);
        command->callback([&selected, path, action] {
            selected.action = [path, action](Invocation& invocation) { return action(invocation, *path); };
        });
    };
    add("export", "Write all nodes and relationships as JSON lines",
        "A file that does not exist yet; standard output without it, or for -", false, export_file);
    add("import", "Add what was exported; nodes and relationships that are there are merged",
        "The file; - for standard input", true, import_file);
}

} // namespace whisperstore::cli
