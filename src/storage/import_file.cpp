#include "storage/import_file.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <array>
#include <bit>
#include <cstring>

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

std::ifstream open_file(const std::filesystem::path& path)
{
    std::error_code ignored; // told as not readable
    std::ifstream stream(path, std::ios::binary);
    if (!std::filesystem::is_regular_file(path, ignored) || !stream)
        throw StorageError(StorageErrc::not_found, path.string() + " is not a readable file");
    return stream;
}

} // namespace

ImportFile::ImportFile(std::filesystem::path messages, std::filesystem::path embeddings, std::size_t dimension)
    : path_(std::move(messages)),
      embeddings_path_(std::move(embeddings)),
      dimension_(dimension),
      stream_(open_file(path_))
{
    if (!embeddings_path_.empty())
        embeddings_ = open_file(embeddings_path_);
}

void ImportFile::fail_at_line(const std::exception_ptr& error) const
{
    try {
        std::rethrow_exception(error);
    } catch (const StorageError& failure) {
        throw failure.prefixed(path_.string() + " line " + std::to_string(line_) + ": ");
    }
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

ImportedMessage ImportFile::parse(const std::string& line)
{
    const json::object fields = parse_json_object(line, "the line");
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
    std::string line;
    while (items.size() < count && std::getline(stream_, line)) {
        ++line_;
        try {
            items.push_back(parse(line));
            if (embeddings_.is_open())
                items.back().embedding = read_embedding();
        } catch (const StorageError&) {
            fail_at_line(std::current_exception());
        }
    }
    if (stream_.bad())
        throw StorageError(StorageErrc::unavailable, "reading " + path_.string() + " failed");
    return items;
}

std::uint64_t ImportFile::check(const std::filesystem::path& messages, const std::filesystem::path& embeddings,
                                std::size_t dimension, const std::atomic<bool>& stop)
{
    ImportFile file(messages, embeddings, dimension);
    std::map<std::int64_t, std::uint64_t> lines;
    while (!stop) {
        const std::vector<ImportedMessage> items = file.read(1);
        if (items.empty())
            break;
        const auto [known, added] = lines.try_emplace(items.front().message.message_id, file.lines());
        if (!added)
            throw StorageError(StorageErrc::invalid_argument, messages.string() + " line " +
                                                                  std::to_string(file.lines()) + ": message_id " +
                                                                  std::to_string(known->first) + " is that of line " +
                                                                  std::to_string(known->second) + " too");
    }
    if (!stop && file.embeddings_.is_open() && file.embeddings_.peek() != std::ifstream::traits_type::eof())
        throw StorageError(StorageErrc::invalid_argument,
                           embeddings.string() + " holds more than " + std::to_string(file.lines()) +
                               " embeddings of " + std::to_string(dimension) +
                               " float32 values, one for each line of " + messages.string());
    return file.lines();
}

} // namespace whisperstore
