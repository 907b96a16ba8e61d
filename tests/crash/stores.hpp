#pragma once
// The stores that are written to and killed: opening them, and reading every entry back.

#include "crash/operations.hpp"

#include <whisperstore/core/async.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace whisperstore {
class AbstractDatabaseAdapter;
class VectorDatabaseManager;
class GraphDatabaseManager;
} // namespace whisperstore

namespace whisperstore::test {

/// Entries of a group are always written together. "g1-7.0" is of the group "g1-7"; other names are
/// of no group.
constexpr int group_size = 4;
std::string in_group(const std::string& group, int number);

/// The vectors are spread over two collections.
constexpr std::size_t vector_dimension = 32;
std::string collection_of(std::string_view key);

std::shared_ptr<AbstractDatabaseAdapter> database_in(const std::filesystem::path& directory);
std::shared_ptr<VectorDatabaseManager> vectors_in(const std::filesystem::path& directory);
/// Of a local Chroma, where it is part of this build.
std::shared_ptr<VectorDatabaseManager> chroma_in(const std::filesystem::path& directory);
std::shared_ptr<GraphDatabaseManager> graph_on(std::shared_ptr<AbstractDatabaseAdapter> database);

/// Opens, and creates the place for the entries where it is missing.
awaitable<void> open(AbstractDatabaseAdapter& database);
awaitable<void> open(VectorDatabaseManager& vectors);
awaitable<void> create_entries(AbstractDatabaseAdapter& database);
awaitable<void> create_entries(VectorDatabaseManager& vectors);

/// \name Every entry with its version
/// An entry whose content is not whole has the version -1.
///@{
awaitable<Entries> read_entries(AbstractDatabaseAdapter& database);
awaitable<Entries> read_entries(VectorDatabaseManager& vectors);
/// Nodes ("memory:m1-3") and edges ("edge/from/TYPE/to") in the database's tables.
awaitable<Entries> read_graph(AbstractDatabaseAdapter& database);
///@}

} // namespace whisperstore::test
