#include "config/cgroup.hpp"
#include "config/settings_table.hpp"
#include "core/text.hpp"

#include <whisperstore/config/settings.hpp>
#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace whisperstore {

namespace {

using config::split;

std::string lower(std::string_view text)
{
    std::string out(text);
    for (char& c : out)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

std::string_view trim(std::string_view text)
{
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// "a, b or c"
std::string listed(const std::vector<std::string_view>& items, std::string_view suffix)
{
    std::string out;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i > 0)
            out.append(i + 1 == items.size() ? " or " : ", ");
        out.append(items[i]).append(suffix);
    }
    return out;
}

std::string plain(double value)
{
    if (value == std::floor(value))
        return std::to_string(static_cast<long long>(value));
    std::string out(32, '\0');
    out.resize(static_cast<std::size_t>(std::to_chars(out.data(), out.data() + out.size(), value).ptr - out.data()));
    return out;
}

StorageError refused(const Setting& setting, std::string_view value)
{
    std::string message(setting.variable);
    message.append(" is ");
    if (setting.secret)
        message.append("not usable");
    else if (value.find('@') != std::string_view::npos || value.find("://") != std::string_view::npos)
        message.append(redact_url(value)); // a URL in the wrong place may carry a password
    else
        message.append("'").append(value).append("'");
    return StorageError(StorageErrc::invalid_argument, message.append("; allowed: ").append(allowed_values(setting)));
}

std::string check_number(const Setting& setting, std::string_view value)
{
    const std::string_view text = trim(value);
    const char* end = text.data() + text.size();
    double parsed = 0;
    const auto read = std::from_chars(text.data(), end, parsed, std::chars_format::fixed);
    const bool whole = setting.kind != SettingKind::integer || text.find('.') == std::string_view::npos;
    if (text.empty() || read.ec != std::errc() || read.ptr != end || !whole || !std::isfinite(parsed) ||
        parsed < setting.minimum || parsed > setting.maximum)
        throw refused(setting, value);
    return plain(parsed);
}

std::string check_choice(const Setting& setting, std::string_view value)
{
    const std::string wanted = lower(trim(value));
    for (std::string_view choice : split(setting.allowed, ","))
        if (lower(choice) == wanted)
            return std::string(choice);
    throw refused(setting, value);
}

std::string check_boolean(const Setting& setting, std::string_view value)
{
    const std::string wanted = lower(trim(value));
    for (std::string_view word : {"true", "yes", "on", "1"})
        if (wanted == word)
            return "true";
    for (std::string_view word : {"false", "no", "off", "0"})
        if (wanted == word)
            return "false";
    throw refused(setting, value);
}

std::string check_hosts(const Setting& setting, std::string_view value)
{
    try {
        parse_hosts(trim(value));
    } catch (const StorageError&) {
        throw refused(setting, value); // the parser's message would repeat a password of a misplaced URL
    }
    return std::string(trim(value));
}

std::string check_url(const Setting& setting, std::string_view value)
{
    const std::string text(trim(value));
    if (setting.allowed.empty())
        return text; // a platform's variable: judged only when it is used
    try {
        const std::vector<std::string_view> schemes = split(setting.allowed, ",");
        const bool sqlite = std::find(schemes.begin(), schemes.end(), "sqlite") != schemes.end();
        if (sqlite && text.starts_with("sqlite:")) {
            sqlite_path(text);
            return text;
        }
        const ConnectionUrl url = ConnectionUrl::parse(text);
        if (std::find(schemes.begin(), schemes.end(), url.scheme) == schemes.end())
            throw StorageError(StorageErrc::invalid_argument, "the scheme '" + url.scheme + "://' is not known here");
        return text;
    } catch (const StorageError& error) {
        throw StorageError(error.errc(), std::string(setting.variable)
                                             .append(": ")
                                             .append(error.message())
                                             .append("; allowed: ")
                                             .append(allowed_values(setting)));
    }
}

/// Optimal string alignment distance: insertions, deletions, replacements, swapped neighbours.
std::size_t distance(std::string_view a, std::string_view b)
{
    std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i)
        table[i][0] = i;
    std::iota(table[0].begin(), table[0].end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            table[i][j] = std::min({table[i - 1][j] + 1, table[i][j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
        }
    return table[a.size()][b.size()];
}

} // namespace

std::span<const Setting> settings() noexcept { return config::settings_table; }

const Setting* find_setting(std::string_view variable_or_name) noexcept
{
    for (const Setting& setting : settings())
        if (setting.variable == variable_or_name || setting.name == variable_or_name)
            return &setting;
    return nullptr;
}

std::string_view nearest_variable(std::string_view name)
{
    // What both share (the common prefix most of all) says nothing about how near they are.
    constexpr std::size_t longest = 64;
    const std::string_view prefix = "WHISPERENGINE_";
    const std::size_t letters = name.size() - (name.starts_with(prefix) ? prefix.size() : 0);
    std::size_t best = std::min<std::size_t>(letters / 2, 6) + 1;
    std::string_view out;
    if (name.size() > longest)
        return out;
    for (const Setting& setting : settings())
        if (const std::size_t far = distance(name, setting.variable); far < best) {
            best = far;
            out = setting.variable;
        }
    return out;
}

std::string allowed_values(const Setting& setting)
{
    switch (setting.kind) {
    case SettingKind::text:
        return "UTF-8 text without NUL";
    case SettingKind::choice:
        return listed(split(setting.allowed, ","), "");
    case SettingKind::boolean:
        return "true or false";
    case SettingKind::integer:
    case SettingKind::number:
        return (setting.kind == SettingKind::integer ? "a whole number from " : "a number from ") +
               plain(setting.minimum) + " to " + plain(setting.maximum);
    case SettingKind::hosts:
        return "host or host:port (IPv6: [::1]:5432), or several with commas";
    case SettingKind::url:
        return setting.allowed.empty() ? "a URL"
                                       : "a URL that begins with " + listed(split(setting.allowed, ","), "://");
    case SettingKind::path:
        return "a path; a leading ~ is the home directory";
    }
    return {};
}

std::string check_setting(const Setting& setting, std::string_view value)
{
    text::check(value, setting.variable);
    switch (setting.kind) {
    case SettingKind::choice:
        return check_choice(setting, value);
    case SettingKind::boolean:
        return check_boolean(setting, value);
    case SettingKind::integer:
    case SettingKind::number:
        return check_number(setting, value);
    case SettingKind::hosts:
        return check_hosts(setting, value);
    case SettingKind::url:
        return check_url(setting, value);
    case SettingKind::text:
    case SettingKind::path:
        break;
    }
    return std::string(value);
}

std::string shown_value(const Setting& setting, std::string_view value)
{
    if (value.empty())
        return {};
    if (setting.secret)
        return "***";
    return setting.kind == SettingKind::url ? redact_url(value) : std::string(value);
}

json::object SettingReport::to_json() const
{
    json::object out;
    out["name"] = name;
    out["variable"] = variable;
    out["value"] = value;
    out["origin"] = origin;
    if (!note.empty())
        out["note"] = note;
    out["description"] = description;
    return out;
}

} // namespace whisperstore
