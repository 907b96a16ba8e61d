#pragma once
// The tree of commands; each family of them has a file of its own.

#include "invocation.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace whisperstore::cli {

/// What the command line asks for; set by the command that is parsed.
struct Selected
{
    std::function<Exit(Invocation&)> action;
};

/// Checks for numbers, with messages for people.
CLI::Validator number_from(double least, double most);
CLI::Validator whole_number_from(std::int64_t least, std::int64_t most);

/// \name Each adds its commands to the program
///@{
void add_demo_command(CLI::App& program, Selected& selected);
void add_config_commands(CLI::App& program, Selected& selected); ///< detect, config show
void add_store_commands(CLI::App& program, Selected& selected);  ///< init, status
void add_import_command(CLI::App& program, Selected& selected);
void add_memory_commands(CLI::App& program, Selected& selected);     ///< remember, recall
void add_message_commands(CLI::App& program, Selected& selected);    ///< context
void add_graph_commands(CLI::App& program, Selected& selected);      ///< connected, network
void add_graph_file_commands(CLI::App& program, Selected& selected); ///< graph export, graph import
void add_sql_command(CLI::App& program, Selected& selected);
void add_backup_commands(CLI::App& program, Selected& selected);
void add_migrate_commands(CLI::App& program, Selected& selected);
void add_schema_commands(CLI::App& program, Selected& selected); ///< schema status, plan, apply, undo
void add_metrics_command(CLI::App& program, Selected& selected);
void add_doctor_command(CLI::App& program, Selected& selected);
void add_serve_command(CLI::App& program, Selected& selected);
void add_completion_commands(CLI::App& program, Selected& selected);
///@}

} // namespace whisperstore::cli
