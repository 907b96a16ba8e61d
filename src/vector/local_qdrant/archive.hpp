#pragma once
// Backups: all collections in one SQLite file (docs/archive-format.md).

#include "vector/local_qdrant/collection_file.hpp"
#include "vector/local_qdrant/stoppable.hpp"

namespace whisperstore::local_qdrant {

/// Makes an archive of collections: (name, file) each. It appears whole or not at all.
void write_archive(const std::filesystem::path& path,
                   const std::vector<std::pair<std::string, std::filesystem::path>>& collections,
                   sqlite::Stopper& stopper);

/// Makes the file of one collection from an archive that was checked.
void extract_collection(const std::filesystem::path& archive, const StoredCollection& collection,
                        const std::filesystem::path& file, sqlite::Stopper& stopper);

/// Makes the file of a new, empty collection.
void make_collection_file(const std::filesystem::path& file, std::string_view name, const CollectionConfig& config);

} // namespace whisperstore::local_qdrant
