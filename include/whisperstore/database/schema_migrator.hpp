#pragma once
/// \file
/// Brings the schema of a database from version to version.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/core/time.hpp>
#include <whisperstore/database/migration.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

class AbstractDatabaseAdapter;

/// Which order migrations have.
enum class MigrationOrder
{
    by_version, ///< number by number; versions are numbers with dots, each once
    as_given,   ///< as in the list; versions are any text, or empty
};

enum class MigrationState
{
    applied,
    pending,
    out_of_order, ///< not applied, although a later version is
    begun,        ///< a script without a transaction that did not end
    changed,      ///< applied with another script than the one given
    missing,      ///< applied, but not among the migrations given
};
std::string_view to_string(MigrationState state) noexcept;

/// What is known of one migration.
struct MigrationStatus
{
    std::string version;
    std::string name;
    MigrationState state = MigrationState::pending;
    bool transactional = true;
    bool can_undo = false;
    std::string checksum;                ///< SHA-256 of the script given; empty for a missing one
    std::string recorded_checksum;       ///< empty where nothing is recorded
    std::optional<Timestamp> applied_at; ///< of one that has begun: when it began
    std::optional<std::chrono::milliseconds> execution_time;
};

/// One script of a plan.
struct PlannedMigration
{
    std::string version;
    std::string name;
    std::string script; ///< the SQL that will run
    bool undoes = false;
    bool transactional = true;
    bool resumes = false; ///< it has begun before and did not end
};

/// Tells how far apply() or undo() is.
struct SchemaMigrationProgress
{
    enum class Stage
    {
        waiting, ///< for another runner; `holder` says who it is
        begun,
        done,
    };
    Stage stage = Stage::begun;
    std::size_t number = 0; ///< of `count`, from 1; 0 while waiting
    std::size_t count = 0;
    const PlannedMigration* migration = nullptr; ///< null while waiting
    std::chrono::milliseconds execution_time{0}; ///< when done
    std::string holder;                          ///< "process 4711 since …"
};

struct SchemaMigrationOptions
{
    /// apply(): the last version to apply; empty = all. undo(): the version to go back to, which stays; "0" = undo all;
    /// empty = undo the last one only.
    std::string to;
    /// Apply versions that are older than one that is applied already.
    bool allow_out_of_order = false;
    /// Run a script again that has begun without a transaction and did not end.
    bool resume = false;
    /// How long to wait for another runner at most; none = as long as the deadline allows.
    std::optional<std::chrono::milliseconds> wait;
    /// Called on the coroutine's executor; what it throws ends the run between two scripts.
    std::function<void(const SchemaMigrationProgress&)> progress;
};

/// Applies migrations, each once, and says which are applied. Records are rows of `schema_migrations`.
///
/// One runner at a time works on a database: others wait for it, and find its work done. Each script runs in one
/// transaction with its record, so that one that fails leaves neither; those before it stay. A script that says
/// `-- no-transaction` is recorded as begun before (execution_time_ms is NULL) and as done after. When it does not end,
/// whatever the reason, later runs say so and stop, until one is told to `resume`, which runs the script again from its
/// start, or undo() takes it back.
///
/// As thread safe as its adapter, which must outlive it. Cancellation and deadlines stop the running script as they
/// stop any operation, and what ran in a transaction is rolled back.
class SchemaMigrator
{
public:
    /// \throws StorageError invalid_argument for versions that are none or are given twice.
    SchemaMigrator(AbstractDatabaseAdapter& database, std::vector<Migration> migrations,
                   MigrationOrder order = MigrationOrder::by_version);

    /// All that were given and all that are recorded, in order. Changes nothing.
    awaitable<std::vector<MigrationStatus>> status(OperationContext context = OperationContext());

    /// What apply() would do. Changes nothing, and throws what apply() would refuse to begin with.
    awaitable<std::vector<PlannedMigration>> plan(SchemaMigrationOptions options = SchemaMigrationOptions(),
                                                  OperationContext context = OperationContext());
    /// What undo() would do.
    awaitable<std::vector<PlannedMigration>> plan_undo(SchemaMigrationOptions options = SchemaMigrationOptions(),
                                                       OperationContext context = OperationContext());

    /// Applies what is pending and returns what it applied. Everything that can be is checked before the first script.
    /// \throws StorageError version_mismatch when a script differs from the one applied under its version, when one is
    /// out of order, and when one has begun and did not end; invalid_argument for a script that controls transactions;
    /// not_found for an unknown `to`; timeout when the deadline passes, also while another runner is at work; what the
    /// database answers, naming the migration.
    awaitable<std::vector<PlannedMigration>> apply(SchemaMigrationOptions options = SchemaMigrationOptions(),
                                                   OperationContext context = OperationContext());

    /// Takes applied migrations back, the last one first, each with its undo script.
    /// \throws StorageError as apply(); invalid_argument before anything is undone when one has no undo script.
    awaitable<std::vector<PlannedMigration>> undo(SchemaMigrationOptions options = SchemaMigrationOptions(),
                                                  OperationContext context = OperationContext());

private:
    class Run;
    awaitable<std::vector<PlannedMigration>> look(bool undoes, SchemaMigrationOptions options,
                                                  OperationContext context);
    awaitable<std::vector<PlannedMigration>> carry_out(bool undoes, SchemaMigrationOptions options,
                                                       OperationContext context);

    AbstractDatabaseAdapter& database_;
    std::vector<Migration> migrations_; // in order
    MigrationOrder order_;
};

} // namespace whisperstore
