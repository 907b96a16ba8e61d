#include "core/text.hpp"

#include <whisperstore/config/dotenv.hpp>
#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace whisperstore {

namespace {

constexpr std::size_t max_file_size = 1024 * 1024;

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
bool is_name_start(char c) noexcept { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
bool is_name(char c) noexcept { return is_name_start(c) || (c >= '0' && c <= '9'); }

class Parser
{
public:
    Parser(std::string_view text, std::string_view file) : text_(text), file_(file)
    {
        if (text_.starts_with("\xEF\xBB\xBF"))
            text_.remove_prefix(3);
    }

    std::vector<DotenvEntry> parse()
    {
        std::vector<DotenvEntry> out;
        while (true) {
            skip_blanks();
            if (at_end())
                return out;
            if (!at_line_end() && peek() != '#')
                out.push_back(assignment());
            skip_comment_and_line_end();
        }
    }

private:
    [[noreturn]] void fail(int line, const std::string& message) const
    {
        throw StorageError(StorageErrc::syntax, std::string(file_) + " line " + std::to_string(line) + ": " + message);
    }

    bool at_end() const noexcept { return position_ == text_.size(); }
    bool at_line_end() const noexcept { return at_end() || peek() == '\n' || text_.substr(position_, 2) == "\r\n"; }
    char peek() const noexcept { return text_[position_]; }
    char take() noexcept
    {
        const char c = text_[position_++];
        if (c == '\n')
            ++line_;
        return c;
    }
    void skip_blanks() noexcept
    {
        while (!at_end() && is_blank(peek()))
            ++position_;
    }

    std::string_view name()
    {
        const std::size_t begin = position_;
        if (at_end() || !is_name_start(peek()))
            fail(line_,
                 "expected NAME=value; a name is made of letters, digits and '_' and does not begin with a digit");
        while (!at_end() && is_name(peek()))
            ++position_;
        return text_.substr(begin, position_ - begin);
    }

    DotenvEntry assignment()
    {
        DotenvEntry entry;
        entry.line = line_;
        entry.name = name();
        skip_blanks();
        if (entry.name == "export" && !at_line_end() && peek() != '=') {
            entry.name = name();
            skip_blanks();
        }
        if (at_line_end() || peek() != '=')
            fail(line_, "'" + entry.name + "' is not followed by '='; write NAME=value");
        ++position_;
        const std::size_t after_equals = position_;
        skip_blanks();
        // "A= # text" is an empty value with a comment, "A=#text" the value "#text".
        if (at_line_end() || (peek() == '#' && position_ > after_equals))
            return entry;
        if (peek() == '\'' || peek() == '"')
            entry.value = quoted(entry.name);
        else
            entry.value = unquoted();
        return entry;
    }

    std::string unquoted()
    {
        const std::size_t begin = position_;
        while (!at_line_end() && !(peek() == '#' && position_ > begin && is_blank(text_[position_ - 1])))
            ++position_;
        std::size_t end = position_;
        while (end > begin && is_blank(text_[end - 1]))
            --end;
        return std::string(text_.substr(begin, end - begin));
    }

    std::string quoted(const std::string& name)
    {
        const int first_line = line_;
        const char quote = take();
        std::string out;
        while (true) {
            if (at_end())
                fail(first_line, "the value of " + name + " has no closing " + quote);
            const char c = take();
            if (c == quote)
                break;
            if (c != '\\' || at_end()) {
                out.push_back(c);
                continue;
            }
            if (quote == '\'') {
                if (peek() == '\'' || peek() == '\\')
                    out.push_back(take());
                else
                    out.push_back(c);
                continue;
            }
            out.push_back(escape(name));
        }
        skip_blanks();
        if (!at_line_end() && peek() != '#')
            fail(line_, "the value of " + name + " goes on after its closing " + quote +
                            "; quote the whole value, and write a quote inside it as \\" + quote);
        return out;
    }

    char escape(const std::string& name)
    {
        const int line = line_;
        switch (const char c = take()) {
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        case '\\':
        case '"':
        case '\'':
        case '$':
            return c;
        default:
            fail(line, "the value of " + name +
                           R"( has an unknown escape; allowed in double quotes are \n \r \t \\ \" \' \$, )"
                           "and single quotes take backslashes as they are");
        }
    }

    void skip_comment_and_line_end()
    {
        while (!at_end() && take() != '\n') {
        }
    }

    std::string_view text_;
    std::string_view file_;
    std::size_t position_ = 0;
    int line_ = 1;
};

} // namespace

std::vector<DotenvEntry> parse_dotenv(std::string_view text, std::string_view file)
{
    text::check(text, file);
    return Parser(text, file).parse();
}

std::vector<DotenvEntry> read_dotenv(const std::filesystem::path& file)
{
    std::error_code ignored; // a missing file is told by opening it
    if (std::filesystem::is_directory(file, ignored))
        throw StorageError(StorageErrc::invalid_argument,
                           "the configuration file " + file.string() + " is a directory");
    errno = 0;
    std::ifstream stream(file, std::ios::binary);
    if (!stream) {
        const int reason = errno;
        const StorageErrc code =
            reason == ENOENT || reason == ENOTDIR ? StorageErrc::not_found : StorageErrc::permission;
        throw StorageError(code, "cannot read the configuration file " + file.string() + ": " + std::strerror(reason));
    }
    std::string text(max_file_size + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (stream.bad())
        throw StorageError(StorageErrc::unavailable, "cannot read the configuration file " + file.string());
    text.resize(static_cast<std::size_t>(stream.gcount()));
    if (text.size() > max_file_size)
        throw StorageError(StorageErrc::resource_exhausted,
                           "the configuration file " + file.string() + " is larger than 1 MiB");
    return parse_dotenv(text, file.string());
}

} // namespace whisperstore
