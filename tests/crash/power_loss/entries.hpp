#pragma once
// The database whose power the tests cut.

#include "crash/power_loss/oracle.hpp"

#include <whisperstore/database/sqlite_adapter.hpp>

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace whisperstore::test {

/// The file of the database within its directory, and the adapter on it, connected, with its tables.
std::shared_ptr<SQLiteAdapter> open_entries(const std::filesystem::path& directory,
                                            const std::string& synchronous = "FULL");

/// What the database holds, writer by writer.
/// \throws std::runtime_error for a row that nobody wrote, or for a damaged file.
std::vector<SlotState> read_entries(SQLiteAdapter& database, std::size_t writers);

/// One writer at work: `steps` operations one after another, each a single statement, a list or a
/// scoped transaction, and some that the database must refuse.
awaitable<void> write_entries(SQLiteAdapter& database, Oracle& oracle, std::size_t writer, std::uint64_t seed,
                              int steps);

} // namespace whisperstore::test
