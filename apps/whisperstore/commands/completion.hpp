#pragma once
// Shell completion, made from the tree of commands.

#include <CLI/CLI.hpp>

#include <string>

namespace whisperstore::cli {

std::string bash_completion(const CLI::App& program);
std::string zsh_completion(const CLI::App& program);
std::string fish_completion(const CLI::App& program);

} // namespace whisperstore::cli
