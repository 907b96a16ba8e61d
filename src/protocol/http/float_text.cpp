#include "protocol/http/float_text.hpp"

#include <whisperstore/core/error.hpp>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace whisperstore::http {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t no_digit = 0xFF;

constexpr std::array<std::uint8_t, 256> digit_values = [] {
    std::array<std::uint8_t, 256> values{};
    values.fill(no_digit);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return values;
}();

/// Two digits of base64 for each twelve bits.
constexpr std::array<std::array<char, 2>, 4096> base64_pairs = [] {
    std::array<std::array<char, 2>, 4096> pairs{};
    for (std::size_t i = 0; i < pairs.size(); ++i)
        pairs[i] = {alphabet[i >> 6U], alphabet[i & 63U]};
    return pairs;
}();

/// "00" to "99".
constexpr std::array<char, 200> digit_pairs = [] {
    std::array<char, 200> pairs{};
    for (std::size_t i = 0; i < 100; ++i) {
        pairs[2 * i] = static_cast<char>('0' + i / 10);
        pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
    return pairs;
}();

/// The fewest digits that give the same float again, as std::to_chars has them. For what most components of vectors
/// are, sizes from 0.001 to 1, whose nine digits a double tells exactly enough, this takes a third of the time.
char* write_float(char* at, char* end, float value)
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const double size = std::abs(static_cast<double>(value));
    const bool is_power_of_two = (bits & 0x7FFFFFU) == 0; // the float below it is nearer than the one above
    if (size < 0.001 || size >= 1.0 || is_power_of_two)
        return std::to_chars(at, end, value).ptr;

    constexpr std::array<double, 3> scales{1e9, 1e10, 1e11};
    const unsigned zeros = (size < 0.1 ? 1U : 0U) + (size < 0.01 ? 1U : 0U); // behind the point
    const double scale = scales[zeros];
    const double scaled = size * scale; // from 10^8 to 10^9, and off by less than 10^-7
    constexpr double slack = 1e-6;
    // Decimals that are nearer to a float than half the distance to its neighbours give that float.
    const double half_distance =
        static_cast<double>(std::bit_cast<float>(bits & 0x7F800000U)) * 0x1p-24 * scale; // at least 3.7

    constexpr double rounding = 0x1p52; // doubles from here on are whole numbers: adding it rounds
    constexpr std::array<double, 9> units{1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    constexpr std::array<double, 9> inverses{1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9};
    double digits = scaled + rounding - rounding;
    unsigned left_out = 0;
    for (; left_out < units.size(); ++left_out) {
        const double fewer = scaled * inverses[left_out] + rounding - rounding;
        const double distance = std::abs(fewer * units[left_out] - scaled);
        if (std::abs(distance - half_distance) < slack)
            return std::to_chars(at, end, value).ptr;
        if (distance > half_distance)
            break;
        digits = fewer;
    }

    *at = '-';
    at += bits >> 31U;
    *at++ = '0';
    *at++ = '.';
    char* const after = at + 9 + zeros - left_out;
    auto rest = static_cast<std::uint32_t>(digits);
    char* place = after;
    for (; place - at >= 2; rest /= 100) {
        place -= 2;
        std::memcpy(place, &digit_pairs[rest % 100 * 2], 2);
    }
    if (place > at)
        *at = static_cast<char>('0' + rest);
    return after;
}

} // namespace

void append_float_array(std::string& out, std::span<const float> values)
{
    constexpr std::size_t longest = 16; // "-1.17549435e-38," in shortest form
    const std::size_t before = out.size();
    out.resize(before + 2 + values.size() * longest);
    char* at = out.data() + before;
    char* const end = out.data() + out.size();
    *at++ = '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!std::isfinite(values[i])) {
            out.resize(before);
            throw StorageError(StorageErrc::invalid_argument,
                               "component " + std::to_string(i) + " of the vector is NaN or infinite");
        }
        if (i > 0)
            *at++ = ',';
        at = write_float(at, end, values[i]);
    }
    *at++ = ']';
    out.resize(static_cast<std::size_t>(at - out.data()));
}

void append_json_string(std::string& out, std::string_view text)
{
    out.push_back('"');
    std::size_t plain = 0; // where what is not yet copied begins
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\')
            continue;
        out.append(text.substr(plain, i - plain));
        plain = i + 1;
        constexpr std::string_view hex = "0123456789abcdef";
        switch (c) {
        case '"':
        case '\\':
            out.append(1, '\\').append(1, c);
            break;
        case '\n':
            out.append("\\n");
            break;
        case '\r':
            out.append("\\r");
            break;
        case '\t':
            out.append("\\t");
            break;
        default:
            out.append("\\u00").append(1, hex[static_cast<unsigned char>(c) >> 4U]).append(1, hex[c & 0xF]);
        }
    }
    out.append(text.substr(plain));
    out.push_back('"');
}

