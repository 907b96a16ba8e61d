#pragma once
// Whole storage layers for tests: their configuration, a look at everything they hold, files to import.

#include <whisperstore/config/storage_configuration.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore::test {

/// A laptop's configuration whose data is in `data_dir`, whatever the environment says, but for some settings by their
/// variables.
StorageConfiguration laptop_configuration(const std::filesystem::path& data_dir,
                                          const std::map<std::string, std::string>& settings = {});

/// Everything stored: the rows of each table and the documents of each collection ("vectors/<name>"),
/// as sorted JSON lines.
using Dump = std::map<std::string, std::vector<std::string>>;
enum class Columns
{
    all,
    content, ///< without those that say when something was done, and numbers that rows got in their order
};
awaitable<Dump> dump(StorageLayer& storage, Columns columns = Columns::all);
/// The part of it that is in the database, or in the vector database.
awaitable<Dump> dump_database(AbstractDatabaseAdapter& database, Columns columns = Columns::all);
awaitable<Dump> dump_vectors(VectorDatabaseManager& vectors);
/// Empty for equal dumps, else what differs first.
std::string difference(const Dump& a, const Dump& b);

/// One line of a file to import.
struct SampleMessage
{
    std::int64_t id = 0;
    std::string channel = "kitchen";
    std::string user = "ada";
    std::string content = "text";
    std::optional<std::int64_t> reply_to = std::nullopt;
    std::optional<int> session = std::nullopt;

    /// At the second `id` of 2026.
    std::string line() const;
};
/// Messages of several users, channels and sessions, some of them explicit replies.
std::vector<SampleMessage> sample_messages(std::size_t count, std::int64_t first_id = 1);
/// A deterministic vector that is like no other's.
std::vector<float> sample_embedding(std::int64_t number, std::size_t dimension = 384);

void write_messages(const std::filesystem::path& path, const std::vector<SampleMessage>& messages);
void write_embeddings(const std::filesystem::path& path, const std::vector<std::vector<float>>& embeddings);
/// Each message's sample_embedding().
void write_embeddings(const std::filesystem::path& path, const std::vector<SampleMessage>& messages);

} // namespace whisperstore::test
