#pragma once
// The chat turn that the benchmark repeats: its data, its SQL and its vectors.

#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore::bench {

constexpr std::size_t chat_users = 200;

/// How much an assistant remembers already.
struct ChatHistory
{
    std::size_t memories = 100000; ///< vectors and memory nodes, spread evenly over the users
    std::size_t facts_per_user = 50;
    std::size_t turns_per_user = 50; ///< messages and conversations
};

/// The SQL of one turn, with positional placeholders as both sides take them.
namespace turn_sql {
inline constexpr const char* user = "SELECT * FROM users WHERE user_id = ?";
inline constexpr const char* facts = "SELECT * FROM facts WHERE user_id = ? ORDER BY id DESC LIMIT 20";
inline constexpr const char* conversations = "SELECT * FROM conversations WHERE user_id = ? ORDER BY id DESC LIMIT 10";
inline constexpr const char* upsert_user =
    "INSERT INTO users (user_id, username) VALUES (?, ?) ON CONFLICT (user_id) DO UPDATE SET "
    "last_seen = '2026-01-01T00:00:00.000000Z', message_count = message_count + 1";
inline constexpr const char* message = "INSERT INTO messages (message_id, channel_id, user_id, username, content, "
                                       "timestamp) VALUES (?, ?, ?, ?, ?, '2026-01-01T00:00:00.000000Z')";
inline constexpr const char* conversation =
    "INSERT INTO conversations (user_id, channel_id, message_content, bot_response) VALUES (?, ?, ?, ?)";
inline constexpr const char* memory =
    "INSERT INTO memory_entries (user_id, memory_type, content, importance_score) VALUES (?, 'episodic', ?, 0.5)";
inline constexpr const char* emotion =
    "INSERT INTO emotions (user_id, detected_emotion, confidence, context) VALUES (?, 'curiosity', 0.8, ?)";
inline constexpr const char* relationship =
    "INSERT INTO relationships (user_id, source_id, relationship_type, target_type, target_id) "
    "VALUES (?, ?, 'TALKS_TO', 'bot', 'assistant') "
    "ON CONFLICT (source_type, source_id, relationship_type, target_type, target_id) DO UPDATE SET "
    "interaction_count = interaction_count + 1, last_interaction = '2026-01-01T00:00:00.000000Z'";
} // namespace turn_sql

std::string chat_user(std::size_t number);
/// 120 bytes of a user, 1,500 bytes of an answer.
const std::string& user_text();
const std::string& reply_text();
/// A unit vector near one of a few hundred topics; the same number gives the same vector.
std::vector<float> chat_embedding(std::uint64_t number);

/// A storage layer in `folder` that remembers `history`, as initialize_storage_layer() opens it.
std::shared_ptr<StorageLayer> chat_storage(const std::filesystem::path& folder, const ChatHistory& history);
/// Its database alone, filled likewise (no vectors, no nodes).
void fill_chat_database(AbstractDatabaseAdapter& database, const ChatHistory& history);

} // namespace whisperstore::bench
