#pragma once
// A Slack workspace export: users.json, channels.json (groups.json, dms.json, mpims.json), and a folder for each
// channel with a file for each day, YYYY-MM-DD.json, that lists its messages.

#include "storage/chat_export/message_source.hpp"

#include <map>
#include <vector>

namespace whisperstore {

/// Channels are named by their Slack id. A message is known by its channel and its `ts`, of which its id is made; a
/// message of a thread replies to the thread's first. Mentions become names, links their text, and `&lt;` and its like
/// characters. Joins, topic changes and the like are skipped.
class SlackSource final : public MessageSource
{
public:
    explicit SlackSource(std::filesystem::path folder);
    std::optional<json::object> next() override;
    std::string place() const override { return place_; }

private:
    struct Day
    {
        std::string channel; ///< its folder
        std::filesystem::path file;
    };
    void read_users();
    void read_channels();
    void list_days();
    bool open_next_day();
    json::object message_of(const json::object& exported) const;

    std::filesystem::path folder_;
    std::map<std::string, std::string, std::less<>> users_;    // id -> name
    std::map<std::string, std::string, std::less<>> channels_; // folder -> id
    std::vector<Day> days_;
    std::size_t day_ = 0; // the one after that which is open
    json::array messages_;
    std::size_t message_ = 0;
    std::string place_;
};

/// Slack's markup as plain text: `<@U1>` by the name of the user, `<#C1|name>`, `<https://…|text>`, `&amp;`.
std::string plain_slack_text(std::string_view text, const std::map<std::string, std::string, std::less<>>& users);
/// A Slack time, "1672531200.000200", as RFC 3339. Throws StorageError invalid_argument.
std::string slack_time(std::string_view ts);

} // namespace whisperstore
