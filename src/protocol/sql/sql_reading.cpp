#include "protocol/sql/sql_reading.hpp"

#include <algorithm>
#include <array>

namespace whisperstore {

namespace {

constexpr std::array begins_a_read{"select", "values", "with"};
// A WITH, or in PostgreSQL any SELECT, may hold one of these; REPLACE is SQLite's, INTO makes a table.
constexpr std::array may_write{"insert", "update", "delete", "merge",  "replace",
                               "into",   "call",   "copy",   "create", "drop"};
// What may stand before a parenthesis without being a function that somebody wrote.
constexpr std::array harmless_before_parenthesis{
    "abs",       "all",       "and",      "any",      "array",  "array_agg",  "as",         "avg",      "between",
    "by",        "cast",      "ceil",     "coalesce", "concat", "count",      "date_trunc", "distinct", "else",
    "except",    "exists",    "extract",  "filter",   "floor",  "from",       "greatest",   "having",   "ilike",
    "in",        "intersect", "interval", "join",     "least",  "left",       "length",     "like",     "limit",
    "lower",     "max",       "min",      "not",      "now",    "nullif",     "numeric",    "on",       "or",
    "over",      "position",  "right",    "round",    "row",    "row_number", "select",     "some",     "string_agg",
    "substring", "sum",       "then",     "to_char",  "trim",   "union",      "upper",      "using",    "values",
    "varchar",   "when",      "where",    "with"};

template <std::size_t Count>
bool is_one_of(std::string_view word, const std::array<const char*, Count>& words) noexcept
{
    const auto equal = [word](std::string_view known) {
        return std::ranges::equal(word, known, [](char a, char b) {
            return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
        });
    };
    return std::ranges::any_of(words, equal);
}

bool is_word_character(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

/// What stands before a parenthesis: nothing but an operator, a comma or a harmless word.
bool is_harmless_call(std::string_view before, std::string_view word) noexcept
{
    if (before.empty())
        return true;
    if (is_word_character(before.back()))
        return is_one_of(word, harmless_before_parenthesis) &&
               !before.substr(0, before.size() - word.size()).ends_with('.');
    constexpr std::string_view operators = "(,=<>+-*/%|";
    return operators.find(before.back()) != std::string_view::npos;
}

} // namespace

bool only_reads(std::string_view sql, SqlDialect dialect) noexcept
{
    const bool functions_may_write = dialect != SqlDialect::sqlite;
    // A comment could stand between a function and its parenthesis.
    if (functions_may_write && (sql.find("--") != std::string_view::npos || sql.find("/*") != std::string_view::npos))
        return false;
    bool first = true;
    std::string_view word;
    for (std::size_t i = 0; i < sql.size();) {
        if (is_space(sql[i])) {
            ++i;
            continue;
        }
        if (is_word_character(sql[i])) {
            std::size_t end = i;
            while (end < sql.size() && is_word_character(sql[end]))
                ++end;
            word = sql.substr(i, end - i);
            if (first ? !is_one_of(word, begins_a_read) : is_one_of(word, may_write))
                return false;
            first = false;
            i = end;
            continue;
        }
        if (first)
            return false;
        if (sql[i] == '(' && functions_may_write) {
            std::string_view before = sql.substr(0, i);
            while (!before.empty() && is_space(before.back()))
                before.remove_suffix(1);
            if (!is_harmless_call(before, word))
                return false;
        }
        ++i;
    }
    return !first;
}

} // namespace whisperstore
