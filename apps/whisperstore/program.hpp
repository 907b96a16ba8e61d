#pragma once
// The program as a whole.

namespace whisperstore::cli {

/// Runs the command line and returns the exit code.
int run_program(int argc, char** argv);

} // namespace whisperstore::cli
