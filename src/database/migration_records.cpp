#include "database/migration_records.hpp"

namespace whisperstore {

namespace {

constexpr const char* every_record =
    "SELECT version, name, checksum, applied_at, execution_time_ms FROM schema_migrations ORDER BY applied_at, version";

std::optional<Timestamp> time_of(const ValueView& value)
{
    if (value.is_null())
        return std::nullopt;
    return value.as_timestamp();
}

std::vector<MigrationRecord> records_of(const QueryResult& result)
{
    std::vector<MigrationRecord> records;
    for (const Row& row : result) {
        MigrationRecord record;
        record.version = row["version"].as_text();
        record.name = row["name"].as_text();
        if (record.version.starts_with(record.name + ".") && !record.name.empty())
            continue; // a schema of setup_schema(): "whisperengine_core.2"
        record.checksum = row["checksum"].as_text();
        record.applied_at = time_of(row["applied_at"]);
        record.execution_time_ms = row["execution_time_ms"].as_optional_int();
        records.push_back(std::move(record));
    }
    return records;
}

} // namespace

TableDefinitions migrations_table(SqlDialect dialect)
{
    TableDefinitions table;
    for (auto& definition : WhisperEngineSchema::get_core_schema().render(dialect))
        if (definition.first == "schema_migrations")
            table.push_back(std::move(definition));
    return table;
}

awaitable<std::vector<MigrationRecord>> read_migration_records(AbstractDatabaseAdapter& database,
                                                               OperationContext context)
{
    QueryResult result;
    try {
        result = co_await database.execute_query(every_record, Parameters(), std::move(context));
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found)
            throw;
        co_return std::vector<MigrationRecord>();
    }
    co_return records_of(result);
}

awaitable<std::vector<MigrationRecord>> read_migration_records_of_writer(AbstractDatabaseAdapter& database,
                                                                         OperationContext context)
{
    Transaction transaction = co_await database.begin_transaction(context);
    const QueryResult result = co_await transaction.execute_query(every_record, Parameters(), context);
    co_await transaction.commit(std::move(context));
    co_return records_of(result);
}

Query applied_probe(const std::string& version)
{
    return query("SELECT 1 FROM schema_migrations WHERE version = ? AND execution_time_ms IS NOT NULL",
                 params(arg(version)));
}

Query unrecorded_probe(const std::string& version)
{
    return query("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM schema_migrations WHERE version = ?)", params(arg(version)));
}

Query migration_record(const std::string& version, const std::string& name, const std::string& checksum,
                       std::optional<std::int64_t> milliseconds)
{
    return query("INSERT INTO schema_migrations (version, name, checksum, applied_at, execution_time_ms) "
                 "VALUES (?, ?, ?, ?, ?) ON CONFLICT (version) DO UPDATE SET name = excluded.name, "
                 "checksum = excluded.checksum, applied_at = excluded.applied_at, "
                 "execution_time_ms = excluded.execution_time_ms",
                 params(arg(version), arg(name), arg(checksum), arg(timestamp(now())),
                        milliseconds ? arg(*milliseconds) : arg(nullptr)));
}

Query reopened_record(const std::string& version)
{
    return query("UPDATE schema_migrations SET execution_time_ms = NULL WHERE version = ?", params(arg(version)));
}

Query removed_record(const std::string& version)
{
    return query("DELETE FROM schema_migrations WHERE version = ?", params(arg(version)));
}

} // namespace whisperstore
