#pragma once
/// \file
/// A change of the schema, as migrate_schema() and SchemaMigrator take it.

#include <string>
#include <vector>

namespace whisperstore {

/// A schema change. `version` names it for ever; an empty one stands for "identified by its checksum".
///
/// A script may hold many statements and runs in one transaction with its record. Where that cannot be (PostgreSQL's
/// CREATE INDEX CONCURRENTLY) one of the comment lines before its first statement says `-- no-transaction`: then each
/// statement is on its own, and as it may end half-way it must be one that can be run again.
struct Migration
{
    std::string version;
    std::string name;
    std::string script;
    std::string undo_script = {}; ///< takes the change back; empty: it cannot be taken back
    /// Checksums of the same change written for other databases: records of it with one of these are as good. So a
    /// database that moved from SQLite to PostgreSQL is not told that its migrations were changed.
    std::vector<std::string> other_checksums = {};
};

} // namespace whisperstore
