#pragma once
/// \file
/// Migrations as files of a folder.

#include <whisperstore/core/sql_dialect.hpp>
#include <whisperstore/database/migration.hpp>

#include <filesystem>
#include <vector>

namespace whisperstore {

/// Reads the scripts of a folder for one database, ordered by version (2 before 10, 1.9 before 1.10).
///
/// Names are `VERSION_NAME.up.sql` and `VERSION_NAME.down.sql`, or `VERSION_NAME.sql` where there is no way back:
/// `0012_add_topics.up.sql`. VERSION is numbers with dots. With `.sqlite.sql` or `.postgresql.sql` at the end in place
/// of `.sql` a script is for that database alone and goes before the common one. Other files are left alone, but a
/// `.sql` file with a name that is none of these is an error, because it would be forgotten silently. Blocks while it
/// reads.
/// \throws StorageError not_found without the folder; invalid_argument for a name that is none, for two scripts of the
/// same version, for a version without a script for this database and for text that is not UTF-8.
std::vector<Migration> read_migration_folder(const std::filesystem::path& folder, SqlDialect dialect);

} // namespace whisperstore
