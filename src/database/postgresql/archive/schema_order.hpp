#pragma once
// The order in which the objects of a schema can be made. Pure code without I/O.

#include "database/archive/definitions.hpp"

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

} // namespace whisperstore::postgresql
