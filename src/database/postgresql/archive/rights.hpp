#pragma once
// Who may do what with the objects of the current schema: it belongs to the installation and not to its content.

#include "database/postgresql/lease.hpp"

#include <string>
#include <vector>

namespace whisperstore::postgresql {

/// A right that somebody has on a table, view, sequence or function, with the statement that gives it.
struct Right
{
    std::string on; ///< as PostgreSQL names it
    std::string sql;
};

awaitable<std::vector<Right>> read_rights(Lease& lease, OperationContext context);
/// Those on what is there.
awaitable<void> give_rights(Lease& lease, std::vector<Right> rights, OperationContext context);

} // namespace whisperstore::postgresql
