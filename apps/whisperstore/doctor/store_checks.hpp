#pragma once
// The stores: whether they answer, what they are, and whether they fit each other.

#include "doctor/finding.hpp"

#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/storage/storage_layer.hpp>

namespace whisperstore::cli {

/// Of a layer that started without what is away.
awaitable<void> check_stores(StorageLayer& storage, Findings& findings, OperationContext context);

/// When the newest backup was made, where they are made by themselves.
awaitable<void> check_backups(const StorageConfiguration& configuration, Findings& findings, OperationContext context);

} // namespace whisperstore::cli
