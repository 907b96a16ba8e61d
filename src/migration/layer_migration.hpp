#pragma once
// What the migrations of all layers do the same way.

#include "sqlite/work_folder.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/migration/migration_report.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::migration {

/// Counts and times one migration. Not thread safe.
class Running
{
public:
    Running(MigrationOptions options, std::string_view component, std::string_view source, std::string_view target);

    const MigrationOptions& options() const noexcept { return options_; }
    bool refuses() const noexcept { return options_.existing == ExistingData::refuse; }
    bool merges() const noexcept { return options_.existing == ExistingData::merge; }
    bool replaces() const noexcept { return options_.existing == ExistingData::replace; }

    void begin_phase(std::string_view phase, std::uint64_t rows_in_total);
    /// So much more has been done.
    void advance(std::string_view item, std::uint64_t rows, std::uint64_t bytes);

    /// The copy is done; what comes now is verification.
    void copied();
    MigrationReport finish();

    MigrationReport report;

private:
    using Clock = std::chrono::steady_clock;
    double seconds() const;

    MigrationOptions options_;
    std::string phase_;
    std::uint64_t rows_ = 0;
    std::uint64_t rows_in_total_ = 0;
    std::uint64_t bytes_ = 0;
    Clock::time_point started_ = Clock::now();
};

/// \throws StorageError invalid_argument when both are one manager. Two managers of one store find everything there.
void check_different(const void* source, const void* target);

/// The target holds what the source does not.
[[noreturn]] void refuse_target(const std::string& what);
/// A target was being replaced when `failed` came, and was put back (`also` null), or that failed as well: then what
/// was there is in the file `before` of the folder, which stays. Throws what says so. \param what "graph"
[[noreturn]] void end_replacement(const std::exception_ptr& failed, const std::exception_ptr& also,
                                  sqlite::WorkFolder& folder, std::string_view what);
/// Verification found a difference.
[[noreturn]] void differs(const std::string& what);

} // namespace whisperstore::migration
