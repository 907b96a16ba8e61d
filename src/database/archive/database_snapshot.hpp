#pragma once
// The two ends between which the data of databases move: a snapshot to read from, which may be an archive, and the load
// that takes it. Backups, restores and migrations are made of them.

#include "database/archive/contents.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/database/query_result.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace whisperstore {

/// All of a database as it was at one moment. One coroutine at a time; whatever it holds goes with it.
class DatabaseSnapshot
{
public:
    DatabaseSnapshot() = default;
    DatabaseSnapshot(const DatabaseSnapshot&) = delete;
    DatabaseSnapshot& operator=(const DatabaseSnapshot&) = delete;
    virtual ~DatabaseSnapshot() = default;

    virtual const archive::Contents& contents() const noexcept = 0;
    /// Whose snapshot it is: equal for two of one store. Empty for an archive.
    virtual std::string store() const = 0;

    virtual awaitable<std::uint64_t> count(PortableTable table) = 0;
    /// Begins to read the rows of one of the tables. \param columns of it, in the order wanted
    virtual awaitable<void> select(PortableTable table, std::vector<std::string> columns) = 0;
    /// The next rows, up to about 1 MiB of them; none at the end. Values are as the columns say, but booleans may be
    /// the integers 0 and 1, and what SQLite holds in a column may be of another kind.
    virtual awaitable<Rows> next() = 0;

    /// Writes all of it as a file of SQLite with pages of that size, where it is one: else returns false.
    virtual awaitable<bool> write_file(std::filesystem::path file, int page_size) = 0;

    /// Lets go of what it holds, which else the database does some time after the destructor.
    virtual awaitable<void> close() = 0;
};

/// What becomes of what is there.
enum class LoadMode : std::uint8_t
{
    into_empty, ///< there must be nothing: rows of the portable schema's own versions are nothing
    replace,    ///< it goes, at the moment the new content is there
    merge,      ///< it stays; rows with the same primary key are replaced
};

struct LoadOptions
{
    LoadMode mode = LoadMode::replace;
    /// Of a merge, before it is committed: the rows with a primary key of the snapshot's as they are now, with the
    /// columns of the snapshot's table, then an empty piece. What it throws undoes the merge.
    std::function<void(const PortableTable& table, const Rows& rows)> merged = {};
};

} // namespace whisperstore
