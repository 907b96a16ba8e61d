#pragma once
// Archives of a graph (docs/archive-format.md). All of it blocks.

#include "sqlite/connection.hpp"
#include "sqlite/files.hpp"
#include "sqlite/stopper.hpp"

#include <whisperstore/graph/graph_database_manager.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace whisperstore::backup {

/// One archive in the making, which appears whole or not at all. One thread at a time.
class GraphArchiveWriter
{
public:
    /// Throws StorageError already_exists.
    explicit GraphArchiveWriter(const std::filesystem::path& file);
    /// A node that is there already is replaced: a store that is written to may tell of one twice.
    void add(const GraphPart& part);
    /// Makes it durable and gives it its name.
    void finish();

private:
    sqlite::PartialFile partial_; // outlives the connection
    std::unique_ptr<sqlite::Connection> connection_;
};

/// Reads an archive part by part, as GraphDatabaseManager::export_part() gave it. One thread at a time.
class GraphArchiveReader
{
public:
    /// Throws StorageError not_found, corrupt or version_mismatch.
    explicit GraphArchiveReader(const std::filesystem::path& file);
    /// Reads everything once. Throws StorageError corrupt.
    void check(sqlite::Stopper& stopper);
    /// The next part, `most` nodes or edges at most; an empty one at the end. Edges whose ends are not there, which a
    /// store that was written to meanwhile may have told of, are left out.
    GraphPart read(std::int64_t most);

private:
    [[noreturn]] void damaged(const std::string& what) const;

    const std::filesystem::path file_;
    std::unique_ptr<sqlite::Connection> connection_;
    std::int64_t after_node_ = 0;
    std::int64_t after_edge_ = 0;
};

} // namespace whisperstore::backup
