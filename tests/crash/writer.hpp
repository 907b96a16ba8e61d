#pragma once
// The program that writes until it is killed: several coroutines, each with entries of its own, so
// that the order of the operations on one entry is known.

#include "crash/operations.hpp"

#include <whisperstore/core/async.hpp>

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace whisperstore {
class AbstractDatabaseAdapter;
class VectorDatabaseManager;
class GraphDatabaseManager;
class StorageLayer;
} // namespace whisperstore

namespace whisperstore::test {

struct WriterArguments
{
    std::string what;
    std::filesystem::path directory;
    std::uint64_t seed = 0;
    int round = 0;
};

/// What one of the writer's coroutines needs: random numbers, names, reports.
class Actor
{
public:
    Actor(const WriterArguments& arguments, const Reporter& reporter, int number);

    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    /// An entry of this actor: an old one as likely as a new one.
    std::string name(std::string_view prefix) { return name(prefix, below(20U + 10U * round_)); }
    std::string name(std::string_view prefix, std::uint64_t index) const;
    /// Larger than all before, of this and of earlier rounds.
    std::int64_t next_version() noexcept { return ++version_; }
    /// Does `call` and tells about it before and after.
    awaitable<void> tell(std::vector<Change> changes, awaitable<void> call, bool parts = false);

private:
    const Reporter& reporter_;
    const int number_;
    const std::uint64_t round_;
    std::mt19937_64 random_;
    std::int64_t version_;
    std::uint64_t operations_ = 0;
};

/// \name What is done without end
///@{
awaitable<void> write_database(AbstractDatabaseAdapter& database, Actor actor);
awaitable<void> write_vectors(VectorDatabaseManager& vectors, Actor actor);
awaitable<void> write_graph(GraphDatabaseManager& graph, Actor actor);
/// Creates backups "backup-<n>" in the directory.
awaitable<void> write_backups(StorageLayer& storage, std::filesystem::path directory, Actor actor);
/// Restores the backups "1" and "2" of the directory, whole and store by store.
awaitable<void> restore_backups(StorageLayer& storage, std::filesystem::path directory, Actor actor);
///@}
/// Imports "messages.jsonl" and "messages.f32" of the directory in small batches, then waits to be killed.
awaitable<void> import_file(StorageLayer& storage, std::filesystem::path directory, Actor actor);

} // namespace whisperstore::test
