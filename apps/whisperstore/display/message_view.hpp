#pragma once
// Messages and memories as people read them.

#include "display/output.hpp"
#include "display/terminal.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/storage/text_memory.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <string>
#include <vector>

namespace whisperstore::cli {

/// "2026-03-02 18:04" of a canonical or RFC 3339 time (UTC); other text as it is.
std::string short_time(std::string_view time);

/// One message after the other: time, name, text; the text is wrapped on a terminal.
void print_messages(Output& out, const Terminal& terminal, const std::vector<CachedMessage>& messages,
                    const std::string& indent = {});

/// Found memories: score as a bar, who, where and when, the text.
void print_memories(Output& out, const Terminal& terminal, const std::vector<SearchResult>& memories,
                    const std::string& indent = {});

/// One of them, and what its score is made of where that is known.
void print_memory(Output& out, const Terminal& terminal, const SearchResult& memory,
                  const std::optional<ScoreParts>& parts, const std::string& indent = {});

/// id, score, content, metadata.
json::object to_json(const SearchResult& result);

/// A text field of a document's metadata; empty where it is missing or no text.
std::string metadata_text(const json::object& metadata, std::string_view key);

} // namespace whisperstore::cli
