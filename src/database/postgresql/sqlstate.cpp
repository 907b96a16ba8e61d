#include "database/postgresql/sqlstate.hpp"

#include <array>

namespace whisperstore::postgresql {

namespace {

using enum StorageErrc;

constexpr std::array table{
    SqlState{"08", unavailable, true, "connection exception"},
    SqlState{"0A", unsupported, false, "feature not supported"},
    SqlState{"0L", permission, false, "invalid grantor"},
    SqlState{"0P", permission, false, "invalid role specification"},
    SqlState{"20", invalid_argument, false, "case not found"},
    SqlState{"21", invalid_argument, false, "cardinality violation"},
    SqlState{"22", type_mismatch, false, "data exception"},
    SqlState{"22012", invalid_argument, false, "division by zero"},
    SqlState{"22021", invalid_argument, false, "character not in repertoire"},
    SqlState{"2201B", invalid_argument, false, "invalid regular expression"},
    SqlState{"2201W", invalid_argument, false, "invalid row count in limit clause"},
    SqlState{"2201X", invalid_argument, false, "invalid row count in result offset clause"},
    SqlState{"22023", invalid_argument, false, "invalid parameter value"},
    SqlState{"22025", invalid_argument, false, "invalid escape sequence"},
    SqlState{"22001", constraint_violation, false, "string data right truncation"},
    SqlState{"23", constraint_violation, false, "integrity constraint violation"},
    SqlState{"24", invalid_argument, false, "invalid cursor state"},
    SqlState{"25", invalid_argument, false, "invalid transaction state"},
    SqlState{"25006", permission, false, "read only sql transaction"},
    SqlState{"25P03", timeout, false, "idle in transaction session timeout"},
    SqlState{"26", conflict, true, "invalid sql statement name"},
    SqlState{"27", constraint_violation, false, "triggered data change violation"},
    SqlState{"28", authentication, false, "invalid authorization specification"},
    SqlState{"2B", constraint_violation, false, "dependent privilege descriptors still exist"},
    SqlState{"2D", invalid_argument, false, "invalid transaction termination"},
    SqlState{"2F", invalid_argument, false, "sql routine exception"},
    SqlState{"34", invalid_argument, false, "invalid cursor name"},
    SqlState{"38", invalid_argument, false, "external routine exception"},
    SqlState{"39", invalid_argument, false, "external routine invocation exception"},
    SqlState{"3B", invalid_argument, false, "savepoint exception"},
    SqlState{"3D", not_found, false, "invalid catalog name"},
    SqlState{"3F", not_found, false, "invalid schema name"},
    SqlState{"40", conflict, true, "transaction rollback"},
    SqlState{"40002", constraint_violation, false, "transaction integrity constraint violation"},
    SqlState{"40003", outcome_unknown, false, "statement completion unknown"},
    SqlState{"42", syntax, false, "syntax error or access rule violation"},
    SqlState{"42501", permission, false, "insufficient privilege"},
    SqlState{"42P01", not_found, false, "undefined table"},
    SqlState{"42703", not_found, false, "undefined column"},
    SqlState{"42704", not_found, false, "undefined object"},
    SqlState{"42883", not_found, false, "undefined function"},
    SqlState{"42P02", invalid_argument, false, "undefined parameter"},
    SqlState{"42P04", already_exists, false, "duplicate database"},
    SqlState{"42P06", already_exists, false, "duplicate schema"},
    SqlState{"42P07", already_exists, false, "duplicate table"},
    SqlState{"42701", already_exists, false, "duplicate column"},
    SqlState{"42710", already_exists, false, "duplicate object"},
    SqlState{"42723", already_exists, false, "duplicate function"},
    SqlState{"42804", type_mismatch, false, "datatype mismatch"},
    SqlState{"42846", type_mismatch, false, "cannot coerce"},
    SqlState{"42809", type_mismatch, false, "wrong object type"},
    SqlState{"428C9", constraint_violation, false, "generated always"},
    SqlState{"44", constraint_violation, false, "with check option violation"},
    SqlState{"53", resource_exhausted, false, "insufficient resources"},
    SqlState{"53300", resource_exhausted, true, "too many connections"},
    SqlState{"54", resource_exhausted, false, "program limit exceeded"},
    SqlState{"55", conflict, false, "object not in prerequisite state"},
    SqlState{"55006", conflict, true, "object in use"},
    SqlState{"55P03", conflict, true, "lock not available"},
    SqlState{"57", unavailable, false, "operator intervention"},
    SqlState{"57014", cancelled, false, "query canceled"},
    SqlState{"57P01", unavailable, true, "admin shutdown"},
    SqlState{"57P02", unavailable, true, "crash shutdown"},
    SqlState{"57P03", unavailable, true, "cannot connect now"},
    SqlState{"57P04", not_found, false, "database dropped"},
    SqlState{"57P05", unavailable, true, "idle session timeout"},
    SqlState{"58", unavailable, false, "system error"},
    SqlState{"72", conflict, true, "snapshot too old"},
    SqlState{"F0", unavailable, false, "configuration file error"},
    SqlState{"HV", unavailable, false, "foreign data wrapper error"},
    SqlState{"P0", invalid_argument, false, "PL/pgSQL error"},
    SqlState{"P0001", constraint_violation, false, "raise exception"},
    SqlState{"P0002", not_found, false, "no data found"},
    SqlState{"XX", unavailable, false, "internal error"},
    SqlState{"XX001", corrupt, false, "data corrupted"},
    SqlState{"XX002", corrupt, false, "index corrupted"},
};

} // namespace

std::span<const SqlState> sql_states() noexcept { return table; }

SqlState classify(std::string_view state) noexcept
{
    SqlState found{state, unavailable, false, "unknown"};
    for (const SqlState& line : table) {
        if (line.state == state)
            return line;
        if (line.state.size() == 2 && state.starts_with(line.state))
            found = line;
    }
    return found;
}

} // namespace whisperstore::postgresql
