#pragma once
// Everything the current schema consists of, as the statements that make it and remove it.

#include "database/postgresql/archive/schema_order.hpp"
#include "database/postgresql/lease.hpp"

#include <vector>

namespace whisperstore::postgresql {

/// Those of the current schema, in an order in which they can be made; backwards they can be removed. What belongs to
/// extensions is left out, and so are aggregates, operators, composite and range types, foreign tables, rules and
/// comments.
awaitable<std::vector<SchemaObject>> read_schema_objects(Lease& lease, OperationContext context);

} // namespace whisperstore::postgresql
