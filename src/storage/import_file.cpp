#include "storage/import_file.hpp"

#include "storage/chat_export/export_file.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <array>
#include <bit>
#include <cstring>
#include <unordered_map>

namespace whisperstore {

namespace {

// What message_from_json() reads; anything else of a line is metadata.
constexpr std::array<std::string_view, 10> message_fields{"message_id",  "channel_id", "user_id", "username",
                                                          "content",     "timestamp",  "is_bot",  "reply_to",
                                                          "attachments", "metadata"};

bool is_message_field(std::string_view name) noexcept
{
    for (const std::string_view field : message_fields)
        if (field == name)
            return true;
    return false;
}

} // namespace

ImportFile::ImportFile(const std::filesystem::path& messages, const ImportOptions& options, std::size_t dimension)
    : embeddings_path_(options.embeddings), dimension_(dimension), source_(open_message_source(messages, options))
{
    if (!embeddings_path_.empty())
        embeddings_ = open_export_file(embeddings_path_);
}

std::optional<std::int64_t> ImportFile::reply_of(const ImportedMessage& item, const json::object& fields)
{
    std::optional<std::int64_t> before;
    if (const json::value* session = fields.if_contains("session"); session && !session->is_null()) {
        if (session->is_structured())
            throw StorageError(StorageErrc::invalid_argument, "the field 'session' must be a number or a text");
        // The separator cannot be part of a channel's name, as no text holds a NUL.
        std::string key = item.message.channel_id + '\0' + json::serialize(*session);
        if (const auto [end, first] = session_ends_.try_emplace(std::move(key), item.message.message_id); !first)
            before = std::exchange(end->second, item.message.message_id);
    }
    return item.message.reply_to && *item.message.reply_to != item.message.message_id ? item.message.reply_to : before;
}

ImportedMessage ImportFile::parse(const json::object& fields)
{
    ImportedMessage item;
    item.message = message_from_json(fields);
    if (item.message.user_id.empty())
        throw StorageError(StorageErrc::invalid_argument, "the field 'user_id' must not be empty");
    for (const auto& [name, value] : fields) {
        if (!is_message_field(name)) {
            check_json(value, "field '" + std::string(name) + "'");
            item.message.metadata[name] = value;
        }
        if (name != "message_id" && name != "content")
            item.document_metadata[name] = value;
    }
    item.replies = reply_of(item, fields);
    return item;
}

std::vector<float> ImportFile::read_embedding()
{
    static_assert(std::endian::native == std::endian::little, "the files are little-endian, as this machine has to be");
    std::vector<float> embedding(dimension_);
    const auto bytes = static_cast<std::streamsize>(dimension_ * sizeof(float));
    embeddings_.read(reinterpret_cast<char*>(embedding.data()), bytes);
    if (embeddings_.gcount() != bytes)
        throw StorageError(StorageErrc::invalid_argument, embeddings_path_.string() +
                                                              " ends before this message's embedding of " +
                                                              std::to_string(dimension_) + " float32 values");
    check_embedding(embedding, dimension_);
    return embedding;
}

std::vector<ImportedMessage> ImportFile::read(std::size_t count)
{
    std::vector<ImportedMessage> items;
    items.reserve(count);
    try {
        while (items.size() < count) {
            const std::optional<json::object> fields = source_->next();
            if (!fields)
                break;
            ++messages_;
            items.push_back(parse(*fields));
            if (embeddings_.is_open())
                items.back().embedding = read_embedding();
        }
    } catch (const StorageError& error) {
        throw error.prefixed(source_->place() + ": ");
    }
    return items;
}

std::uint64_t ImportFile::check(const std::filesystem::path& messages, const ImportOptions& options,
                                std::size_t dimension, const std::atomic<bool>& stop)
{
    ImportFile file(messages, options, dimension);
    std::unordered_map<std::int64_t, std::uint64_t> numbers;
    while (!stop) {
        const std::vector<ImportedMessage> items = file.read(1);
        if (items.empty())
            break;
        const auto [known, added] = numbers.try_emplace(items.front().message.message_id, file.messages());
        if (!added)
            throw StorageError(StorageErrc::invalid_argument,
                               file.source_->place() + ": message_id " + std::to_string(known->first) +
                                   " is that of message " + std::to_string(known->second) + " too");
    }
    if (!stop && file.embeddings_.is_open() && file.embeddings_.peek() != std::ifstream::traits_type::eof())
        throw StorageError(StorageErrc::invalid_argument,
                           options.embeddings.string() + " holds more than " + std::to_string(file.messages()) +
                               " embeddings of " + std::to_string(dimension) +
                               " float32 values, one for each message of " + messages.string());
    return file.messages();
}

} // namespace whisperstore
