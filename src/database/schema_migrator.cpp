#include "core/failure.hpp"
#include "database/migration_plan.hpp"
#include "database/migration_script.hpp"
#include "protocol/sql/sql_lexer.hpp"

#include <whisperstore/database/schema_migrator.hpp>

#include <algorithm>

namespace whisperstore {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* operation = "migrate_schema";

/// Refuses what the adapter would refuse, before anything is done.
void check_script(const MigrationStep& step, SqlDialect dialect)
{
    try {
        for (const sql::TranslatedQuery& statement : sql::translate_script(step.planned.script, dialect))
            if (step.planned.transactional || statement.keyword != "VACUUM")
                sql::check_allowed(statement);
    } catch (const StorageError& error) {
        throw error.prefixed(migration_title(step.planned.version, step.planned.name) + ": ");
    }
}

bool is_identifier(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Whether a script names something, quoted or not.
bool names(std::string_view script, std::string_view name)
{
    const auto same = [](char a, char b) { return lower(a) == lower(b); };
    auto from = script.begin();
    while (true) {
        const auto found = std::search(from, script.end(), name.begin(), name.end(), same);
        if (found == script.end())
            return false;
        const auto end = found + static_cast<std::ptrdiff_t>(name.size());
        if ((found == script.begin() || !is_identifier(*(found - 1))) && (end == script.end() || !is_identifier(*end)))
            return true;
        from = found + 1;
    }
}

std::vector<PlannedMigration> plans_of(std::vector<MigrationStep> steps)
{
    std::vector<PlannedMigration> planned;
    for (MigrationStep& step : steps)
        planned.push_back(std::move(step.planned));
    return planned;
}

} // namespace

/// One call of apply() or undo().
class SchemaMigrator::Run
{
public:
    Run(SchemaMigrator& migrator, bool undoes, SchemaMigrationOptions options, OperationContext context)
        : migrator_(migrator),
          database_(migrator.database_),
          undoes_(undoes),
          options_(std::move(options)),
          context_(std::move(context))
    {
    }

    /// Without doing any of them.
    awaitable<std::vector<MigrationStep>> steps()
    {
        const auto records = co_await read_migration_records(database_, context_);
        co_return steps_for(records);
    }

    awaitable<std::vector<PlannedMigration>> run()
    {
        const auto first_look = co_await read_migration_records(database_, context_);
        if (is_nothing_to_do(first_look))
            co_return std::vector<PlannedMigration>();
        if (first_look.empty()) { // perhaps there is no table yet
            TableDefinitions table = migrations_table(database_.dialect());
            co_await database_.create_tables(std::move(table), context_);
        }
        std::function<void(const std::string&)> waits = [this](const std::string& holder) { tell_waiting(holder); };
        OperationContext waiting = context_;
        if (options_.wait)
            waiting = context_.limited_to(*options_.wait);
        const std::shared_ptr<void> lock = co_await database_.lock_migrations(std::move(waits), std::move(waiting));
        // Another runner may have done it, or a part of it.
        const auto records = co_await read_migration_records_of_writer(database_, context_);
        const std::vector<MigrationStep> steps = steps_for(records);
        std::vector<PlannedMigration> done;
        for (const MigrationStep& step : steps) {
            const std::size_t number = static_cast<std::size_t>(&step - steps.data()) + 1;
            tell(SchemaMigrationProgress::Stage::begun, step, number, steps.size());
            try {
                if (step.planned.transactional)
                    co_await run_in_transaction(step);
                else
                    co_await run_on_its_own(step);
            } catch (const StorageError& error) {
                throw error.prefixed(migration_title(step.planned.version, step.planned.name) + ": ");
            }
            done.push_back(step.planned);
            tell(SchemaMigrationProgress::Stage::done, step, number, steps.size());
        }
        co_return done;
    }

private:
    /// What has begun may be at work right now: who has the lock knows.
    bool is_nothing_to_do(const std::vector<MigrationRecord>& records) const
    {
        const bool has_begun = std::any_of(records.begin(), records.end(), [](const MigrationRecord& record) {
            return !record.execution_time_ms.has_value();
        });
        return !has_begun && steps_for(records).empty();
    }

    std::vector<MigrationStep> steps_for(const std::vector<MigrationRecord>& records) const
    {
        const auto known = compare_migrations(migrator_.migrations_, records, migrator_.order_);
        auto steps = undoes_ ? steps_to_undo(known, migrator_.order_, options_)
                             : steps_to_apply(known, migrator_.order_, options_);
        for (const MigrationStep& step : steps)
            check_script(step, database_.dialect());
        return steps;
    }

    void tell_waiting(const std::string& holder) const
    {
        if (!options_.progress)
            return;
        SchemaMigrationProgress progress;
        progress.stage = SchemaMigrationProgress::Stage::waiting;
        progress.holder = holder;
        options_.progress(progress);
    }

    void tell(SchemaMigrationProgress::Stage stage, const MigrationStep& step, std::size_t number,
              std::size_t count) const
    {
        if (!options_.progress)
            return;
        SchemaMigrationProgress progress;
        progress.stage = stage;
        progress.number = number;
        progress.count = count;
        progress.migration = &step.planned;
        if (stage == SchemaMigrationProgress::Stage::done)
            progress.execution_time = took_;
        options_.progress(progress);
    }

