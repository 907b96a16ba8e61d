#pragma once
// Everything the current schema consists of, as the statements that make it and remove it.

#include "database/archive/definitions.hpp"
#include "database/postgresql/lease.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace whisperstore::postgresql {

/// A type, sequence, function, table, constraint, index, view, trigger or policy.
struct SchemaObject
{
    using Key = std::pair<std::int64_t, std::int64_t>; ///< catalog and object id
    Key key;
    archive::Definition definition;
    std::string drop; ///< empty: it goes with something else
};

/// Sorts objects so that each comes after those it needs, and else leaves them in their order. Those that need each
/// other stay as they are.
std::vector<SchemaObject> in_order(std::vector<SchemaObject> objects,
                                   const std::multimap<SchemaObject::Key, SchemaObject::Key>& needs);

/// Those of the current schema, in an order in which they can be made; backwards they can be removed. What belongs to
/// extensions is left out, and so are aggregates, operators, composite and range types, foreign tables, rules and
/// comments.
awaitable<std::vector<SchemaObject>> read_schema_objects(Lease& lease, OperationContext context);

} // namespace whisperstore::postgresql
