#pragma once
// How a document lies in a Chroma record. docs/chroma.md tells users of it.
//
// The record's document is the content, its embedding the vector, and its metadata holds
//  - `whisperstore:metadata`: the document's metadata as JSON text. Answers are made of this alone;
//  - `whisperstore:bucket`: the first 12 bits of SHA-256(id), by which listings go;
//  - what of the metadata Chroma can compare, under dotted paths, so that its own `where` narrows a search: texts,
//    numbers, bools, lists of one kind of these; for a text that is a time also `whisperstore:time:PATH`, its
//    microseconds since 1970;
//  - `whisperstore:loose`, where something could not be kept so (see Looseness).
//
// Chroma's upsert merges: a key that the new version of a document does not have stays, unless it is named as null.
// The writer names those it knows of; two writers at once may still leave one behind. Nothing relies on their absence:
// conditions sent to the server are positive ones, for which a left-over is at worst one document too many, and every
// answer is checked with the JSON text, which each upsert replaces.

#include <whisperstore/core/json.hpp>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace whisperstore::chroma {

inline constexpr std::string_view metadata_key = "whisperstore:metadata";
inline constexpr std::string_view bucket_key = "whisperstore:bucket";
inline constexpr std::string_view loose_key = "whisperstore:loose";
inline constexpr std::string_view time_prefix = "whisperstore:time:";
inline constexpr std::string_view collection_key = "whisperstore:collection";

inline constexpr unsigned bucket_count = 4096;
/// Of a document id.
unsigned bucket_of(std::string_view id);

/// What of a document's metadata Chroma's own comparisons may miss. Each level includes the lower ones.
enum class Looseness : int
{
    none = 0,
    text_lists = 1,   ///< has lists of texts or bools: found by `$contains`, not by `$in`
    number_lists = 2, ///< has numbers or times in lists: Chroma compares none of these
    anything = 3      ///< has bools beside texts in a list, or an integer beyond int64
};

/// Texts beyond are not kept for comparing; conditions on them are not sent.
inline constexpr std::size_t longest_compared_text = 1024;

/// Whether values at a path are kept for comparing: not where Chroma refuses the key, keeps its own things there
/// (a number under `chroma:document` stops the whole server for good), or we do.
bool is_comparable_path(std::string_view path) noexcept;

/// Appends the record's metadata as a JSON object.
/// \param old_keys those of the record so far; what is not written anew is named as null
void append_record_metadata(std::string& out, std::string_view id, const json::object& metadata,
                            const std::set<std::string, std::less<>>& old_keys);

} // namespace whisperstore::chroma
