#pragma once
// What the words of a document are beside its content: who said it, and when.

#include <whisperstore/core/json.hpp>

#include <string>

namespace whisperstore {

/// The `username` of a document's metadata; empty where it is missing or no text.
std::string name_text(const json::object& metadata);
/// The day of its `timestamp` in words, as people ask for it: "8 May 2023"; empty where there is no RFC 3339 time.
std::string day_text(const json::object& metadata);
/// Both, as an index of words keeps them. An index that was made has to be made anew when this changes
/// (local_qdrant/word_index.cpp: its tables' version).
std::string about_text(const json::object& metadata);

} // namespace whisperstore
