#pragma once
// The help texts.

#include <CLI/CLI.hpp>

#include <string>

namespace whisperstore::cli {

/// Help for one command: what it does, usage, arguments, options, commands, footer.
std::string help_text(const CLI::App& command);

/// The program's name and the command's, "whisperstore backup create".
std::string command_path(const CLI::App& command);

} // namespace whisperstore::cli
