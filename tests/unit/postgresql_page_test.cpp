// docs/postgresql.md against the code.
#include "database/postgresql/sqlstate.hpp"
#include "support/test_directory.hpp"

#include <gtest/gtest.h>

#include <string>

namespace whisperstore::postgresql {
namespace {

TEST(PostgresqlPage, ListsEverySqlState)
{
    std::string table = "| SQLSTATE | name | `StorageErrc` | retryable |\n|---|---|---|---|\n";
    for (const SqlState& line : sql_states()) {
        table.append("| `").append(line.state).append("` | ").append(line.name).append(" | `");
        table.append(to_string(line.code)).append("` | ").append(line.retryable ? "yes" : "no").append(" |\n");
    }
    table += "\n";
    EXPECT_NE(test::read_file(WHISPERSTORE_POSTGRESQL_PAGE).find(table), std::string::npos)
        << "docs/postgresql.md should have this table:\n\n"
        << table;
}

} // namespace
} // namespace whisperstore::postgresql
