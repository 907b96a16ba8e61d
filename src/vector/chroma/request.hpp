#pragma once
// Bodies of the requests that go to a Chroma collection.

#include "vector/chroma/where.hpp"

#include <whisperstore/vector/vector_database_manager.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::chroma {

/// What of a record an answer holds, beside its id.
struct Include
{
    bool documents = false;
    bool metadatas = false;
    bool embeddings = false;
};
inline constexpr Include only_ids{};
inline constexpr Include only_metadata{false, true, false};
inline constexpr Include texts{true, true, false};
inline constexpr Include whole{true, true, true};

std::string get_by_ids(std::span<const std::string> ids, Include include);
/// \param limit the most records
std::string get_where(const Where& where, Include include, std::optional<std::uint64_t> limit,
                      std::uint64_t offset = 0);
std::string query(std::span<const float> embedding, std::size_t count, const Where& where, Include include);
std::string delete_ids(std::span<const std::string> ids);

/// Of one batch; vectors are sent with unit length. \param old_keys the metadata keys of those documents that are there
/// already
std::string upsert(std::span<const VectorDocument* const> documents,
                   const std::map<std::string, std::set<std::string, std::less<>>, std::less<>>& old_keys);
/// About how many bytes a document adds to it.
std::size_t upsert_size(const VectorDocument& document);

} // namespace whisperstore::chroma
