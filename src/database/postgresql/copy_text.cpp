#include "database/postgresql/copy_text.hpp"

#include "core/text.hpp"

#include <whisperstore/core/error.hpp>

#include <charconv>
#include <cmath>

namespace whisperstore::postgresql {

namespace {

void append_text(std::string& out, std::string_view text)
{
    for (const char c : text) {
        switch (c) {
        case '\\':
            out += "\\\\";
            break;
        case '\t':
            out += "\\t";
            break;
        case '\n':
            out += "\\n";
            break;
        case '\r':
            out += "\\r";
            break;
        default:
            out.push_back(c);
        }
    }
}

} // namespace

std::string quoted_identifier(std::string_view name, std::string_view what)
{
    if (name.empty())
        throw StorageError(StorageErrc::invalid_argument, std::string(what) + " has no name");
    text::check(name, what);
    std::string out = "\"";
    for (const char c : name) {
        out.push_back(c);
        if (c == '"')
            out.push_back('"');
    }
    out.push_back('"');
    return out;
}

void append_copy_row(std::string& out, std::span<const Value> values)
{
    bool first = true;
    for (const Value& value : values) {
        if (!std::exchange(first, false))
            out.push_back('\t');
        append_copy_value(out, value.view());
    }
    out.push_back('\n');
}

void append_copy_value(std::string& out, const ValueView& value)
{
    char digits[40];
    switch (value.kind()) {
    case ValueKind::null:
        out += "\\N";
        break;
    case ValueKind::boolean:
        out.push_back(value.as_bool() ? 't' : 'f');
        break;
    case ValueKind::integer:
        out.append(digits, std::to_chars(digits, digits + sizeof(digits), value.as_int()).ptr);
        break;
    case ValueKind::real:
        if (std::isinf(value.as_real()))
            out += value.as_real() > 0 ? "Infinity" : "-Infinity";
        else if (std::isnan(value.as_real()))
            out += "NaN";
        else
            out.append(digits, std::to_chars(digits, digits + sizeof(digits), value.as_real()).ptr);
        break;
    case ValueKind::text:
        text::check(value.as_text(), "a value");
        append_text(out, value.as_text());
        break;
    case ValueKind::blob: {
        constexpr std::string_view hex = "0123456789abcdef";
        out += "\\\\x";
        for (const std::byte byte : value.as_blob()) {
            out.push_back(hex[std::to_integer<unsigned>(byte) >> 4U]);
            out.push_back(hex[std::to_integer<unsigned>(byte) & 15U]);
        }
        break;
    }
    }
}

} // namespace whisperstore::postgresql
