#pragma once
// Programs that a benchmark needs beside itself.

#include <string>
#include <vector>

namespace whisperstore::bench {

/// 24 letters that nobody guesses.
std::string random_word();

/// Runs a program to its end; throws std::runtime_error with its output when it fails. \param user as whom, where root
/// asks; empty: as who asks
void run_program(const std::vector<std::string>& arguments, const std::string& user = {});

} // namespace whisperstore::bench
