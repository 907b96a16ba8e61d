#pragma once
// Where the passphrase of a backup comes from: never from the command line, which everybody on the machine can read.

#include <string>

namespace whisperstore::cli {

/// Whether somebody can be asked.
bool can_ask_for_passphrase() noexcept;

/// Asks on the terminal, without showing it. \param twice for a new one, so that a slip is noticed.
/// Throws StorageError invalid_argument for an empty one, or two that differ.
std::string ask_for_passphrase(bool twice);

} // namespace whisperstore::cli
