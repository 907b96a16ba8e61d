#pragma once
/// \file
/// The message type that the cache, the importer and the application share.

#include <whisperstore/core/json.hpp>
#include <whisperstore/core/time.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace whisperstore {

/// A chat message of any platform.
struct UniversalMessage
{
    std::int64_t message_id = 0; ///< unique; Discord snowflakes and other 64-bit ids fit
    std::string channel_id;
    std::string user_id;
    std::string username;
    std::string content;
    Timestamp timestamp{};
    bool is_bot = false;
    std::optional<std::int64_t> reply_to;
    json::array attachments;
    json::object metadata;

    friend bool operator==(const UniversalMessage&, const UniversalMessage&) = default;
};

/// \throws StorageError invalid_argument naming the field: empty channel_id, invalid UTF-8, NUL
/// characters, non-finite numbers in metadata.
void check_message(const UniversalMessage& message);

/// The message as JSON; message_id and reply_to are strings.
json::object to_json(const UniversalMessage& message);
/// Reads what to_json() writes; ids may be numbers too, absent optional fields take their defaults,
/// unknown fields are ignored. \throws StorageError invalid_argument naming the field.
UniversalMessage message_from_json(const json::object& object);

} // namespace whisperstore
