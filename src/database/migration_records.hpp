#pragma once
// The rows of schema_migrations.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/core/time.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore {

/// That a migration was applied, or that a script without a transaction has begun.
struct MigrationRecord
{
    std::string version;
    std::string name;
    std::string checksum;
    std::optional<Timestamp> applied_at;
    std::optional<std::int64_t> execution_time_ms; ///< none: it has begun and did not end
};

/// The table's definition alone.
TableDefinitions migrations_table(SqlDialect dialect);

/// Reads them, but not those of setup_schema(). None where there is no such table.
awaitable<std::vector<MigrationRecord>> read_migration_records(AbstractDatabaseAdapter& database,
                                                               OperationContext context);
/// The same from the server that takes writes: a replica may be behind.
awaitable<std::vector<MigrationRecord>> read_migration_records_of_writer(AbstractDatabaseAdapter& database,
                                                                         OperationContext context);

/// \name The statements that keep them
///@{
/// Finds a row when it is applied.
Query applied_probe(const std::string& version);
/// Finds a row when nothing is recorded.
Query unrecorded_probe(const std::string& version);
/// \param milliseconds none: it has only begun
Query migration_record(const std::string& version, const std::string& name, const std::string& checksum,
                       std::optional<std::int64_t> milliseconds);
/// What is recorded may be half taken back from now on.
Query reopened_record(const std::string& version);
Query removed_record(const std::string& version);
///@}

} // namespace whisperstore
