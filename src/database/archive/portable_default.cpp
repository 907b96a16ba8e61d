// Defaults of columns, read from the catalogs of databases.
#include "database/archive/portable_table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace whisperstore {

namespace {

constexpr std::string_view space = " \t\r\n";

std::string_view trimmed(std::string_view text) noexcept
{
    const std::size_t begin = text.find_first_not_of(space);
    return begin == std::string_view::npos ? std::string_view()
                                           : text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

std::string upper(std::string_view text)
{
    std::string out(text);
    for (char& c : out)
        if (c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 'a' + 'A');
    return out;
}

/// The name of a type after a value: letters, digits, blanks, a length in parentheses, quoted names.
bool is_cast(std::string_view text) noexcept
{
    return text.starts_with("::") &&
           text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_ (),.\"[]", 2) ==
               std::string_view::npos;
}

/// The text of a literal `'…'`, with `''` for a quote; `text` goes on behind it. Nothing where there is none.
std::optional<std::string> take_literal(std::string_view& text)
{
    if (!text.starts_with('\''))
        return std::nullopt;
    std::string out;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\'') {
            if (i + 1 == text.size() || text[i + 1] != '\'') {
                text.remove_prefix(i + 1);
                return out;
            }
            ++i;
        }
        out.push_back(text[i]);
    }
    return std::nullopt;
}

/// A literal or a word, with a cast behind it or without.
std::optional<std::string> constant(std::string_view sql, bool& quoted)
{
    if (std::optional<std::string> text = take_literal(sql)) {
        quoted = true;
        return sql.empty() || is_cast(sql) ? text : std::nullopt;
    }
    quoted = false;
    const std::string_view word = trimmed(sql.substr(0, sql.find("::")));
    if (word.size() < sql.size() && !is_cast(sql.substr(word.size())))
        return std::nullopt;
    return std::string(word);
}

template <typename Number>
std::optional<PortableDefault> number(std::string_view text)
{
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty())
        return std::nullopt;
    return PortableDefault{false, Value(value)};
}

std::optional<PortableDefault> time_of_insert(std::string_view sql)
{
    const std::string text = upper(sql);
    const bool now = text == "NOW()" || text == "CURRENT_TIMESTAMP" || text == "TRANSACTION_TIMESTAMP()" ||
                     text == "STRFTIME('%Y-%M-%DT%H:%M:%F', 'NOW') || '000Z'";
    return now ? std::optional(PortableDefault{true, Value()}) : std::nullopt;
}

} // namespace

std::optional<PortableDefault> read_default(std::string_view sql, PortableType type)
{
    sql = trimmed(sql);
    if (type == PortableType::timestamp)
        return time_of_insert(sql);
    // `(-1)` is how PostgreSQL shows a negative number.
    if (sql.starts_with('(') && sql.find(')') == sql.find_last_of(')') && sql.find('(', 1) == std::string_view::npos) {
        const std::size_t end = sql.find(')');
        if (end + 1 == sql.size() || is_cast(sql.substr(end + 1)))
            sql = trimmed(sql.substr(1, end - 1));
    }
    bool quoted = false;
    const std::optional<std::string> text = constant(sql, quoted);
    if (!text)
        return std::nullopt;
    const std::string word = upper(*text);
    switch (type) {
    case PortableType::integer:
        return number<std::int64_t>(*text);
    case PortableType::real: {
        std::optional<PortableDefault> value = number<double>(*text);
        return value && std::isfinite(value->value.as_real()) ? value : std::nullopt;
    }
    case PortableType::boolean:
        if (word == "TRUE" || word == "1" || (quoted && word == "T"))
            return PortableDefault{false, Value(true)};
        if (word == "FALSE" || word == "0" || (quoted && word == "F"))
            return PortableDefault{false, Value(false)};
        return std::nullopt;
    case PortableType::text:
        // A number is kept as its text: the column may be of a type such as numeric.
        return quoted || number<double>(*text) ? std::optional(PortableDefault{false, Value(*text)}) : std::nullopt;
    default:
        return std::nullopt;
    }
}

} // namespace whisperstore