    awaitable<void> run_in_transaction(const MigrationStep& step)
    {
        Query probe = undoes_ ? unrecorded_probe(step.recorded_version) : applied_probe(step.recorded_version);
        std::function<Query(std::int64_t)> record = [this, &step](std::int64_t milliseconds) {
            took_ = std::chrono::milliseconds(milliseconds);
            return undoes_ ? removed_record(step.recorded_version)
                           : migration_record(step.recorded_version, step.planned.name, step.checksum, milliseconds);
        };
        co_await database_.run_script(step.planned.script, std::move(probe), std::move(record), context_);
    }

    awaitable<void> run_on_its_own(const MigrationStep& step)
    {
        const Query begun =
            undoes_ ? reopened_record(step.recorded_version)
                    : migration_record(step.recorded_version, step.planned.name, step.checksum, std::nullopt);
        co_await database_.execute_query(begun.sql, begun.params, context_);
        const auto start = Clock::now();
        try {
            co_await database_.run_statements(step.planned.script, context_);
        } catch (const StorageError& error) {
            throw error.prefixed("it runs without a transaction and did not end, and what it did so far stays; when it "
                                 "can be run again let it resume, or undo it: ");
        }
        if (database_.dialect() == SqlDialect::postgresql)
            co_await refuse_invalid_indexes(step.planned.script);
        took_ = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
        const Query done =
            undoes_ ? removed_record(step.recorded_version)
                    : migration_record(step.recorded_version, step.planned.name, step.checksum, took_.count());
        co_await database_.execute_query(done.sql, done.params, context_);
    }

    /// A CREATE INDEX CONCURRENTLY that failed leaves an index that is not used, and with IF NOT EXISTS the next one
    /// takes it for the index it should make.
    awaitable<void> refuse_invalid_indexes(std::string script)
    {
        // In a transaction, which goes to the server that takes writes.
        Transaction transaction = co_await database_.begin_transaction(context_);
        const QueryResult invalid = co_await transaction.execute_query(
            "SELECT c.relname AS name FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
            "WHERE NOT i.indisvalid ORDER BY 1",
            Parameters(), context_);
        co_await transaction.commit(context_);
        std::string found;
        for (const Row& row : invalid)
            if (names(script, row["name"].as_text()))
                found.append(found.empty() ? "" : ", ").append(row["name"].as_text());
        if (!found.empty())
            throw StorageError(StorageErrc::constraint_violation,
                               "PostgreSQL left an INVALID index, which answers no query: " + found +
                                   ". Begin the script with DROP INDEX CONCURRENTLY IF EXISTS, or drop the index by "
                                   "hand; then let the migration resume");
    }

    SchemaMigrator& migrator_;
    AbstractDatabaseAdapter& database_;
    const bool undoes_;
    const SchemaMigrationOptions options_;
    const OperationContext context_;
    std::chrono::milliseconds took_{0}; // the last script
};

SchemaMigrator::SchemaMigrator(AbstractDatabaseAdapter& database, std::vector<Migration> migrations,
                               MigrationOrder order)
    : database_(database), order_(order)
{
    try {
        migrations_ = ordered_migrations(std::move(migrations), order);
    } catch (const StorageError& error) {
        throw error.within(database.database_type(), operation);
    }
}

awaitable<std::vector<MigrationStatus>> SchemaMigrator::status(OperationContext context)
{
    const auto records = co_await read_migration_records(database_, std::move(context));
    std::vector<MigrationStatus> statuses;
    for (KnownMigration& known : compare_migrations(migrations_, records, order_))
        statuses.push_back(std::move(known.status));
    co_return statuses;
}

awaitable<std::vector<PlannedMigration>> SchemaMigrator::look(bool undoes, SchemaMigrationOptions options,
                                                              OperationContext context)
{
    Run run(*this, undoes, std::move(options), std::move(context));
    try {
        auto steps = co_await run.steps();
        co_return plans_of(std::move(steps));
    } catch (const StorageError& error) {
        throw error.within(database_.database_type(), operation);
    }
}

awaitable<std::vector<PlannedMigration>> SchemaMigrator::carry_out(bool undoes, SchemaMigrationOptions options,
                                                                   OperationContext context)
{
    Run run(*this, undoes, std::move(options), std::move(context));
    try {
        auto done = co_await run.run();
        co_return done;
    } catch (const StorageError& error) {
        throw error.within(database_.database_type(), operation);
    }
}

awaitable<std::vector<PlannedMigration>> SchemaMigrator::plan(SchemaMigrationOptions options, OperationContext context)
{
    return look(false, std::move(options), std::move(context));
}
awaitable<std::vector<PlannedMigration>> SchemaMigrator::plan_undo(SchemaMigrationOptions options,
                                                                   OperationContext context)
{
    return look(true, std::move(options), std::move(context));
}
awaitable<std::vector<PlannedMigration>> SchemaMigrator::apply(SchemaMigrationOptions options, OperationContext context)
{
    return carry_out(false, std::move(options), std::move(context));
}
awaitable<std::vector<PlannedMigration>> SchemaMigrator::undo(SchemaMigrationOptions options, OperationContext context)
{
    return carry_out(true, std::move(options), std::move(context));
}

} // namespace whisperstore
