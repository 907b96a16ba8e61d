#pragma once
// Folders of this machine: who may read and write them, and how much room there is.

#include "doctor/finding.hpp"

#include <whisperstore/config/storage_configuration.hpp>

namespace whisperstore::cli {

/// Whether anything of the configuration is stored on this machine.
bool stores_here(const StorageConfiguration& configuration);

void check_folders(const StorageConfiguration& configuration, Findings& findings);

} // namespace whisperstore::cli
