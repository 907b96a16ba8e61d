#pragma once
// Backups of SQLiteAdapter: writing an archive, and checking one before it is restored. All of it blocks.

#include "sqlite/connection.hpp"
#include "sqlite/files.hpp"
#include "sqlite/stopper.hpp"

#include <filesystem>
#include <memory>

namespace whisperstore {

/// Marks a new database as ours; refuses one of a newer format. For the writer's connection.
void mark_database(sqlite::Connection& connection);

/// Writes a consistent copy of the database that `live` opens. It appears whole or not at all.
void write_archive(const sqlite::OpenOptions& live, const std::filesystem::path& file, sqlite::Stopper& stopper);

/// A backup that was found good, held open and unchanging, ready to be copied over the database.
struct CheckedArchive
{
    std::unique_ptr<sqlite::PartialFile>
        rebuilt; ///< a copy of it with the pages of the database, and nothing of PostgreSQL
    std::unique_ptr<sqlite::Connection> connection;
};

/// Throws StorageError not_found, corrupt or version_mismatch; the archive is not changed.
CheckedArchive check_archive(const std::filesystem::path& file, const sqlite::OpenOptions& live,
                             sqlite::Stopper& stopper);

/// Copies a database over the live one in one transaction, on the writer's connection.
void take_over(sqlite::Connection& from, sqlite::Connection& live);

} // namespace whisperstore
