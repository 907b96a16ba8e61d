#include "storage/chat_export/slack_source.hpp"

#include "storage/chat_export/export_file.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/time.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace whisperstore {

namespace {

constexpr std::array<std::string_view, 4> channel_lists{"channels.json", "groups.json", "dms.json", "mpims.json"};
// Messages of people and bots; all other subtypes tell of the channel.
constexpr std::array<std::string_view, 6> spoken{"",           "bot_message",     "me_message", "file_comment",
                                                 "file_share", "thread_broadcast"};

json::array read_list(const std::filesystem::path& path)
{
    json::value list = parse_json(read_export_file(path), "the file");
    if (!list.is_array())
        throw StorageError(StorageErrc::invalid_argument, "a list is expected");
    return std::move(list.get_array());
}

bool is_there(const std::filesystem::path& path)
{
    std::error_code unknown; // then reading it tells
    return std::filesystem::exists(path, unknown) || unknown;
}

bool is_day(const std::filesystem::path& file)
{
    const std::string name = file.filename().string();
    static constexpr std::string_view form = "0000-00-00.json";
    return name.size() == form.size() && std::equal(name.begin(), name.end(), form.begin(), [](char c, char wanted) {
               return wanted == '0' ? c >= '0' && c <= '9' : c == wanted;
           });
}

std::string name_of(const json::object& user)
{
    const json::object* profile = object_field(user, "profile");
    for (const std::string& name :
         {profile ? text_field(*profile, "display_name") : std::string(),
          profile ? text_field(*profile, "real_name") : std::string(), text_field(user, "real_name")})
        if (!name.empty())
            return name;
    return text_field(user, "name");
}

/// `&lt;`, `&gt;` and `&amp;` as the characters they stand for.
std::string decoded(std::string_view text)
{
    static constexpr std::array<std::pair<std::string_view, char>, 3> names{
        {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}}};
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto* const name =
            std::find_if(names.begin(), names.end(), [&](const auto& one) { return text.starts_with(one.first); });
        out.push_back(name == names.end() ? text.front() : name->second);
        text.remove_prefix(name == names.end() ? 1 : name->first.size());
    }
    return out;
}

/// What stands between < and >.
std::string plain_reference(std::string_view inner, const std::map<std::string, std::string, std::less<>>& users)
{
    const std::size_t bar = inner.find('|');
    const std::string_view target = inner.substr(0, bar);
    const std::string_view label = bar == std::string_view::npos ? std::string_view() : inner.substr(bar + 1);
    const char kind = target.empty() ? '\0' : target.front();
    std::string out;
    if (kind == '!') { // @here and the like
        if (label.empty())
            out.append("@").append(target.substr(1, target.find('^') - 1));
        else
            out.append(label);
    } else if (kind == '@' || kind == '#') {
        const std::string_view id = target.substr(1);
        const auto user = kind == '@' ? users.find(id) : users.end();
        out.append(1, kind).append(!label.empty() ? label : user != users.end() ? std::string_view(user->second) : id);
    } else {
        out.append(label.empty() ? target : label);
    }
    return out;
}

} // namespace

std::string plain_slack_text(std::string_view text, const std::map<std::string, std::string, std::less<>>& users)
{
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t open = text.find('<', at);
        const std::size_t close = open == std::string_view::npos ? open : text.find('>', open);
        if (close == std::string_view::npos) {
            out += text.substr(at);
            break;
        }
        out += text.substr(at, open - at);
        out += plain_reference(text.substr(open + 1, close - open - 1), users);
        at = close + 1;
    }
    return decoded(out);
}

std::string slack_time(std::string_view ts)
{
    const std::size_t dot = ts.find('.');
    std::int64_t seconds = 0;
    std::int64_t micros = 0;
    const auto number = [](std::string_view digits, std::int64_t& value) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return error == std::errc() && end == digits.data() + digits.size() && value >= 0;
    };
    constexpr std::int64_t end_of_times = 253402300800; // the year 10000
    const bool is_time = dot != std::string_view::npos && ts.size() == dot + 7 && number(ts.substr(0, dot), seconds) &&
                         number(ts.substr(dot + 1), micros) && seconds < end_of_times;
    if (!is_time)
        throw StorageError(StorageErrc::invalid_argument,
                           "the field 'ts' must be seconds with six fractional digits, such as 1672531200.000200");
    return format_timestamp(Timestamp(std::chrono::microseconds(seconds * 1'000'000 + micros)));
}

