#include "migration/layer_migration.hpp"

#include <utility>

namespace whisperstore::migration {

namespace {

std::string told(const std::exception_ptr& thrown)
{
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "something that is no exception";
    }
}

} // namespace

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

void end_replacement(const std::exception_ptr& failed, const std::exception_ptr& also, sqlite::WorkFolder& folder,
                     std::string_view what)
{
    if (!also)
        std::rethrow_exception(failed);
    ErrorDetails details;
    details.outcome = Outcome::unknown;
    std::string message = "the ";
    message.append(what).append(" could not be replaced (").append(told(failed));
    message.append("), and then not be put back (").append(told(also));
    message.append("): run the migration again; what was there is in ").append((folder.keep() / "before").string());
    throw StorageError(StorageErrc::unavailable, std::move(message), std::move(details));
}

void differs(const std::string& what)
{
    throw StorageError(StorageErrc::corrupt,
                       "the target does not hold what the source held: " + what +
                           ". Nobody must write to the target meanwhile; else run the migration again");
}

} // namespace whisperstore::migration
