#pragma once
// Where a migration comes from or goes to, as it is written on the command line.

#include "invocation.hpp"

#include <whisperstore/config/storage_configuration.hpp>

#include <string>

namespace whisperstore::cli {

/// The forms of a place, for the help text.
extern const char* const migration_place_forms;

/// The configuration that a place stands for: a folder with local stores, a file with settings, the URL of one store,
/// or, for an empty text, what the program is configured for. Secrets of a URL may stand in the environment.
/// \throws StorageError invalid_argument naming the place and what is allowed; and what reading it throws.
StorageConfiguration configuration_of(Invocation& invocation, const std::string& place);

} // namespace whisperstore::cli