SlackSource::SlackSource(std::filesystem::path folder) : folder_(std::move(folder)), place_(folder_.string())
{
    try {
        read_users();
        read_channels();
    } catch (const StorageError& error) {
        throw error.prefixed(place_ + ": ");
    }
    list_days();
    if (days_.empty())
        throw StorageError(StorageErrc::invalid_argument,
                           folder_.string() + " is no Slack export: it has no folder with a file for each day, such as "
                                              "general/2023-12-31.json");
}

void SlackSource::read_users()
{
    const std::filesystem::path file = folder_ / "users.json";
    if (!is_there(file))
        return;
    place_ = file.string();
    for (const json::value& user : read_list(file))
        if (user.is_object())
            users_[text_field(user.get_object(), "id")] = name_of(user.get_object());
}

void SlackSource::read_channels()
{
    for (const std::string_view name : channel_lists) {
        const std::filesystem::path file = folder_ / name;
        if (!is_there(file))
            continue;
        place_ = file.string();
        for (const json::value& channel : read_list(file)) {
            if (!channel.is_object())
                continue;
            const std::string id = text_field(channel.get_object(), "id");
            const std::string folder = text_field(channel.get_object(), "name");
            channels_[folder.empty() ? id : folder] = id; // direct messages lie in a folder named by their id
        }
    }
}

void SlackSource::list_days()
{
    std::error_code error;
    for (const auto& channel : std::filesystem::directory_iterator(folder_, error)) {
        if (!channel.is_directory())
            continue;
        for (const auto& file : std::filesystem::directory_iterator(channel.path(), error))
            if (is_day(file.path()))
                days_.push_back(Day{channel.path().filename().string(), file.path()});
        if (error)
            break;
    }
    if (error)
        throw StorageError(StorageErrc::not_found, folder_.string() + " cannot be read: " + error.message());
    std::sort(days_.begin(), days_.end(), [](const Day& a, const Day& b) { return a.file < b.file; });
}

bool SlackSource::open_next_day()
{
    if (day_ == days_.size())
        return false;
    place_ = days_[day_].file.string();
    messages_ = read_list(days_[day_].file);
    message_ = 0;
    ++day_;
    return true;
}

json::object SlackSource::message_of(const json::object& exported) const
{
    const std::string& folder = days_[day_ - 1].channel;
    const auto listed = channels_.find(folder);
    const std::string channel = listed == channels_.end() || listed->second.empty() ? folder : listed->second;
    const std::string ts = needed_text_field(exported, "ts");

    json::object out;
    out["message_id"] = json_id(id_of_text("slack\n" + channel + "\n" + ts));
    out["channel_id"] = channel;
    out["channel_name"] = folder;
    const bool is_bot = text_field(exported, "subtype") == "bot_message" || exported.contains("bot_id");
    std::string user = text_field(exported, "user");
    if (user.empty())
        user = text_field(exported, "bot_id");
    if (user.empty())
        throw StorageError(StorageErrc::invalid_argument, "neither the field 'user' nor 'bot_id' says who wrote it");
    const auto known = users_.find(user);
    std::string name = known == users_.end() ? text_field(exported, "username") : known->second;
    if (name.empty())
        if (const json::object* profile = object_field(exported, "user_profile"))
            name = text_field(*profile, "real_name");
    out["user_id"] = user;
    out["username"] = name;
    out["is_bot"] = is_bot;
    out["timestamp"] = slack_time(ts);
    out["content"] = plain_slack_text(text_field(exported, "text"), users_);
    if (const std::string thread = text_field(exported, "thread_ts"); !thread.empty() && thread != ts)
        out["reply_to"] = json_id(id_of_text("slack\n" + channel + "\n" + thread));
    if (const json::array* files = list_field(exported, "files")) {
        json::array attachments;
        for (const json::value& file : *files) {
            json::object attachment;
            if (file.is_object())
                for (const char* field : {"id", "name", "mimetype", "url_private"})
                    if (const json::value* value = file.get_object().if_contains(field))
                        attachment[field] = *value;
            attachments.push_back(std::move(attachment));
        }
        out["attachments"] = std::move(attachments);
    }
    return out;
}

std::optional<json::object> SlackSource::next()
{
    while (true) {
        while (message_ == messages_.size())
            if (!open_next_day())
                return std::nullopt;
        place_ = days_[day_ - 1].file.string() + " message " + std::to_string(message_ + 1);
        const json::value& exported = messages_[message_++];
        if (!exported.is_object())
            throw StorageError(StorageErrc::invalid_argument, "a message must be an object");
        const std::string type = text_field(exported.get_object(), "type");
        const std::string subtype = text_field(exported.get_object(), "subtype");
        if ((type.empty() || type == "message") && std::find(spoken.begin(), spoken.end(), subtype) != spoken.end())
            return message_of(exported.get_object());
        skip();
    }
}

} // namespace whisperstore
