#pragma once
/// \file
/// Which backups are kept.

#include <whisperstore/core/time.hpp>

#include <cstddef>
#include <vector>

namespace whisperstore {

/// A backup is kept when any of these wants it. Days, weeks (from Monday) and months are those of UTC.
struct RetentionRules
{
    std::size_t last = 0;    ///< the newest so many
    std::size_t daily = 0;   ///< the newest of each of the last so many days that have one
    std::size_t weekly = 0;  ///< of weeks
    std::size_t monthly = 0; ///< of months

    bool keeps_nothing() const noexcept { return last + daily + weekly + monthly == 0; }
};

/// Which of the backups made at these times, the newest first, are kept: one entry for each.
std::vector<bool> kept_by(const RetentionRules& rules, const std::vector<Timestamp>& newest_first);

} // namespace whisperstore
