#pragma once
// What a migration script says of itself. Pure code.

#include <whisperstore/core/version.hpp>
#include <whisperstore/database/migration.hpp>

#include <string>
#include <string_view>

namespace whisperstore {

/// SHA-256 (hex) of a script. The ends of lines count as one however an editor or a checkout writes them.
std::string migration_checksum(std::string_view script);

/// False where a comment line before the first statement says `-- no-transaction`.
bool runs_in_transaction(std::string_view script) noexcept;

/// The version of a migration: numbers with dots. Throws StorageError invalid_argument.
Version migration_version(std::string_view text);
/// Whether it is one.
bool is_migration_version(std::string_view text) noexcept;

/// A script with a first line `-- version: 3 add topics`, or without.
Migration migration_of_script(std::string script);

/// "migration 3 (add topics)"
std::string migration_title(std::string_view version, std::string_view name);

} // namespace whisperstore
