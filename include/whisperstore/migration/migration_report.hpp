#pragma once
/// \file
/// What a migration is told and what it tells: options, progress, report.

#include <whisperstore/core/json.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// What a migration does with a target that holds something already.
enum class ExistingData : std::uint8_t
{
    refuse, ///< nothing, unless it holds exactly what would be moved: then nothing is left to do
    merge,  ///< what is there stays; what has the same key is replaced by the source's
    replace ///< it is replaced as a whole, and still there when the migration fails
};

/// A sign of life, given between pieces of work.
struct MigrationProgress
{
    std::string_view phase; ///< "copy", "verify"
    std::string_view item;  ///< the table, the collection, …; valid during the call
    std::uint64_t rows = 0; ///< of the whole layer so far in this phase: rows, documents, messages, nodes and edges
    std::uint64_t rows_in_total = 0; ///< 0: not known
    std::uint64_t bytes = 0;         ///< of values, so far in this phase
};

/// How a migration is done.
struct MigrationOptions
{
    ExistingData existing = ExistingData::refuse;
    bool verify = true;   ///< read the target afterwards and compare counts and content hashes
    bool dry_run = false; ///< change nothing, only report what would be done
    /// Called on the thread of the coroutine. What it throws ends the migration like any failure.
    std::function<void(const MigrationProgress&)> progress = {};
};

/// A table, collection, … that was moved, or in a dry run would be.
struct MigratedItem
{
    std::string name;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;  ///< of its values
    std::string content_hash; ///< of its rows in any order, 64 lower-case hex digits; empty in a dry run
    friend bool operator==(const MigratedItem&, const MigratedItem&) = default;
};

/// Something of the source that the target cannot hold.
struct UnmovedItem
{
    std::string name;
    std::string reason;
    friend bool operator==(const UnmovedItem&, const UnmovedItem&) = default;
};

/// What a migration of one layer did, or in a dry run would do.
struct MigrationReport
{
    std::string component; ///< "database", "vector_db", "cache", "graph"
    std::string source;    ///< type of the backend, "sqlite"
    std::string target;
    std::vector<MigratedItem> items;
    std::vector<UnmovedItem> not_moved;
    bool dry_run = false;
    bool already_there = false; ///< the target held exactly this before; nothing was changed
    bool verified = false;      ///< the target was read and has the same counts and hashes
    double seconds = 0;         ///< of everything
    double copy_seconds = 0;    ///< without verifying

    std::uint64_t rows() const noexcept;
    std::uint64_t bytes() const noexcept;
    json::object to_json() const;
};

} // namespace whisperstore
