#include "commands/sql_parameter.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>

#include <charconv>
#include <cmath>

namespace whisperstore::cli {

namespace {

StorageError invalid(std::string_view name, const std::string& problem)
{
    return StorageError(StorageErrc::invalid_argument, "--param " + std::string(name) + ": " + problem);
}

template <typename Number>
std::optional<Number> number(std::string_view text)
{
    Number value{};
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size())
        return std::nullopt;
    return value;
}

/// Only what is written as it would be printed, so that no text loses a zero or a plus.
Value inferred(std::string_view text)
{
    if (const auto integer = number<std::int64_t>(text); integer && std::to_string(*integer) == text)
        return Value(*integer);
    const bool plain = text.find('.') != std::string_view::npos &&
                       text.find_first_not_of("-0123456789.") == std::string_view::npos && !text.ends_with('0');
    if (const auto real = plain ? number<double>(text) : std::nullopt) {
        char buffer[64];
        const auto end = std::to_chars(buffer, buffer + sizeof buffer, *real).ptr;
        if (std::string_view(buffer, static_cast<std::size_t>(end - buffer)) == text)
            return Value(*real);
    }
    return Value(text);
}

Value typed(std::string_view name, std::string_view type, std::string_view text)
{
    std::string shown("'");
    shown.append(text).append("' is not ");
    if (type == "text")
        return Value(text);
    if (type == "int") {
        if (const auto integer = number<std::int64_t>(text))
            return Value(*integer);
        throw invalid(name, shown + "a whole number of 64 bits");
    }
    if (type == "real") {
        if (const auto real = number<double>(text); real && std::isfinite(*real))
            return Value(*real);
        throw invalid(name, shown + "a number");
    }
    if (type == "bool") {
        if (text == "true" || text == "false")
            return Value(text == "true");
        throw invalid(name, shown + "true or false");
    }
    if (type == "time") {
        if (const auto time = try_parse_timestamp(text))
            return timestamp(*time);
        throw invalid(name, shown + "a time like 2026-03-02T18:04:40Z");
    }
    if (type == "json")
        return Value(json::serialize(parse_json(text, "--param " + std::string(name))));
    if (type == "blob")
        return Value(base64_decode(text));
    if (type == "null") {
        if (text.empty())
            return Value();
        throw invalid(name, "null takes no value: write " + std::string(name) + ":null=");
    }
    throw invalid(name, "the type '" + std::string(type) +
                            "' is unknown; allowed are text, int, real, bool, time, json, blob and null");
}

} // namespace

Parameter parse_parameter(std::string_view text)
{
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
        throw invalid(text, "a value is missing: write NAME=VALUE or NAME:TYPE=VALUE");
    std::string_view name = text.substr(0, equals);
    const std::string_view value = text.substr(equals + 1);
    std::string_view type;
    if (const std::size_t colon = name.find(':', name.starts_with(':') ? 1 : 0); colon != std::string_view::npos) {
        type = name.substr(colon + 1);
        name = name.substr(0, colon);
        if (type.empty())
            throw invalid(name, "the type after ':' is missing");
    }
    if (name.starts_with(':')) // written as in the query
        name.remove_prefix(1);
    return arg(name, type.empty() ? inferred(value) : typed(name, type, value));
}

} // namespace whisperstore::cli
