#include "storage/chat_export/discord_source.hpp"

#include "storage/chat_export/export_file.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>

namespace whisperstore {

namespace {

constexpr std::array<std::string_view, 4> spoken{"Default", "Reply", "ChatInputCommand", "ContextMenuCommand"};

json::object member(const JsonElements& elements, std::string_view name)
{
    const auto found = elements.members().find(name);
    return found == elements.members().end() ? json::object() : parse_json_object(found->second, name);
}

} // namespace

DiscordSource::DiscordSource(std::filesystem::path path) : path_(std::move(path)), elements_(path_, "messages")
{
    const json::object channel = member(elements_, "channel");
    channel_id_ = text_field(channel, "id");
    if (channel_id_.empty())
        throw StorageError(StorageErrc::invalid_argument,
                           "the channel's id is missing before the messages; is it a JSON export of "
                           "DiscordChatExporter?");
    channel_name_ = text_field(channel, "name");
    guild_name_ = text_field(member(elements_, "guild"), "name");
}

json::object DiscordSource::message_of(const json::object& exported) const
{
    const json::object* author = object_field(exported, "author");
    if (!author)
        throw StorageError(StorageErrc::invalid_argument, "the field 'author' is missing");
    json::object out;
    out["message_id"] = needed_text_field(exported, "id");
    out["channel_id"] = channel_id_;
    out["user_id"] = needed_text_field(*author, "id");
    const std::string nickname = text_field(*author, "nickname");
    out["username"] = nickname.empty() ? text_field(*author, "name") : nickname;
    out["timestamp"] = needed_text_field(exported, "timestamp");
    out["content"] = text_field(exported, "content");
    if (const json::value* bot = author->if_contains("isBot"); bot && bot->is_bool())
        out["is_bot"] = bot->get_bool();
    if (const json::object* reference = object_field(exported, "reference"))
        if (std::string replied = text_field(*reference, "messageId"); !replied.empty())
            out["reply_to"] = std::move(replied);
    if (const json::array* attachments = list_field(exported, "attachments"))
        out["attachments"] = *attachments;
    if (!channel_name_.empty())
        out["channel_name"] = channel_name_;
    if (!guild_name_.empty())
        out["guild_name"] = guild_name_;
    return out;
}

std::optional<json::object> DiscordSource::next()
{
    while (std::optional<std::string> text = elements_.next()) {
        ++number_;
        const json::object exported = parse_json_object(*text, "the message");
        const std::string type = text_field(exported, "type");
        if (!type.empty() && std::find(spoken.begin(), spoken.end(), type) == spoken.end()) {
            skip();
            continue;
        }
        return message_of(exported);
    }
    return std::nullopt;
}

} // namespace whisperstore
