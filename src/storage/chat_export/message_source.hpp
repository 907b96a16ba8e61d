#pragma once
// Where an import's messages come from: one of the formats in which chats are exported.

#include <whisperstore/core/json.hpp>
#include <whisperstore/storage/message_importer.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace whisperstore {

/// Gives the messages of an export one by one, in bounded memory, as the objects of our JSON lines: message_id,
/// channel_id, user_id, username, timestamp, content, is_bot, reply_to, attachments; further fields become metadata.
class MessageSource
{
public:
    virtual ~MessageSource() = default;

    /// The next message; nothing at the end. Throws StorageError syntax or invalid_argument without the place, for
    /// which ask place().
    virtual std::optional<json::object> next() = 0;
    /// Where the message stands that next() gave or failed at: "chat.jsonl line 3".
    virtual std::string place() const = 0;
    /// What is no message of a person: joins, topic changes and the like.
    std::uint64_t skipped() const noexcept { return skipped_; }

protected:
    void skip() noexcept { ++skipped_; }

private:
    std::uint64_t skipped_ = 0;
};

/// What `path` is. Throws StorageError not_found; invalid_argument, naming the formats, for what is none of them.
ImportFormat detect_format(const std::filesystem::path& path);

/// Opens an export. `options` says how to read what the format leaves open.
std::unique_ptr<MessageSource> open_message_source(const std::filesystem::path& path, const ImportOptions& options);

/// A positive id for messages of formats that have none: the same text gives the same id.
std::int64_t id_of_text(std::string_view text);

} // namespace whisperstore
