#pragma once
// DiscordChatExporter's JSON: one file a channel, {"guild": {…}, "channel": {…}, …, "messages": [{…}, …]}.

#include "storage/chat_export/json_elements.hpp"
#include "storage/chat_export/message_source.hpp"

namespace whisperstore {

/// Ids are Discord's own (snowflakes), so that a bot finds what was imported. Messages of types other than Default,
/// Reply, ChatInputCommand and ContextMenuCommand (joins, pins, calls) are skipped.
class DiscordSource final : public MessageSource
{
public:
    explicit DiscordSource(std::filesystem::path path);
    std::optional<json::object> next() override;
    std::string place() const override { return path_.string() + " message " + std::to_string(number_); }

private:
    json::object message_of(const json::object& exported) const;

    std::filesystem::path path_;
    JsonElements elements_;
    std::string channel_id_;
    std::string channel_name_;
    std::string guild_name_;
    std::uint64_t number_ = 0;
};

} // namespace whisperstore
