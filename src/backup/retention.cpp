#include <whisperstore/backup/backup_retention.hpp>

#include <chrono>
#include <cstdint>

namespace whisperstore {

namespace {

std::int64_t day_of(Timestamp time) { return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count(); }

std::int64_t week_of(Timestamp time)
{
    constexpr std::int64_t monday = 3; // 1 January 1970 was a Thursday
    const std::int64_t days = day_of(time) + monday;
    return days >= 0 ? days / 7 : (days - 6) / 7;
}

std::int64_t month_of(Timestamp time)
{
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
    return std::int64_t{static_cast<int>(date.year())} * 12 + static_cast<unsigned>(date.month());
}

/// Keeps the newest of each period, for so many periods.
void keep_newest(std::vector<bool>& kept, const std::vector<Timestamp>& times, std::size_t periods,
                 std::int64_t (*period_of)(Timestamp))
{
    for (std::size_t i = 0; i < times.size() && periods > 0; ++i) {
        if (i > 0 && period_of(times[i]) == period_of(times[i - 1]))
            continue;
        kept[i] = true;
        --periods;
    }
}

} // namespace

std::vector<bool> kept_by(const RetentionRules& rules, const std::vector<Timestamp>& newest_first)
{
    std::vector<bool> kept(newest_first.size(), false);
    for (std::size_t i = 0; i < kept.size() && i < rules.last; ++i)
        kept[i] = true;
    keep_newest(kept, newest_first, rules.daily, day_of);
    keep_newest(kept, newest_first, rules.weekly, week_of);
    keep_newest(kept, newest_first, rules.monthly, month_of);
    return kept;
}

} // namespace whisperstore
