#pragma once
// Memories of users in a collection of Qdrant, and storing and finding them by many coroutines of one thread.

#include <whisperstore/vector/http_qdrant_manager.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace whisperstore::bench {

inline constexpr std::size_t qdrant_dimension = 384;
inline constexpr std::size_t qdrant_batch = 256;
inline constexpr std::size_t qdrant_users = 100;
inline constexpr std::size_t qdrant_limit = 10;

/// Batches of documents with contents of about 200 bytes and metadata of six members, the same on every run. Their
/// vectors have unit length.
std::vector<std::vector<VectorDocument>> make_memories(std::size_t batches);

struct MemoryQuestion
{
    std::vector<float> embedding;
    std::string user_id;
};
std::vector<MemoryQuestion> make_questions(std::size_t count);

VectorDatabaseConfig qdrant_config(const std::string& url);

/// Makes the collection anew, empty.
void reset_collection(HTTPQdrantManager& manager, const std::string& collection);

/// Stores the batches, which it uses up, with `in_flight` calls of store_documents() under way.
void store_in_flight(HTTPQdrantManager& manager, const std::string& collection, std::size_t in_flight,
                     std::vector<std::vector<VectorDocument>> batches);

/// Asks so many of the questions, in turns, each for the nearest of its user's memories; throws where one has not
/// `qdrant_limit` answers.
void search_in_flight(HTTPQdrantManager& manager, const std::string& collection, std::size_t in_flight,
                      const std::vector<MemoryQuestion>& questions, std::size_t count);

} // namespace whisperstore::bench
