#pragma once
// Taking what a snapshot of any database holds into SQLite.

#include "database/archive/database_snapshot.hpp"
#include "sqlite/store.hpp"

#include <whisperstore/core/operation_context.hpp>

#include <memory>

namespace whisperstore {

/// As AbstractDatabaseAdapter::load_snapshot(). Everything is written into a file beside the database first, which a
/// killed process leaves to the next load to remove; then the writer takes it over in one transaction.
awaitable<void> load_into(std::shared_ptr<sqlite::Store> store, std::shared_ptr<DatabaseSnapshot> from,
                          LoadOptions options, OperationContext context);

} // namespace whisperstore
