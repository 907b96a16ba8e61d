#pragma once
// What Qdrant answers (REST, 1.10 and newer), as values. Everything throws StorageError syntax for an answer of another
// form, and unsupported for points that were not stored by whisperstore.

#include "vector/qdrant/words.hpp"

#include <whisperstore/vector/vector_database_manager.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::qdrant {

/// A point of a search, a scroll or a retrieval.
struct Point
{
    VectorDocument document; ///< without a vector where none was asked for
    double score = 0;
    SparseVector words;
};

/// Of POST …/points/query.
std::vector<Point> parse_query(std::string_view body);
/// Of POST …/points/query/batch.
std::vector<std::vector<Point>> parse_query_batch(std::string_view body);
/// Of POST …/points.
std::vector<Point> parse_retrieved(std::string_view body);

struct ScrollPage
{
    std::vector<Point> points;
    std::string next; ///< the place of the next page as JSON; empty: none
};
/// Of POST …/points/scroll.
ScrollPage parse_scroll(std::string_view body);

/// Of POST …/points/count.
std::uint64_t parse_count(std::string_view body);
/// Of a write with wait=true. Throws StorageError timeout, whose outcome is unknown, where it is only acknowledged.
void check_completed(std::string_view body);
/// A result that is true or false.
bool parse_flag(std::string_view body);

struct CollectionInfo
{
    std::size_t dimension = 0;
    std::string distance;
    bool has_words = false;    ///< the sparse vector of words
    std::string index_failure; ///< what the optimizer says
    std::string index_state;   ///< as CollectionStats has it; empty where the server does not tell
};
/// Of GET /collections/X. Throws StorageError unsupported for one with several dense vectors, or none.
CollectionInfo parse_collection(std::string_view body);
/// Of GET /collections.
std::vector<std::string> parse_names(std::string_view body);

struct Alias
{
    std::string name;
    std::string collection;
};
/// Of GET /aliases.
std::vector<Alias> parse_aliases(std::string_view body);
/// Of GET /.
std::string parse_version(std::string_view body);

struct Snapshot
{
    std::string name;
    std::uint64_t size = 0;
    std::string checksum; ///< SHA-256; empty where the server does not tell
};
/// Of POST …/snapshots.
Snapshot parse_snapshot(std::string_view body);

/// Payloads of points without vectors, as they are: of the catalogue.
std::vector<json::object> parse_payloads(std::string_view body);

} // namespace whisperstore::qdrant
