#pragma once
// Snapshots of PostgreSQL.

#include "database/archive/database_snapshot.hpp"
#include "database/postgresql/lease.hpp"

#include <memory>

namespace whisperstore::postgresql {

/// The current schema. The lease must be outside a transaction, and is the snapshot's from now on. Also on a standby.
awaitable<std::shared_ptr<DatabaseSnapshot>> open_snapshot(Lease lease, OperationContext context);

} // namespace whisperstore::postgresql
