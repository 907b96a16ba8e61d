#pragma once
// Graphs on disk: `<collection>.<number>.graph` beside the collection's database.
//
// They are a cache. A file says which versions of which vectors it is about, and is of use as far as the database holds
// just these; a file that is missing, torn, of another version of this format or about something else costs the time to
// build the graph again, and nothing else.
//
// Layout, all numbers little-endian: a header of 64 bytes (magic, format, length of a code, nodes, lists of upper
// levels, entry, whether there are codes, links of the lowest level), the SHA-256 of the header and of each section in
// hex, and the sections one after the other: versions, fingerprints, levels, upper lists, beginnings of the lowest
// level's lists, its links, scales, codes.

#include "vector/local_qdrant/graph_set.hpp"

#include <filesystem>
#include <functional>

namespace whisperstore::local_qdrant {

/// A segment as it is in its file, without the places of documents in the index.
struct StoredGraph
{
    std::shared_ptr<GraphSegment> segment;
    std::vector<std::uint64_t> fingerprints; ///< of each node's vector
};

/// Tells vectors apart that differ by chance, not by intent.
std::uint64_t fingerprint(std::span<const float> vector) noexcept;

/// The graph files beside a database, by number, smallest first. Empty when the folder cannot be read.
std::vector<std::pair<std::uint64_t, std::filesystem::path>> graph_files(const std::filesystem::path& database);
std::filesystem::path graph_file(const std::filesystem::path& database, std::uint64_t number);
/// The database that a file would be a graph of, half-written ones included; nothing for other files.
std::optional<std::filesystem::path> database_of_graph(const std::filesystem::path& file);
bool is_half_written_graph(const std::filesystem::path& file);

/// Durably, whole or not at all; false when `stop` said so. Throws StorageError when the file system refuses.
bool write_graph(const std::filesystem::path& file, const GraphSegment& segment,
                 std::span<const std::uint64_t> fingerprints, const std::function<bool()>& stop);
/// Nothing, and `why`, unless the file is whole and a graph of codes of that length.
std::optional<StoredGraph> read_graph(const std::filesystem::path& file, std::size_t code_length, std::string& why);

} // namespace whisperstore::local_qdrant
