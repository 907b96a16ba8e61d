#pragma once
// Replacing all collections by those of an archive.
//
// They are filled beside the others first, under names that nobody sees. A collection whose metadata names all that is
// replaced and all that replaces it, by the server's ids, is the decision: made in one step, and from there on the
// restore happens. The others are renamed away, the new ones get their names, the others are deleted, then the
// decision. Each step names its collection by its id and may be done twice, so that after a crash whoever opens the
// database next goes through them again, even beside somebody who is at it.

#include "vector/chroma/api.hpp"

#include <filesystem>
#include <memory>

namespace whisperstore::chroma {

/// Reads and checks the archive first. Throws StorageError not_found, corrupt, version_mismatch and those of the
/// server; until the decision everything is as it was.
awaitable<void> restore_archive(std::shared_ptr<Api> api, GraphSettings graph, std::filesystem::path path,
                                OperationContext context);

/// Finishes what was decided, and removes what was left of restores that were not.
/// \param exclusive nobody else uses the database; else only what is older than a day is left over for sure
awaitable<void> finish_restores(std::shared_ptr<Api> api, bool exclusive, OperationContext context);

} // namespace whisperstore::chroma
