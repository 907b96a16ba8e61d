#pragma once
// What migrations need beside scripts in transactions.

#include "database/postgresql/operations.hpp"

#include <functional>
#include <memory>
#include <string>

namespace whisperstore::postgresql {

/// As AbstractDatabaseAdapter::run_statements().
awaitable<void> run_statements(std::shared_ptr<Operations> self, std::string script, OperationContext context);

/// As AbstractDatabaseAdapter::lock_migrations(). A connection of its own keeps the lock, whatever the size of the
/// pool.
awaitable<std::shared_ptr<void>> lock_migrations(std::shared_ptr<Operations> self,
                                                 std::function<void(const std::string& holder)> waits,
                                                 OperationContext context);

} // namespace whisperstore::postgresql
