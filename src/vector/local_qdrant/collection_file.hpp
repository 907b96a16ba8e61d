#pragma once
// A collection's file is laid out as an archive with one collection.

#include "vector/archive/archive_file.hpp"
#include "vector/archive/collection_file.hpp"

namespace whisperstore::local_qdrant {

using namespace vector_archive;

inline constexpr std::string_view backend = "local_qdrant";

} // namespace whisperstore::local_qdrant
