#pragma once
// What stands in a database against what it should be, and what is to be done about it. Decisions without I/O.

#include "database/migration_records.hpp"

#include <whisperstore/database/schema_migrator.hpp>

#include <string>
#include <vector>

namespace whisperstore {

/// One migration: what was given of it, what is recorded of it.
struct KnownMigration
{
    MigrationStatus status;
    const Migration* given = nullptr; ///< null for a missing one
    std::string recorded_version;     ///< as it is written in the record: "0012" may be 12
};

/// One thing to do.
struct MigrationStep
{
    PlannedMigration planned;
    std::string recorded_version;
    std::string checksum;
};

/// Makes the list fit for an order: sorted, versions checked and filled in. Throws StorageError invalid_argument for
/// versions that are none or are given twice; version_mismatch for two scripts under one version in a list as given.
std::vector<Migration> ordered_migrations(std::vector<Migration> migrations, MigrationOrder order);

/// All that are given or recorded, in order. `migrations` are ordered, and must stay where they are.
std::vector<KnownMigration> compare_migrations(const std::vector<Migration>& migrations,
                                               std::vector<MigrationRecord> records, MigrationOrder order);

/// What to apply or to undo. Throws as SchemaMigrator::apply() and undo() for what they would refuse.
std::vector<MigrationStep> steps_to_apply(const std::vector<KnownMigration>& known, MigrationOrder order,
                                          const SchemaMigrationOptions& options);
std::vector<MigrationStep> steps_to_undo(const std::vector<KnownMigration>& known, MigrationOrder order,
                                         const SchemaMigrationOptions& options);

} // namespace whisperstore
