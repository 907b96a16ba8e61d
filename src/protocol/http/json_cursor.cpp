#include "protocol/http/json_cursor.hpp"

#include "core/text.hpp"

#include <whisperstore/core/error.hpp>

#include <charconv>
#include <optional>
#include <utility>

namespace whisperstore::http {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, std::uint32_t code)
{
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0U | (code >> 6U));
        put(0x80U | (code & 0x3FU));
    } else if (code < 0x10000) {
        put(0xE0U | (code >> 12U));
        put(0x80U | ((code >> 6U) & 0x3FU));
        put(0x80U | (code & 0x3FU));
    } else {
        put(0xF0U | (code >> 18U));
        put(0x80U | ((code >> 12U) & 0x3FU));
        put(0x80U | ((code >> 6U) & 0x3FU));
        put(0x80U | (code & 0x3FU));
    }
}

/// The code unit of `\uXXXX`, by its four digits.
std::optional<std::uint32_t> code_unit(std::string_view digits) noexcept
{
    std::uint32_t value = 0;
    if (digits.size() != 4)
        return std::nullopt;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + 4, value, 16);
    return error == std::errc() && end == digits.data() + 4 ? std::optional(value) : std::nullopt;
}

/// Takes the character behind a backslash and a `u`, two units where it needs them. False: no character.
bool append_unicode_escape(std::string_view& rest, std::string& out)
{
    const auto high = code_unit(rest.substr(0, 4));
    if (!high || (*high >= 0xDC00 && *high < 0xE000))
        return false;
    rest.remove_prefix(4);
    if (*high < 0xD800 || *high >= 0xE000) {
        append_utf8(out, *high);
        return true;
    }
    const auto low = rest.starts_with("\\u") ? code_unit(rest.substr(2, 4)) : std::nullopt;
    if (!low || *low < 0xDC00 || *low >= 0xE000)
        return false;
    rest.remove_prefix(6);
    append_utf8(out, 0x10000 + ((*high - 0xD800) << 10U) + (*low - 0xDC00));
    return true;
}

bool append_unescaped(std::string_view raw, std::string& out)
{
    while (!raw.empty()) {
        const std::size_t plain = std::min(raw.find('\\'), raw.size());
        out.append(raw.substr(0, plain));
        raw.remove_prefix(plain);
        if (raw.empty())
            return true;
        constexpr std::string_view names = "\"\\/bfnrt";
        constexpr std::string_view characters = "\"\\/\b\f\n\r\t";
        const char name = raw[1]; // raw_string() saw to it that something follows
        raw.remove_prefix(2);
        if (name == 'u') {
            if (!append_unicode_escape(raw, out))
                return false;
        } else if (const std::size_t found = names.find(name); found != std::string_view::npos) {
            out.push_back(characters[found]);
        } else {
            return false;
        }
    }
    return true;
}

} // namespace

void JsonCursor::fail(std::string_view reason) const
{
    throw StorageError(StorageErrc::syntax, std::string(what_)
                                                .append(" is not as expected: ")
                                                .append(reason)
                                                .append(" at byte ")
                                                .append(std::to_string(at_)));
}

void JsonCursor::space() noexcept
{
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
        ++at_;
}

char JsonCursor::peek()
{
    space();
    if (at_ >= text_.size())
        fail("it ends too early");
    return text_[at_];
}

void JsonCursor::expect(char c)
{
    if (peek() != c)
        fail(std::string("'") + c + "' is missing");
    ++at_;
}

bool JsonCursor::enter(char open, char close)
{
    if (peek() != open)
        fail(open == '{' ? "an object is missing" : "an array is missing");
    if (++depth_ > deepest_)
        fail("it nests too deep");
    ++at_;
    if (peek() != close)
        return true;
    ++at_;
    return false;
}

bool JsonCursor::next(char close)
{
    const char c = peek();
    if (c != ',' && c != close)
        fail(std::string("',' or '") + close + "' is missing");
    ++at_;
    return c == ',';
}

JsonCursor::Kind JsonCursor::kind()
{
    switch (peek()) {
    case '{':
        return Kind::object;
    case '[':
        return Kind::array;
    case '"':
        return Kind::string;
    case 't':
    case 'f':
        return Kind::boolean;
    case 'n':
        return Kind::null;
    default:
        return Kind::number;
    }
}

