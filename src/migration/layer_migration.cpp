#include "migration/layer_migration.hpp"

#include <utility>

namespace whisperstore::migration {

Running::Running(MigrationOptions options, std::string_view component, std::string_view source, std::string_view target)
    : options_(std::move(options))
{
    report.component = component;
    report.source = source;
    report.target = target;
    report.dry_run = options_.dry_run;
}

void Running::begin_phase(std::string_view phase, std::uint64_t rows_in_total)
{
    phase_ = phase;
    rows_ = 0;
    bytes_ = 0;
    rows_in_total_ = rows_in_total;
    advance({}, 0, 0);
}

void Running::advance(std::string_view item, std::uint64_t rows, std::uint64_t bytes)
{
    rows_ += rows;
    bytes_ += bytes;
    if (options_.progress)
        options_.progress(MigrationProgress{phase_, item, rows_, rows_in_total_, bytes_});
}

double Running::seconds() const { return std::chrono::duration<double>(Clock::now() - started_).count(); }

void Running::copied() { report.copy_seconds = seconds(); }

MigrationReport Running::finish()
{
    report.seconds = seconds();
    return std::move(report);
}

void check_different(const void* source, const void* target)
{
    if (source == target)
        throw StorageError(StorageErrc::invalid_argument, "source and target are the same; choose another target");
}

void refuse_target(const std::string& what)
{
    throw StorageError(StorageErrc::already_exists,
                       "the target is not empty: " + what +
                           ". Nothing was changed; merge into it, replace it, or choose another target");
}

void differs(const std::string& what)
{
    throw StorageError(StorageErrc::corrupt,
                       "the target does not hold what the source held: " + what +
                           ". Nobody must write to the target meanwhile; else run the migration again");
}

} // namespace whisperstore::migration
