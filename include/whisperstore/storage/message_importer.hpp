#pragma once
/// \file
/// Reads conversations from a file into all stores.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace whisperstore {

/// What a conversation may be read from.
enum class ImportFormat
{
    automatic,  ///< found by looking at it
    json_lines, ///< one JSON object a line, see import_messages()
    discord,    ///< a file of DiscordChatExporter's JSON; ids are Discord's own
    slack,      ///< the unpacked folder of a Slack workspace export
    whatsapp,   ///< a chat that WhatsApp exported as text, from an iPhone or an Android phone
};

/// In which order WhatsApp's dates stand, which depends on the phone's region.
enum class DateOrder
{
    automatic,   ///< that in which all dates are possible, or else that in which time goes forward
    day_first,   ///< 31/12/2023
    month_first, ///< 12/31/2023
};

struct ImportOptions
{
    ImportFormat format = ImportFormat::automatic;
    /// Little-endian float32, one vector a message of the file, no header. Empty: texts are embedded.
    std::filesystem::path embeddings = {};
    bool embed_texts = true; ///< where there is no file of embeddings: by the layer's EmbeddingProvider, if it has one
    std::string collection = "user_memories";
    std::string channel = {};                    ///< whatsapp: the channel's id; empty: made of the file's name
    DateOrder date_order = DateOrder::automatic; ///< whatsapp
    std::chrono::minutes utc_offset = std::chrono::minutes(0); ///< whatsapp: of its times, which name no zone
    std::size_t batch_size = 128;                              ///< messages stored together; 1-1,000
    /// Called after each batch with what is done and what there is in all. Must not throw.
    std::function<void(std::uint64_t done, std::uint64_t total)> progress = {};
};

/// What an import did.
struct ImportReport
{
    std::uint64_t messages = 0;  ///< of the file
    std::uint64_t skipped = 0;   ///< entries that are no messages: joins, topic changes and the like
    std::uint64_t imported = 0;  ///< stored by this run
    std::uint64_t known = 0;     ///< there already
    std::uint64_t documents = 0; ///< vectors stored by this run
    std::uint64_t relationships = 0;
    double seconds = 0;
    double embedding_seconds = 0; ///< of them, those spent on embedding texts and storing their vectors
    json::object to_json() const;
};

/// Imports a conversation from a file, or a folder for Slack. Our own format has one JSON object a line: message_id
/// (64-bit integer or its decimal text), channel_id, user_id, timestamp (RFC 3339), content; optional username, is_bot,
/// reply_to, attachments, metadata; other fields become metadata, and `session` (any scalar) joins messages of one
/// channel to a conversation.
///
/// Each message becomes a row of `messages` and one of `conversations`, a cached message, a document
/// of the collection with its message_id as id (where there are embeddings, and a text), and a User and a Memory
/// node with User-REMEMBERS->Memory, and Memory-REPLIES_TO->Memory to the message it replies to: its
/// `reply_to`, else the one before it in its session.
///
/// The whole file is checked before anything is stored. The row of `messages` is written last, so it
/// says that the message is complete: an interrupted import goes on where it stopped, and importing
/// twice changes nothing. A message that is there already is left as it is, except that a missing
/// document is added.
/// \throws StorageError not_found for a missing file; syntax or invalid_argument naming file and line
/// (nothing is stored then).
awaitable<ImportReport> import_messages(StorageLayer& storage, std::filesystem::path messages,
                                        ImportOptions options = ImportOptions(),
                                        OperationContext context = OperationContext());

} // namespace whisperstore
