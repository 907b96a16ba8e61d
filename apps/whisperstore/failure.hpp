#pragma once
// How the command ends: exit codes and what is said on standard error.

#include <whisperstore/core/error.hpp>

#include <string>
#include <string_view>

namespace whisperstore::cli {

/// The exit codes, as `whisperstore --help` and docs/command-line.md list them.
enum class Exit : int
{
    done = 0,
    failed = 1,        ///< whatever has no code of its own
    usage = 2,         ///< the command line, a query, a filter, a file or a setting is wrong
    not_found = 3,     ///< what was named does not exist, or nothing is stored yet
    unavailable = 4,   ///< a backend cannot be reached, or another process holds the data; later it may work
    damaged = 5,       ///< stored data or a backup fails its checks, or is of another version
    timeout = 6,       ///< --timeout passed
    refused = 7,       ///< permission or authentication
    exists = 8,        ///< it exists already
    interrupted = 130, ///< Ctrl-C; 143 for SIGTERM
    output_closed = 141,
};

Exit exit_for(StorageErrc code) noexcept;

/// The list of exit codes for the help text.
std::string exit_code_help();

/// Writes `whisperstore: <message>`, or with `as_json` the object {"error": {…}}, to standard error.
void report_error(const StorageError& error, bool as_json) noexcept;
/// The same for a warning; {"warning": "…"}.
void report_warning(std::string_view message, bool as_json) noexcept;
/// A plain line of information.
void report_note(std::string_view message) noexcept;

} // namespace whisperstore::cli
