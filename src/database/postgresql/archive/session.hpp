#pragma once
// What backing up and restoring do the same way.

#include "database/postgresql/lease.hpp"

#include <string>
#include <vector>

namespace whisperstore::postgresql {

/// The schema that unqualified names belong to, quoted. Throws StorageError not_found where there is none.
awaitable<std::string> current_schema(Lease& lease, OperationContext context);

/// For the open transaction: names of the schema alone, texts of values that any other session reads the same way, and
/// an end soon after ours.
std::vector<std::string> transaction_settings(const std::string& schema);

} // namespace whisperstore::postgresql
