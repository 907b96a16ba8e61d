#pragma once
// A file of messages, with or without their embeddings, read message by message.

#include "storage/chat_export/message_source.hpp"

#include <whisperstore/core/json.hpp>
#include <whisperstore/core/message.hpp>
#include <whisperstore/storage/message_importer.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore {

/// One line of the file.
struct ImportedMessage
{
    UniversalMessage message;            ///< other fields of the line are in its metadata
    json::object document_metadata;      ///< all fields but id and content
    std::optional<std::int64_t> replies; ///< the message this one answers
    std::vector<float> embedding;        ///< empty without embeddings
};

class ImportFile
{
public:
    /// Throws StorageError not_found, and what open_message_source() does.
    ImportFile(const std::filesystem::path& messages, const ImportOptions& options, std::size_t dimension);

    /// Reads up to `count` messages; fewer at the end, then none. Throws StorageError syntax or
    /// invalid_argument naming file and line.
    std::vector<ImportedMessage> read(std::size_t count);
    /// Messages read so far.
    std::uint64_t messages() const noexcept { return messages_; }
    /// Entries seen so far that are no messages.
    std::uint64_t skipped() const noexcept { return source_->skipped(); }

    /// Reads both files to their end and checks that everything is a message, that no id is there
    /// twice, and that each message has its embedding. Returns the number of messages. Ends early,
    /// without an answer, when `stop` is set by another thread.
    static std::uint64_t check(const std::filesystem::path& messages, const ImportOptions& options,
                               std::size_t dimension, const std::atomic<bool>& stop);

private:
    ImportedMessage parse(const json::object& fields);
    std::optional<std::int64_t> reply_of(const ImportedMessage& item, const json::object& fields);
    std::vector<float> read_embedding();

    std::filesystem::path embeddings_path_;
    std::size_t dimension_;
    std::unique_ptr<MessageSource> source_;
    std::ifstream embeddings_;
    std::uint64_t messages_ = 0;
    std::map<std::string, std::int64_t> session_ends_; // channel and session -> its last message
};

} // namespace whisperstore
