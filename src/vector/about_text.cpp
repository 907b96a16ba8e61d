#include "vector/about_text.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace whisperstore {

namespace {

std::string_view text_at(const json::object& metadata, std::string_view key)
{
    const json::value* value = metadata.if_contains(key);
    return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

bool is_number(std::string_view text)
{
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

std::string name_text(const json::object& metadata) { return std::string(text_at(metadata, "username")); }

std::string day_text(const json::object& metadata)
{
    constexpr std::array<std::string_view, 12> months{"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
    const std::string_view time = text_at(metadata, "timestamp");
    if (time.size() < 10 || time[4] != '-' || time[7] != '-' || !is_number(time.substr(0, 4)) ||
        !is_number(time.substr(5, 2)) || !is_number(time.substr(8, 2)))
        return {};
    const int month = (time[5] - '0') * 10 + (time[6] - '0');
    if (month < 1 || month > 12)
        return {};
    std::string day(time.substr(8, 2));
    if (day.front() == '0')
        day.erase(0, 1);
    return day + ' ' + std::string(months[static_cast<std::size_t>(month - 1)]) + ' ' + std::string(time.substr(0, 4));
}

std::string about_text(const json::object& metadata)
{
    std::string text = name_text(metadata);
    const std::string day = day_text(metadata);
    if (!text.empty() && !day.empty())
        text += '\n';
    return text + day;
}

} // namespace whisperstore
