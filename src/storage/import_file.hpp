#pragma once
// A file of messages, with or without their embeddings, read line by line.

#include <whisperstore/core/json.hpp>
#include <whisperstore/core/message.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
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
    /// `embeddings` may be empty. Throws StorageError not_found.
    ImportFile(std::filesystem::path messages, std::filesystem::path embeddings, std::size_t dimension);

    /// Reads up to `count` messages; fewer at the end, then none. Throws StorageError syntax or
    /// invalid_argument naming file and line.
    std::vector<ImportedMessage> read(std::size_t count);
    /// Lines read so far.
    std::uint64_t lines() const noexcept { return line_; }

    /// Reads both files to their end and checks that every line is a message, that no id is there
    /// twice, and that each message has its embedding. Returns the number of messages. Ends early,
    /// without an answer, when `stop` is set by another thread.
    static std::uint64_t check(const std::filesystem::path& messages, const std::filesystem::path& embeddings,
                               std::size_t dimension, const std::atomic<bool>& stop);

private:
    ImportedMessage parse(const std::string& line);
    std::optional<std::int64_t> reply_of(const ImportedMessage& item, const json::object& fields);
    std::vector<float> read_embedding();
    [[noreturn]] void fail_at_line(const std::exception_ptr& error) const;

    std::filesystem::path path_;
    std::filesystem::path embeddings_path_;
    std::size_t dimension_;
    std::ifstream stream_;
    std::ifstream embeddings_;
    std::uint64_t line_ = 0;
    std::map<std::string, std::int64_t> session_ends_; // channel and session -> its last message
};

} // namespace whisperstore
