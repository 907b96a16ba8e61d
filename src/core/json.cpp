#include "core/text.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>

#include <boost/json/src.hpp> // compiled in here, so that nothing links to a Boost.JSON library

#include <cmath>

namespace whisperstore {

namespace {

constexpr int max_depth = 64;
constexpr std::int64_t exact_in_double = std::int64_t{1} << 53;

void check_json_at(const json::value& value, std::string_view what, int depth)
{
    if (depth > max_depth)
        throw StorageError(StorageErrc::invalid_argument, std::string(what) + " nests deeper than 64 levels");
    switch (value.kind()) {
    case json::kind::double_:
        if (!std::isfinite(value.get_double()))
            throw StorageError(StorageErrc::invalid_argument,
                               std::string(what) + " holds a NaN or infinity, which JSON cannot carry");
        break;
    case json::kind::string:
        text::check(value.get_string(), what);
        break;
    case json::kind::array:
        for (const json::value& item : value.get_array())
            check_json_at(item, what, depth + 1);
        break;
    case json::kind::object:
        for (const auto& [key, item] : value.get_object()) {
            text::check(key, what);
            check_json_at(item, what, depth + 1);
        }
        break;
    default:
        break;
    }
}

constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

} // namespace

json::value parse_json(std::string_view text, std::string_view what)
{
    json::parse_options options;
    options.max_depth = max_depth;
    options.numbers = json::number_precision::precise;
    boost::system::error_code error;
    json::stream_parser parser({}, options);
    const std::size_t read = parser.write_some(text, error);
    if (!error && read == text.size())
        parser.finish(error);
    if (error || read != text.size())
        throw StorageError(StorageErrc::syntax, std::string(what) + " is not valid JSON: " +
                                                    (error ? error.message() : std::string("extra text")) +
                                                    " at byte " + std::to_string(read));
    return parser.release();
}

json::object parse_json_object(std::string_view text, std::string_view what)
{
    json::value value = parse_json(text, what);
    if (!value.is_object())
        throw StorageError(StorageErrc::invalid_argument, std::string(what) + " must be a JSON object");
    return std::move(value.get_object());
}

json::value json_id(std::int64_t id) { return json::value(std::to_string(id)); }

json::value json_integer(std::int64_t value)
{
    if (value > exact_in_double || value < -exact_in_double)
        return json_id(value);
    return json::value(value);
}

json::value to_json(const ValueView& value)
{
    switch (value.kind()) {
    case ValueKind::null:
        return nullptr;
    case ValueKind::boolean:
        return value.as_bool();
    case ValueKind::integer:
        return json_integer(value.as_int());
    case ValueKind::real: {
        const double number = value.as_real();
        if (std::isfinite(number))
            return number;
        return std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
    }
    case ValueKind::text:
        return json::value(value.as_text());
    case ValueKind::blob:
        return json::value(base64_encode(value.as_blob()));
    }
    return nullptr;
}

void check_json(const json::value& document, std::string_view what) { check_json_at(document, what, 1); }

std::string base64_encode(std::span<const std::byte> bytes)
{
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = (group << 8) | (k < left ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k)
            out.push_back(k <= left ? base64_alphabet[(group >> (18 - 6 * k)) & 63U] : '=');
    }
    return out;
}

Blob base64_decode(std::string_view text)
{
    const auto fail = [] { return StorageError(StorageErrc::syntax, "the text is not base64"); };
    if (text.size() % 4 != 0)
        throw fail();
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding)
        text.remove_suffix(1);
    Blob out;
    out.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t group = 0;
    int bits = 0;
    for (char c : text) {
        const auto digit = base64_alphabet.find(c);
        if (digit == std::string_view::npos)
            throw fail();
        group = (group << 6) | static_cast<std::uint32_t>(digit);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<std::byte>((group >> bits) & 0xFFU));
        }
    }
    if ((group & ((1U << bits) - 1)) != 0) // what no encoder writes
        throw fail();
    return out;
}

} // namespace whisperstore