std::string encode_float_base64(std::span<const float> values)
{
    std::string out((values.size() * 4 + 2) / 3 * 4, '=');
    char* at = out.data();
    const auto put = [&](std::uint32_t bytes) { // three
        std::memcpy(at, base64_pairs[bytes >> 12U].data(), 2);
        std::memcpy(at + 2, base64_pairs[bytes & 0xFFFU].data(), 2);
        at += 4;
    };
    // The bytes of a little-endian float from the highest bit on.
    const auto word = [&](std::size_t i) { return __builtin_bswap32(std::bit_cast<std::uint32_t>(values[i])); };
    std::size_t i = 0;
    for (; i + 3 <= values.size(); i += 3) {
        const std::uint32_t first = word(i);
        const std::uint32_t second = word(i + 1);
        const std::uint32_t third = word(i + 2);
        put(first >> 8U);
        put(((first & 0xFFU) << 16U) | (second >> 16U));
        put(((second & 0xFFFFU) << 8U) | (third >> 24U));
        put(third & 0xFFFFFFU);
    }
    // Of one float four bytes are left, of two eight: their last digits hold fewer bits, then '=' follows.
    if (i + 2 == values.size()) {
        const std::uint32_t first = word(i);
        const std::uint32_t second = word(i + 1);
        put(first >> 8U);
        put(((first & 0xFFU) << 16U) | (second >> 16U));
        put((second & 0xFFFFU) << 8U);
        at[-1] = '=';
    } else if (i + 1 == values.size()) {
        const std::uint32_t last = word(i);
        put(last >> 8U);
        put((last & 0xFFU) << 16U);
        at[-1] = '=';
        at[-2] = '=';
    }
    return out;
}

std::vector<float> decode_float_base64(std::string_view text)
{
    const auto fail = [] {
        return StorageError(StorageErrc::syntax, "the vector's text is not base64 of little-endian float32 numbers");
    };
    if (text.size() % 4 != 0)
        throw fail();
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding)
        text.remove_suffix(1);
    const std::size_t bytes = text.size() / 4 * 3 + (text.size() % 4 == 0 ? 0 : text.size() % 4 - 1);
    if (bytes % sizeof(float) != 0 || text.size() % 4 == 1)
        throw fail();
    std::vector<float> out(bytes / sizeof(float));
    auto* at = reinterpret_cast<unsigned char*>(out.data());
    std::uint32_t wrong = 0;
    const auto value = [&](std::size_t i) {
        const std::uint8_t digit = digit_values[static_cast<unsigned char>(text[i])];
        wrong |= digit; // no_digit has the two bits no digit has
        return static_cast<std::uint32_t>(digit);
    };
    std::size_t i = 0;
    for (; i + 4 <= text.size(); i += 4) {
        const std::uint32_t group = (value(i) << 18U) | (value(i + 1) << 12U) | (value(i + 2) << 6U) | value(i + 3);
        *at++ = static_cast<unsigned char>(group >> 16U);
        *at++ = static_cast<unsigned char>(group >> 8U);
        *at++ = static_cast<unsigned char>(group);
    }
    if (text.size() - i == 2) {
        const std::uint32_t group = (value(i) << 6U) | value(i + 1);
        *at++ = static_cast<unsigned char>(group >> 4U);
        wrong |= (group & 0xFU) == 0 ? 0U : 0xC0U; // bits no encoder writes
    } else if (text.size() - i == 3) {
        const std::uint32_t group = (value(i) << 12U) | (value(i + 1) << 6U) | value(i + 2);
        *at++ = static_cast<unsigned char>(group >> 10U);
        *at++ = static_cast<unsigned char>(group >> 2U);
        wrong |= (group & 0x3U) == 0 ? 0U : 0xC0U;
    }
    if ((wrong & 0xC0U) != 0)
        throw fail();
    if constexpr (std::endian::native == std::endian::big)
        for (float& number : out) {
            const auto bits = std::bit_cast<std::uint32_t>(number);
            number = std::bit_cast<float>((bits >> 24U) | ((bits >> 8U) & 0xFF00U) | ((bits << 8U) & 0xFF0000U) |
                                          (bits << 24U));
        }
    return out;
}

} // namespace whisperstore::http
