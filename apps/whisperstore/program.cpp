#include "program.hpp"

#include "commands/command_tree.hpp"
#include "display/help.hpp"

#include <whisperstore/core/version.hpp>

#include <boost/system/system_error.hpp>

#include <csignal>
#include <unistd.h>

namespace whisperstore::cli {

namespace {

void add_global_options(CLI::App& program, GlobalOptions& globals)
{
    program.set_help_flag("-h,--help", "Help for the program, or for the command it follows");
    program.set_version_flag("--version", "whisperstore " + std::string(library_version()), "The version");
    program.add_flag("--json", globals.json, "Print JSON; ids and integers beyond 2^53 are strings in it");
    program
        .add_option("--data-dir", globals.data_dir,
                    "Where the data is, in place of WHISPERENGINE_DATA_DIR or ~/.whisperengine")
        ->option_text("DIR");
    program.add_option("--env-file", globals.env_file, "Read settings from this file in place of ./.env")
        ->option_text("FILE");
    program.add_option("--timeout", globals.timeout, "Give up after so many seconds")
        ->option_text("SECONDS")
        ->check(number_from(0.001, 1e9));
}

void add_commands(CLI::App& program, Selected& selected)
{
    add_demo_command(program, selected);
    add_config_commands(program, selected);
    add_store_commands(program, selected);
    add_doctor_command(program, selected);
    add_metrics_command(program, selected);
    add_import_command(program, selected);
    add_memory_commands(program, selected);
    add_message_commands(program, selected);
    add_graph_commands(program, selected);
    add_graph_file_commands(program, selected);
    add_sql_command(program, selected);
    add_backup_commands(program, selected);
    add_migrate_commands(program, selected);
    add_schema_commands(program, selected);
    add_serve_command(program, selected);
    add_completion_commands(program, selected);
}

/// The innermost command that was named.
const CLI::App& named_command(const CLI::App& program)
{
    const CLI::App* command = &program;
    while (!command->get_subcommands().empty())
        command = command->get_subcommands().front();
    return *command;
}

std::string command_list(const CLI::App& command)
{
    std::string list;
    for (const CLI::App* sub : command.get_subcommands({}))
        list.append(list.empty() ? "" : ", ").append(sub->get_name());
    return list;
}

/// What is wrong with the command line, for people.
std::string usage_problem(const CLI::App& program, const CLI::ParseError& error)
{
    const CLI::App& command = named_command(program);
    const std::vector<std::string> extras = program.remaining(true);
    const std::string commands = command_list(command);
    std::string problem = error.what();
    if (!extras.empty() && extras.front().starts_with('-') && extras.front() != "-")
        problem = "unknown option '" + extras.front() + "'";
    else if (!extras.empty() && commands.empty())
        problem = "unexpected argument '" + extras.front() + "'";
    else if (!extras.empty())
        problem = "unknown command '" + extras.front() + "'; there are " + commands;
    else if (!commands.empty() && error.get_name() == "RequiredError")
        problem = "a command is missing; there are " + commands;
    return problem + " (see " + command_path(command) + " --help)";
}

/// Known before the command line is understood, for errors in it.
bool wants_json(int argc, char** argv)
{
    for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i)
        if (std::string_view(argv[i]) == "--json")
            return true;
    return false;
}

void print(const std::string& text)
{
    Output out(STDOUT_FILENO);
    out.write(text);
    out.flush();
}

/// Returns nothing when a command is to be run.
std::optional<Exit> parse(CLI::App& program, int argc, char** argv, bool json)
{
    try {
        program.parse(argc, argv);
        return std::nullopt;
    } catch (const CLI::CallForHelp&) {
        print(help_text(named_command(program)));
        return Exit::done;
    } catch (const CLI::CallForVersion& version) {
        json::object document;
        document["version"] = library_version();
        print(json ? compact(document) + "\n" : std::string(version.what()) + "\n");
        return Exit::done;
    } catch (const CLI::ParseError& error) {
        if (argc == 1) { // no error of somebody who looks around, but of a script that forgot something
            report_note(help_text(program));
            return Exit::usage;
        }
        throw StorageError(StorageErrc::invalid_argument, usage_problem(program, error));
    }
}

/// Runs `action` and turns what it throws into an exit code and a message.
int guarded(bool json, const std::function<Exit()>& action)
{
    try {
        return static_cast<int>(action());
    } catch (const StorageError& error) {
        report_error(error, json);
        return static_cast<int>(exit_for(error.errc()));
    } catch (const Interrupted& interrupted) {
        const std::string outcome =
            interrupted.outcome.empty() ? "what was under way is rolled back" : interrupted.outcome;
        report_error(StorageError(StorageErrc::cancelled, "interrupted; " + outcome), json);
        return 128 + interrupted.signal;
    } catch (const OutputClosed&) {
        return static_cast<int>(Exit::output_closed);
    } catch (const std::bad_alloc&) {
        report_error(StorageError(StorageErrc::resource_exhausted, "out of memory"), json);
    } catch (const std::exception& error) {
        report_error(StorageError(StorageErrc::unavailable, error.what()), json);
    }
    return static_cast<int>(Exit::failed);
}

} // namespace

int run_program(int argc, char** argv)
{
    std::signal(SIGPIPE, SIG_IGN); // a closed pipe is seen where it is written to
    const bool json = wants_json(argc, argv);
    return guarded(json, [&] {
        CLI::App program("One storage layer for a chat assistant: database, vectors, conversation cache and graph.",
                         "whisperstore");
        GlobalOptions globals;
        Selected selected;
        program.require_subcommand(1);
        program.fallthrough();
        add_global_options(program, globals);
        add_commands(program, selected);
        program.footer(exit_code_help());
        if (const std::optional<Exit> ended = parse(program, argc, argv, json))
            return *ended;
        Invocation invocation(globals);
        const Exit exit = selected.action(invocation);
        invocation.out().flush();
        return exit;
    });
}

} // namespace whisperstore::cli