std::string_view JsonCursor::raw_string(bool& escaped)
{
    expect('"');
    const std::size_t begin = at_;
    escaped = false;
    for (; at_ < text_.size(); ++at_) {
        const char c = text_[at_];
        if (c == '"')
            return text_.substr(begin, at_++ - begin);
        if (static_cast<unsigned char>(c) < 0x20)
            fail("a string holds a control character");
        if (c == '\\') {
            escaped = true;
            ++at_; // whatever follows, it does not end the string
        }
    }
    at_ = text_.size();
    fail("a string has no end");
}

std::string_view JsonCursor::read_plain_string(std::string& room)
{
    bool escaped = false;
    const std::string_view raw = raw_string(escaped);
    if (!text::is_valid_utf8(raw))
        fail("a string is not UTF-8");
    if (!escaped)
        return raw;
    room.clear();
    if (!append_unescaped(raw, room))
        fail("a string has a wrong escape");
    return room;
}

std::string JsonCursor::read_string()
{
    std::string room;
    const std::string_view text = read_plain_string(room);
    return room.empty() ? std::string(text) : room;
}

std::string_view JsonCursor::number()
{
    space();
    std::size_t i = at_;
    const auto has_digits = [&] {
        const std::size_t first = i;
        while (i < text_.size() && is_digit(text_[i]))
            ++i;
        return i > first;
    };
    if (i < text_.size() && text_[i] == '-')
        ++i;
    const bool zero = i < text_.size() && text_[i] == '0';
    const std::size_t whole = i;
    if (!has_digits() || (zero && i - whole > 1))
        fail("a number is missing");
    if (i < text_.size() && text_[i] == '.') {
        ++i;
        if (!has_digits())
            fail("a number lacks digits after its point");
    }
    if (i < text_.size() && (text_[i] == 'e' || text_[i] == 'E')) {
        ++i;
        if (i < text_.size() && (text_[i] == '+' || text_[i] == '-'))
            ++i;
        if (!has_digits())
            fail("a number lacks digits in its exponent");
    }
    const std::string_view found = text_.substr(at_, i - at_);
    at_ = i;
    return found;
}

std::uint64_t JsonCursor::read_index()
{
    const std::string_view digits = number();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size())
        fail("a whole number from 0 is missing");
    return value;
}

double JsonCursor::read_double()
{
    const std::string_view digits = number();
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size())
        fail("a number is beyond the range of double");
    return value;
}

std::string_view JsonCursor::read_raw()
{
    space();
    const std::size_t begin = at_;
    const int outside = std::exchange(deepest_, depth_ + 64);
    skip();
    deepest_ = outside;
    return text_.substr(begin, at_ - begin);
}

void JsonCursor::read_floats(std::vector<float>& out)
{
    for (bool more = enter('[', ']'); more; more = next(']')) {
        const std::string_view digits = number();
        float value = 0;
        auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error == std::errc::result_out_of_range) {
            double wide = 0; // tells what is too small, and so zero, from what is too large
            const auto again = std::from_chars(digits.data(), digits.data() + digits.size(), wide);
            const bool tiny = again.ec == std::errc() ? wide < 1 && wide > -1
                                                      : digits.find("e-") != std::string_view::npos ||
                                                            digits.find("E-") != std::string_view::npos;
            if (!tiny)
                fail("a number is beyond the range of float");
            value = static_cast<float>(wide);
        }
        out.push_back(value);
    }
    leave();
}

void JsonCursor::word(std::string_view text)
{
    if (text_.substr(at_, text.size()) != text)
        fail("a value is missing");
    at_ += text.size();
}

void JsonCursor::skip()
{
    switch (kind()) {
    case Kind::object:
        read_object([this](std::string_view) { skip(); });
        break;
    case Kind::array:
        read_array([this] { skip(); });
        break;
    case Kind::string: {
        std::string room;
        read_plain_string(room);
        break;
    }
    case Kind::number:
        number();
        break;
    case Kind::boolean:
        word(text_[at_] == 't' ? "true" : "false");
        break;
    case Kind::null:
        word("null");
        break;
    }
}

void JsonCursor::end()
{
    space();
    if (at_ != text_.size())
        fail("there is more text after it");
}

} // namespace whisperstore::http
