#pragma once
/// \file
/// From a configuration to a storage layer that is ready.

#include <whisperstore/config/adaptive_config_manager.hpp>
#include <whisperstore/core/log.hpp>
#include <whisperstore/resilience/operation_observer.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <memory>

namespace whisperstore {

/// Creates and connects the four stores, creates the schema and the collections where they are
/// missing (never with a read-only configuration), and lets cold conversations be filled from the
/// `messages` table. Each stands behind the decorators of `configuration.resilience` (decorate()).
///
/// A required store that cannot be reached is an error that says how to start it, and nothing stays
/// open. The graph is optional: where it is down the layer starts without it, health() says so, and
/// graph() throws what it failed with.
/// A restore that was cut off is a warning to the logger and in health(). Scheduled backups begin where
/// `configuration.backup` has a folder.
/// Spans of every call go where `configuration.tracing` has an endpoint (OtlpTraceExporter), the last of them in
/// close().
/// \param observer sees every call of the four stores; null = nobody.
/// \param logger hears what servers tell (PostgreSQL's notices, changes of a cluster); empty = nobody.
/// \throws StorageError of the store that failed.
awaitable<std::shared_ptr<StorageLayer>> initialize_storage_layer(StorageConfiguration configuration,
                                                                  OperationContext context = OperationContext(),
                                                                  std::shared_ptr<OperationObserver> observer = nullptr,
                                                                  Logger logger = Logger());
/// The same for what the manager detected. The manager is only read before the first suspension.
awaitable<std::shared_ptr<StorageLayer>> initialize_storage_layer(const AdaptiveConfigManager& config_manager,
                                                                  OperationContext context = OperationContext());
/// Detects and configures with the defaults of AdaptiveConfigManager.
awaitable<std::shared_ptr<StorageLayer>> initialize_storage_layer(OperationContext context = OperationContext());

/// The newest messages of a channel as the `messages` table has them: the history source of a
/// storage layer's cache. \param database outlives the source.
HistorySource history_from_messages(std::shared_ptr<AbstractDatabaseAdapter> database);

} // namespace whisperstore
