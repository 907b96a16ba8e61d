#include "storage/chat_export/json_elements.hpp"

#include "storage/chat_export/export_file.hpp"

#include <whisperstore/core/error.hpp>

namespace whisperstore {

namespace {

constexpr std::size_t largest_value = 16UL * 1024 * 1024;
constexpr int end_of_file = std::char_traits<char>::eof();

bool is_space(int c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

} // namespace

JsonElements::JsonElements(const std::filesystem::path& path, std::string list)
    : path_(path), stream_(open_export_file(path)), list_(std::move(list))
{
    // A byte order mark, as programs on Windows write it.
    if (stream_.peek() == 0xEF)
        for (int i = 0; i < 3; ++i)
            get();
    find_list();
}

void JsonElements::fail(const std::string& what) const
{
    throw StorageError(StorageErrc::syntax, "byte " + std::to_string(position_) + ": " + what);
}

int JsonElements::get()
{
    const int c = stream_.get();
    if (stream_.bad())
        throw StorageError(StorageErrc::unavailable, "reading " + path_.string() + " failed");
    if (c != end_of_file)
        ++position_;
    return c;
}

/// The next character that is no white space.
int JsonElements::get_token()
{
    int c = get();
    while (is_space(c))
        c = get();
    return c;
}

/// After its opening quote; gives it with both quotes.
std::string JsonElements::read_string()
{
    std::string text = "\"";
    while (true) {
        const int c = get();
        if (c == end_of_file)
            fail("the file ends within a text");
        text.push_back(static_cast<char>(c));
        if (text.size() > largest_value)
            fail("a text is longer than " + std::to_string(largest_value) + " bytes");
        if (c == '"')
            return text;
        if (c == '\\') {
            const int escaped = get();
            if (escaped == end_of_file)
                fail("the file ends within a text");
            text.push_back(static_cast<char>(escaped));
        }
    }
}

std::string JsonElements::read_value()
{
    std::string text;
    int depth = 0;
    int c = get_token();
    while (true) {
        if (c == end_of_file)
            fail("the file ends within a value");
        if (c == '"') {
            text += read_string();
        } else {
            text.push_back(static_cast<char>(c));
            if (c == '{' || c == '[')
                ++depth;
            else if (c == '}' || c == ']')
                --depth;
        }
        if (text.size() > largest_value)
            fail("a value is longer than " + std::to_string(largest_value) + " bytes");
        if (depth <= 0) {
            // A number or a word ends where the next thing begins, which stays for whoever asks next.
            const int following = stream_.peek();
            if (c == '"' || c == '}' || c == ']' || following == ',' || following == '}' || following == ']' ||
                is_space(following) || following == end_of_file)
                return text;
        }
        c = get();
    }
}

void JsonElements::find_list()
{
    if (get_token() != '{')
        fail("an object is expected");
    int c = get_token();
    while (c == '"') {
        const std::string quoted = read_string();
        const std::string name = quoted.substr(1, quoted.size() - 2);
        if (get_token() != ':')
            fail("':' is expected after the name '" + name + "'");
        if (name == list_) {
            if (get_token() != '[')
                fail("'" + list_ + "' must be a list");
            return;
        }
        members_[name] = read_value();
        c = get_token();
        if (c == ',')
            c = get_token();
    }
    fail("there is no list '" + list_ + "'");
}

std::optional<std::string> JsonElements::next()
{
    if (ended_)
        return std::nullopt;
    int c = get_token();
    if (c == ']' && first_) {
        ended_ = true;
        return std::nullopt;
    }
    if (!first_) {
        if (c == ']') {
            ended_ = true;
            return std::nullopt;
        }
        if (c != ',')
            fail(c == end_of_file ? "the file ends within the list '" + list_ + "'"
                                  : "',' or ']' is expected after an element of '" + list_ + "'");
    } else {
        stream_.unget();
        --position_;
    }
    first_ = false;
    return read_value();
}

} // namespace whisperstore
