#include "storage/chat_export/whatsapp_source.hpp"

#include "storage/chat_export/export_file.hpp"

#include <whisperstore/core/error.hpp>

namespace whisperstore {

namespace {

/// "WhatsApp Chat with Anna.txt" is Anna's; "_chat.txt" that of its folder.
std::string channel_of(const std::filesystem::path& path)
{
    static constexpr std::string_view prefix = "WhatsApp Chat with ";
    const std::filesystem::path whole = std::filesystem::absolute(path);
    std::string name = whole.stem().string();
    if (name == "_chat" && whole.has_parent_path())
        name = whole.parent_path().filename().string();
    return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

auto moment(const WhatsAppLine& line, DateOrder order) { return time_of(line, order, std::chrono::minutes(0)); }

/// What the app says, not a person.
bool is_note(const WhatsAppLine& line) { return line.author.empty() || (line.marked && !is_media(line.text)); }

} // namespace

WhatsAppSource::WhatsAppSource(std::filesystem::path path, const ImportOptions& options)
    : path_(std::move(path)),
      stream_(open_export_file(path_)),
      channel_(options.channel.empty() ? channel_of(path_) : options.channel),
      order_(options.date_order == DateOrder::automatic ? find_order() : options.date_order),
      offset_(options.utc_offset)
{
}

/// The order in which every date is one; of two such, that in which time goes forward.
DateOrder WhatsAppSource::find_order() const
{
    std::ifstream stream = open_export_file(path_);
    struct Candidate
    {
        DateOrder order;
        bool possible = true;
        std::uint64_t backward = 0;
        std::string last = {};
    };
    std::array<Candidate, 2> candidates{{{DateOrder::day_first}, {DateOrder::month_first}}};
    std::string text;
    while (next_line(stream, text, path_)) {
        const std::optional<WhatsAppLine> line = read_whatsapp_line(text);
        if (!line)
            continue;
        for (Candidate& candidate : candidates) {
            candidate.possible = candidate.possible && fits(*line, candidate.order);
            if (!candidate.possible)
                continue;
            std::string time = moment(*line, candidate.order);
            candidate.backward += time < candidate.last ? 1 : 0;
            candidate.last = std::move(time);
        }
    }
    const auto& [day_first, month_first] = candidates;
    if (day_first.possible != month_first.possible)
        return day_first.possible ? DateOrder::day_first : DateOrder::month_first;
    if (!day_first.possible)
        throw StorageError(StorageErrc::invalid_argument,
                           path_.string() + ": its dates are neither all day/month/year nor all month/day/year");
    if (day_first.backward != month_first.backward)
        return day_first.backward < month_first.backward ? DateOrder::day_first : DateOrder::month_first;
    if (day_first.last == month_first.last)
        return DateOrder::day_first; // the year stands first, or each day equals its month
    throw StorageError(StorageErrc::invalid_argument,
                       path_.string() + ": its dates may be day/month/year or month/day/year; say which "
                                        "(--date-order day-first or month-first)");
}

json::object WhatsAppSource::message_of(WhatsAppLine line)
{
    const std::string time = time_of(line, order_, offset_);
    if (time != last_time_)
        same_minute_.clear();
    last_time_ = time;
    const std::string said = line.author + "\n" + line.text;
    const int before = same_minute_[said]++;

    json::object out;
    out["message_id"] =
        json_id(id_of_text("whatsapp\n" + channel_ + "\n" + time + "\n" + said + "\n" + std::to_string(before)));
    out["channel_id"] = channel_;
    out["user_id"] = line.author;
    out["username"] = line.author;
    out["timestamp"] = time;
    if (is_media(line.text)) {
        json::object attachment;
        attachment["name"] = line.text;
        out["attachments"] = json::array(1, attachment);
        line.text.clear();
    }
    out["content"] = line.text;
    return out;
}

std::optional<json::object> WhatsAppSource::next()
{
    std::string text;
    while (next_line(stream_, text, path_)) {
        ++line_;
        std::optional<WhatsAppLine> begun = read_whatsapp_line(text);
        if (!begun) {
            if (waiting_) {
                waiting_->text += '\n';
                waiting_->text += text;
            } else if (!text.empty()) {
                message_line_ = line_;
                throw StorageError(StorageErrc::syntax, "a message is expected, such as \"31/12/2023, 23:59 - Anna: "
                                                        "Hello\"");
            }
            continue;
        }
        if (!fits(*begun, order_)) {
            message_line_ = line_;
            throw StorageError(StorageErrc::invalid_argument,
                               "this is no date when the order is " +
                                   std::string(order_ == DateOrder::day_first ? "day/month/year" : "month/day/year"));
        }
        std::optional<WhatsAppLine> whole = std::exchange(waiting_, std::move(begun));
        const std::uint64_t at = std::exchange(waiting_line_, line_);
        if (!whole)
            continue;
        if (is_note(*whole)) {
            skip();
            continue;
        }
        message_line_ = at;
        return message_of(std::move(*whole));
    }
    if (!waiting_)
        return std::nullopt;
    message_line_ = waiting_line_;
    WhatsAppLine last = std::move(*waiting_);
    waiting_.reset();
    if (!is_note(last))
        return message_of(std::move(last));
    skip();
    return std::nullopt;
}

} // namespace whisperstore
