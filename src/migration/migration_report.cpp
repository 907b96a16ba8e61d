#include <whisperstore/migration/migration_report.hpp>

namespace whisperstore {

std::uint64_t MigrationReport::rows() const noexcept
{
    std::uint64_t sum = 0;
    for (const MigratedItem& item : items)
        sum += item.rows;
    return sum;
}

std::uint64_t MigrationReport::bytes() const noexcept
{
    std::uint64_t sum = 0;
    for (const MigratedItem& item : items)
        sum += item.bytes;
    return sum;
}

json::object MigrationReport::to_json() const
{
    json::object out;
    out["component"] = component;
    out["source"] = source;
    out["target"] = target;
    json::array moved;
    for (const MigratedItem& item : items) {
        json::object entry;
        entry["name"] = item.name;
        entry["rows"] = item.rows;
        entry["bytes"] = item.bytes;
        if (!item.content_hash.empty())
            entry["content_hash"] = item.content_hash;
        moved.push_back(std::move(entry));
    }
    out["items"] = std::move(moved);
    json::array left;
    for (const UnmovedItem& item : not_moved) {
        json::object entry;
        entry["name"] = item.name;
        entry["reason"] = item.reason;
        left.push_back(std::move(entry));
    }
    out["not_moved"] = std::move(left);
    out["rows"] = rows();
    out["bytes"] = bytes();
    out["dry_run"] = dry_run;
    out["already_there"] = already_there;
    out["verified"] = verified;
    out["seconds"] = seconds;
    out["copy_seconds"] = copy_seconds;
    return out;
}

} // namespace whisperstore
