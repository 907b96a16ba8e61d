#pragma once
// The settings of the decorators.

#include "config/setting_values.hpp"

#include <whisperstore/config/storage_configuration.hpp>

namespace whisperstore::config {

/// Each store's decorators, by its type in `configuration`. Records every setting.
StorageResilience build_resilience(SettingValues& values, const StorageConfiguration& configuration);

} // namespace whisperstore::config
