#include "database/migration_plan.hpp"

#include "database/migration_script.hpp"

#include <algorithm>
#include <iterator>

namespace whisperstore {

namespace {

StorageError invalid(std::string message) { return StorageError(StorageErrc::invalid_argument, std::move(message)); }
StorageError mismatch(std::string message) { return StorageError(StorageErrc::version_mismatch, std::move(message)); }

bool is_same(std::string_view a, std::string_view b, MigrationOrder order)
{
    if (a == b)
        return true;
    return order == MigrationOrder::by_version && is_migration_version(a) && is_migration_version(b) &&
           Version::parse(a) == Version::parse(b);
}

std::string title(const KnownMigration& known) { return migration_title(known.status.version, known.status.name); }

KnownMigration known_of(const Migration& migration, const MigrationRecord* record)
{
    KnownMigration known;
    known.given = &migration;
    MigrationStatus& status = known.status;
    status.version = migration.version;
    status.name = migration.name;
    status.checksum = migration_checksum(migration.script);
    status.transactional = runs_in_transaction(migration.script);
    status.can_undo = !migration.undo_script.empty();
    if (!record)
        return known;
    known.recorded_version = record->version;
    status.recorded_checksum = record->checksum;
    status.applied_at = record->applied_at;
    const auto& others = migration.other_checksums;
    const bool is_unchanged = record->checksum == status.checksum ||
                              std::find(others.begin(), others.end(), record->checksum) != others.end();
    if (record->execution_time_ms)
        status.execution_time = std::chrono::milliseconds(*record->execution_time_ms);
    // A script that failed may be mended: only what was applied with it is for ever.
    if (!record->execution_time_ms)
        status.state = MigrationState::begun;
    else
        status.state = is_unchanged ? MigrationState::applied : MigrationState::changed;
    return known;
}

KnownMigration missing(const MigrationRecord& record)
{
    KnownMigration known;
    known.recorded_version = record.version;
    known.status.version = record.version;
    known.status.name = record.name;
    known.status.state = record.execution_time_ms ? MigrationState::missing : MigrationState::begun;
    known.status.recorded_checksum = record.checksum;
    known.status.applied_at = record.applied_at;
    if (record.execution_time_ms)
        known.status.execution_time = std::chrono::milliseconds(*record.execution_time_ms);
    return known;
}

void mark_out_of_order(std::vector<KnownMigration>& known)
{
    bool later_is_applied = false;
    for (auto one = known.rbegin(); one != known.rend(); ++one) {
        if (one->status.state != MigrationState::pending)
            later_is_applied = true;
        else if (later_is_applied)
            one->status.state = MigrationState::out_of_order;
    }
}

void refuse_changed(const KnownMigration& known)
{
    if (known.status.state != MigrationState::changed)
        return;
    throw mismatch(title(known) + " was applied with another script: SHA-256 " + known.status.recorded_checksum +
                   " is recorded, the one given has " + known.status.checksum +
                   ". Give back the script that was applied, and write the change as a new version");
}

/// The place of the version that options name. Throws StorageError not_found.
std::size_t place_of(const std::vector<KnownMigration>& known, const std::string& version, MigrationOrder order)
{
    if (order == MigrationOrder::by_version)
        static_cast<void>(migration_version(version));
    const auto found = std::find_if(known.begin(), known.end(), [&](const KnownMigration& one) {
        return is_same(one.status.version, version, order);
    });
    if (found != known.end())
        return static_cast<std::size_t>(found - known.begin());
    std::string message = "there is no migration " + version;
    if (known.empty())
        message += ", nor any other";
    else
        message += "; there are " + known.front().status.version + " to " + known.back().status.version;
    throw StorageError(StorageErrc::not_found, std::move(message));
}

MigrationStep step(const KnownMigration& known, const std::string& script, bool undoes)
{
    MigrationStep made;
    made.planned.version = known.status.version;
    made.planned.name = known.status.name;
    made.planned.script = script;
    made.planned.undoes = undoes;
    made.planned.transactional = runs_in_transaction(script);
    made.planned.resumes = known.status.state == MigrationState::begun;
    made.recorded_version = known.recorded_version.empty() ? known.status.version : known.recorded_version;
    made.checksum = known.status.checksum;
    return made;
}

} // namespace

std::string_view to_string(MigrationState state) noexcept
{
    switch (state) {
    case MigrationState::applied:
        return "applied";
    case MigrationState::pending:
        return "pending";
    case MigrationState::out_of_order:
        return "out_of_order";
    case MigrationState::begun:
        return "begun";
    case MigrationState::changed:
        return "changed";
    case MigrationState::missing:
        return "missing";
    }
    return "unknown";
}

std::vector<Migration> ordered_migrations(std::vector<Migration> migrations, MigrationOrder order)
{
    if (order == MigrationOrder::as_given) {
        std::vector<Migration> list;
        for (Migration& migration : migrations) {
            const std::string checksum = migration_checksum(migration.script);
            if (migration.version.empty())
                migration.version = "sha256:" + checksum.substr(0, 16);
            const auto twin = std::find_if(list.begin(), list.end(),
                                           [&](const Migration& one) { return one.version == migration.version; });
            if (twin == list.end())
                list.push_back(std::move(migration));
            else if (migration_checksum(twin->script) != checksum)
                throw mismatch("migration " + migration.version +
                               " is given twice, with different scripts; give each script its own version");
        }
        return list;
    }
    for (const Migration& migration : migrations)
        static_cast<void>(migration_version(migration.version));
    std::stable_sort(migrations.begin(), migrations.end(), [](const Migration& a, const Migration& b) {
        return Version::parse(a.version) < Version::parse(b.version);
    });
    const auto twin =
        std::adjacent_find(migrations.begin(), migrations.end(), [](const Migration& a, const Migration& b) {
            return is_same(a.version, b.version, MigrationOrder::by_version);
        });
    if (twin != migrations.end())
        throw invalid("two migrations have the same version: " + migration_title(twin->version, twin->name) + " and " +
                      migration_title(std::next(twin)->version, std::next(twin)->name) +
                      "; give one of them a version of its own");
    return migrations;
}

std::vector<KnownMigration> compare_migrations(const std::vector<Migration>& migrations,
                                               std::vector<MigrationRecord> records, MigrationOrder order)
{
    std::vector<KnownMigration> known;
    for (const Migration& migration : migrations) {
        const auto record = std::find_if(records.begin(), records.end(), [&](const MigrationRecord& one) {
            return is_same(one.version, migration.version, order);
        });
        known.push_back(known_of(migration, record == records.end() ? nullptr : &*record));
        if (record != records.end())
            records.erase(record);
    }
    if (order == MigrationOrder::as_given)
        return known; // others' records are theirs
    for (const MigrationRecord& record : records)
        if (is_migration_version(record.version))
            known.push_back(missing(record));
    std::stable_sort(known.begin(), known.end(), [](const KnownMigration& a, const KnownMigration& b) {
        return Version::parse(a.status.version) < Version::parse(b.status.version);
    });
    mark_out_of_order(known);
    return known;
}

std::vector<MigrationStep> steps_to_apply(const std::vector<KnownMigration>& known, MigrationOrder order,
                                          const SchemaMigrationOptions& options)
{
    const std::size_t end = options.to.empty() ? known.size() : place_of(known, options.to, order) + 1;
    std::for_each(known.begin(), known.end(), refuse_changed);
    std::vector<MigrationStep> steps;
    for (std::size_t i = 0; i < known.size(); ++i) {
        const KnownMigration& one = known[i];
        const MigrationState state = one.status.state;
        if (state == MigrationState::begun && (!options.resume || !one.given))
            throw mismatch(title(one) + " has begun" +
                           (one.status.applied_at ? " at " + format_timestamp(*one.status.applied_at) : "") +
                           " and did not end: it runs without a transaction, and a part of it may be there. " +
                           (one.given ? "When its script can be run again, let it resume; or undo it"
                                      : "Its script is not among those given: give it again, and let it resume"));
        if (i >= end || state == MigrationState::applied || state == MigrationState::missing)
            continue;
        if (state == MigrationState::out_of_order && !options.allow_out_of_order)
            throw mismatch(title(one) +
                           " is out of order: a later version is applied already. Give it a version after " +
                           known.back().status.version + ", or allow that it is applied out of order");
        steps.push_back(step(one, one.given->script, false));
    }
    return steps;
}

std::vector<MigrationStep> steps_to_undo(const std::vector<KnownMigration>& known, MigrationOrder order,
                                         const SchemaMigrationOptions& options)
{
    const bool everything = options.to == "0";
    const bool only_last = options.to.empty();
    const std::size_t first = everything || only_last ? 0 : place_of(known, options.to, order) + 1;
    std::vector<MigrationStep> steps;
    for (std::size_t i = known.size(); i > first; --i) {
        const KnownMigration& one = known[i - 1];
        if (one.status.state == MigrationState::pending || one.status.state == MigrationState::out_of_order)
            continue;
        if (only_last && !steps.empty())
            break;
        refuse_changed(one);
        if (!one.given)
            throw invalid(title(one) + " cannot be undone: its script is not among those given");
        if (!one.status.can_undo)
            throw invalid(title(one) + " cannot be undone: it has no script for that (VERSION_NAME.down.sql)");
        steps.push_back(step(one, one.given->undo_script, true));
    }
    return steps;
}

} // namespace whisperstore
