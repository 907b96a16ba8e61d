#include "storage/chat_export/whatsapp_lines.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace whisperstore {

namespace {

/// Takes pieces from the front of a line.
class Scanner
{
public:
    explicit Scanner(std::string_view text) noexcept : rest_(text) {}

    bool take(std::string_view piece) noexcept
    {
        if (!rest_.starts_with(piece))
            return false;
        rest_.remove_prefix(piece.size());
        return true;
    }
    /// A number of one to `most` digits; -1 when there is none.
    int number(std::size_t most) noexcept
    {
        std::size_t digits = 0;
        int value = 0;
        while (digits < most && digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9')
            value = value * 10 + (rest_[digits++] - '0');
        rest_.remove_prefix(digits);
        return digits == 0 ? -1 : value;
    }
    /// Left-to-right marks, which iPhones put before lines and texts.
    bool skip_marks() noexcept
    {
        const std::size_t before = rest_.size();
        while (take("\u200E") || take("\uFEFF")) {
        }
        return rest_.size() != before;
    }
    /// A space, also a narrow or a no-break one.
    bool space() noexcept { return take(" ") || take("\u202F") || take("\u00A0"); }
    std::string_view rest() const noexcept { return rest_; }

private:
    std::string_view rest_;
};

bool read_date(Scanner& in, WhatsAppLine& line)
{
    line.date[0] = in.number(4);
    const char separator = in.rest().empty() ? '\0' : in.rest().front();
    if (line.date[0] < 0 || (separator != '/' && separator != '.' && separator != '-'))
        return false;
    const std::string_view mark(&separator, 1);
    for (std::size_t i = 1; i < 3; ++i) {
        if (!in.take(mark))
            return false;
        in.space(); // "31. 12. 2023"
        line.date[i] = in.number(4);
        if (line.date[i] < 0)
            return false;
    }
    line.year_first = line.date[0] > 31;
    return true;
}

/// "11:59 PM", "11.59", "23:59:01", "11:59 p. m."
bool read_time(Scanner& in, WhatsAppLine& line)
{
    line.hour = in.number(2);
    if (line.hour < 0 || !(in.take(":") || in.take(".")))
        return false;
    line.minute = in.number(2);
    if (in.take(":") || in.take("."))
        line.second = in.number(2);
    in.space();
    const bool before_noon =
        in.take("AM") || in.take("am") || in.take("a.m.") || in.take("a. m.") || in.take("a.\u00A0m.");
    const bool after_noon = !before_noon && (in.take("PM") || in.take("pm") || in.take("p.m.") || in.take("p. m.") ||
                                             in.take("p.\u00A0m."));
    if ((before_noon || after_noon) && (line.hour < 1 || line.hour > 12))
        return false;
    if (before_noon && line.hour == 12)
        line.hour = 0;
    if (after_noon && line.hour != 12)
        line.hour += 12;
    return line.hour <= 23 && line.minute >= 0 && line.minute <= 59 && line.second >= 0 && line.second <= 59;
}

struct Date
{
    int year = 0;
    int month = 0;
    int day = 0;
};

Date date_of(const WhatsAppLine& line, DateOrder order) noexcept
{
    Date out;
    if (line.year_first)
        out = {line.date[0], line.date[1], line.date[2]};
    else if (order == DateOrder::month_first)
        out = {line.date[2], line.date[0], line.date[1]};
    else
        out = {line.date[2], line.date[1], line.date[0]};
    if (out.year < 100)
        out.year += 2000; // the app is from 2009
    return out;
}

} // namespace

std::optional<WhatsAppLine> read_whatsapp_line(std::string_view text)
{
    Scanner in(text);
    WhatsAppLine line;
    in.skip_marks();
    const bool bracket = in.take("[");
    if (!read_date(in, line) || !(in.take(",") || in.rest().starts_with(' ')))
        return std::nullopt;
    in.space();
    if (!read_time(in, line))
        return std::nullopt;
    if (bracket) {
        if (!in.take("]") || !in.space())
            return std::nullopt;
    } else {
        in.space();
        if (!in.take("- "))
            return std::nullopt;
    }
    in.skip_marks();
    const std::string_view rest = in.rest();
    // Names may hold a colon but hardly ever one with a space behind; the app's own notes have none.
    const std::size_t colon = rest.find(": ");
    if (colon == std::string_view::npos && rest.ends_with(':')) {
        line.author = rest.substr(0, rest.size() - 1);
        return line;
    }
    if (colon == std::string_view::npos) {
        line.text = rest;
        return line;
    }
    line.author = rest.substr(0, colon);
    Scanner body(rest.substr(colon + 2));
    line.marked = body.skip_marks();
    line.text = body.rest();
    return line;
}

bool fits(const WhatsAppLine& line, DateOrder order) noexcept
{
    const Date date = date_of(line, order);
    return std::chrono::year_month_day(std::chrono::year(date.year),
                                       std::chrono::month(static_cast<unsigned>(date.month)),
                                       std::chrono::day(static_cast<unsigned>(date.day)))
        .ok();
}

std::string time_of(const WhatsAppLine& line, DateOrder order, std::chrono::minutes offset)
{
    const Date date = date_of(line, order);
    const auto away = std::abs(offset.count());
    std::array<char, 64> text{};
    const int size =
        std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", date.year, date.month,
                      date.day, line.hour, line.minute, line.second, offset.count() < 0 ? '-' : '+',
                      static_cast<int>(away / 60), static_cast<int>(away % 60));
    return std::string(text.data(), static_cast<std::size_t>(size));
}

bool is_media(std::string_view text) noexcept
{
    // In English; other languages' words stay as they are.
    static constexpr std::array<std::string_view, 8> words{"<Media omitted>", "image omitted",       "video omitted",
                                                           "audio omitted",   "sticker omitted",     "document omitted",
                                                           "GIF omitted",     "Contact card omitted"};
    return std::find(words.begin(), words.end(), text) != words.end() || text.starts_with("<attached: ") ||
           text.ends_with(" (file attached)");
}

} // namespace whisperstore
