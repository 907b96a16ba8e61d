#include "database/postgresql/archive/session.hpp"

#include "database/postgresql/operations.hpp"

#include <whisperstore/core/error.hpp>

namespace whisperstore::postgresql {

awaitable<std::string> current_schema(Lease& lease, OperationContext context)
{
    std::string sql = "SELECT quote_ident(current_schema()::text)";
    const QueryResult result = co_await lease.execute(std::move(sql), Parameters(), std::move(context));
    const ValueView name = result.rows.front()[0];
    if (name.is_null())
        throw StorageError(StorageErrc::not_found, "there is no schema on the search_path of this user: create one");
    co_return std::string(name.as_text());
}

std::vector<std::string> transaction_settings(const std::string& schema)
{
    return {
        "SET LOCAL search_path TO " + schema,
        "SET LOCAL TimeZone TO 'UTC'",
        "SET LOCAL DateStyle TO 'ISO, YMD'",
        "SET LOCAL IntervalStyle TO 'iso_8601'",
        "SET LOCAL extra_float_digits TO 1",
        "SET LOCAL bytea_output TO 'hex'",
        // Rows in the order in which they were written, from the first.
        "SET LOCAL synchronize_seqscans TO off",
        // The caller's deadline ends it, and rows must not be missing without anybody hearing of it.
        "SET LOCAL statement_timeout TO 0",
        "SET LOCAL idle_in_transaction_session_timeout TO 0",
        "SET LOCAL row_security TO off",
        notice_our_end,
    };
}

} // namespace whisperstore::postgresql
