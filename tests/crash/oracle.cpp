#include "crash/oracle.hpp"

#include <gtest/gtest.h>

#include <iostream>

namespace whisperstore::test {

namespace {

std::int64_t version_in(const Entries& entries, const std::string& key)
{
    const auto found = entries.find(key);
    return found == entries.end() ? 0 : found->second;
}

void put(Entries& entries, const Change& change)
{
    if (change.version == 0)
        entries.erase(change.key);
    else
        entries[change.key] = change.version;
}

} // namespace

Oracle::~Oracle()
{
    std::cout << "crash test, " << name_ << ": rounds " << rounds_ << ", acknowledged writes checked " << acknowledged_
              << " (" << compared_ << " entries compared), in flight " << in_flight_ << " of which " << in_flight_there_
              << " are there, lost " << lost_ << std::endl;
}

void Oracle::lost(const std::string& what)
{
    ++lost_;
    if (lost_ <= 20) // the first ones tell; thousands would hide them
        ADD_FAILURE() << name_ << ", round " << rounds_ << ": " << what;
}

void Oracle::expect(bool is_there, const std::string& what)
{
    ++compared_;
    if (!is_there)
        lost(what);
}

/// Finds out whether an operation without acknowledgement happened.
void Oracle::settle(const Operation& operation, const Entries& found)
{
    ++in_flight_;
    std::size_t changed = 0; // changes that can be told from no change
    std::size_t there = 0;
    for (const Change& change : operation.changes) {
        const std::int64_t before = version_in(entries_, change.key);
        const std::int64_t now = version_in(found, change.key);
        if (before == change.version)
            continue;
        ++changed;
        if (now == change.version)
            ++there;
        else if (now != before)
            lost(change.key + " is " + std::to_string(now) + ", neither " + std::to_string(before) + " nor " +
                 std::to_string(change.version));
    }
    if (there != 0 && there != changed && !operation.parts)
        lost("an operation is there in part: " + std::to_string(there) + " of its " + std::to_string(changed) +
             " changes, the first of them to " + operation.changes.front().key);
    if (there != 0)
        ++in_flight_there_;
    for (const Change& change : operation.changes)
        put(entries_, Change{change.key, version_in(found, change.key)});
}

void Oracle::check(const WriterRun& run, const Entries& found)
{
    ++rounds_;
    for (const Operation& operation : run.acknowledged)
        for (const Change& change : operation.changes)
            put(entries_, change);
    acknowledged_ += run.acknowledged.size();
    for (const Operation& operation : run.in_flight)
        settle(operation, found);
    compared_ += entries_.size();
    for (const auto& [key, version] : entries_)
        if (const std::int64_t now = version_in(found, key); now != version)
            lost(key + (now == 0 ? " is missing" : " is " + std::to_string(now)) + ", acknowledged was " +
                 std::to_string(version));
    for (const auto& [key, version] : found)
        if (!entries_.contains(key))
            lost(key + " is there as " + std::to_string(version) + ", but it was deleted or never written");
    entries_ = found;
}

} // namespace whisperstore::test
