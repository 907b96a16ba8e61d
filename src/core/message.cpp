#include "core/text.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/message.hpp>

#include <charconv>

namespace whisperstore {

namespace {

[[noreturn]] void throw_field(std::string_view field, std::string_view expected)
{
    throw StorageError(StorageErrc::invalid_argument,
                       "message field '" + std::string(field) + "' must be " + std::string(expected));
}

std::int64_t read_id(const json::value& value, std::string_view field)
{
    if (value.is_int64())
        return value.get_int64();
    if (value.is_string()) {
        const std::string_view text = value.get_string();
        std::int64_t id = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
        if (error == std::errc() && end == text.data() + text.size() && !text.empty())
            return id;
    }
    throw_field(field, "a 64-bit integer, as a number or a decimal string");
}

std::string read_text(const json::object& object, std::string_view field, bool required)
{
    const json::value* value = object.if_contains(field);
    if (!value || value->is_null()) {
        if (required)
            throw_field(field, "present");
        return {};
    }
    if (!value->is_string())
        throw_field(field, "a string");
    return std::string(value->get_string());
}

} // namespace

void check_message(const UniversalMessage& message)
{
    if (message.channel_id.empty())
        throw_field("channel_id", "a non-empty string");
    text::check(message.channel_id, "message field 'channel_id'");
    text::check(message.user_id, "message field 'user_id'");
    text::check(message.username, "message field 'username'");
    text::check(message.content, "message field 'content'");
    for (const json::value& attachment : message.attachments)
        check_json(attachment, "message field 'attachments'");
    for (const auto& [key, value] : message.metadata) {
        text::check(key, "message field 'metadata'");
        check_json(value, "message field 'metadata'");
    }
    static_cast<void>(format_timestamp(message.timestamp)); // throws when the year has no canonical text
}

json::object to_json(const UniversalMessage& message)
{
    json::object out;
    out["message_id"] = json_id(message.message_id);
    out["channel_id"] = message.channel_id;
    out["user_id"] = message.user_id;
    out["username"] = message.username;
    out["content"] = message.content;
    out["timestamp"] = format_timestamp(message.timestamp);
    out["is_bot"] = message.is_bot;
    out["reply_to"] = message.reply_to ? json_id(*message.reply_to) : json::value(nullptr);
    out["attachments"] = message.attachments;
    out["metadata"] = message.metadata;
    return out;
}

UniversalMessage message_from_json(const json::object& object)
{
    UniversalMessage message;
    const json::value* id = object.if_contains("message_id");
    if (!id)
        throw_field("message_id", "present");
    message.message_id = read_id(*id, "message_id");
    message.channel_id = read_text(object, "channel_id", true);
    message.user_id = read_text(object, "user_id", true);
    message.username = read_text(object, "username", false);
    message.content = read_text(object, "content", true);
    const std::string time = read_text(object, "timestamp", true);
    if (auto parsed = try_parse_timestamp(time))
        message.timestamp = *parsed;
    else
        throw_field("timestamp", "an RFC 3339 time such as 2026-01-31T09:05:00Z");
    if (const json::value* bot = object.if_contains("is_bot"); bot && !bot->is_null()) {
        if (!bot->is_bool())
            throw_field("is_bot", "true or false");
        message.is_bot = bot->get_bool();
    }
    if (const json::value* reply = object.if_contains("reply_to"); reply && !reply->is_null())
        message.reply_to = read_id(*reply, "reply_to");
    if (const json::value* attachments = object.if_contains("attachments"); attachments && !attachments->is_null()) {
        if (!attachments->is_array())
            throw_field("attachments", "an array");
        message.attachments = attachments->get_array();
    }
    if (const json::value* metadata = object.if_contains("metadata"); metadata && !metadata->is_null()) {
        if (!metadata->is_object())
            throw_field("metadata", "an object");
        message.metadata = metadata->get_object();
    }
    check_message(message);
    return message;
}

} // namespace whisperstore
