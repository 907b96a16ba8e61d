#include "protocol/sql/sql_lexer.hpp"

#include "core/text.hpp"
#include "protocol/sql/sql_escapes.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace whisperstore::sql {

namespace {

bool is_identifier_start(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_identifier_part(char c) noexcept { return is_identifier_start(c) || is_digit(c) || c == '$'; }
bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string upper(std::string_view word)
{
    std::string out(word);
    for (char& c : out)
        if (c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 'a' + 'A');
    return out;
}

template <typename List>
bool contains(const List& list, std::string_view word) noexcept
{
    return std::find(list.begin(), list.end(), word) != list.end();
}

StorageError invalid(const std::string& message) { return StorageError(StorageErrc::invalid_argument, message); }

/// Words after which an operand follows, so that `:name` inside a subscript is a placeholder there.
constexpr std::array operand_follows{"AND",  "OR",   "NOT",  "IN",    "LIKE",   "ILIKE", "IS",     "BETWEEN", "WHEN",
                                     "THEN", "ELSE", "CASE", "WHERE", "SELECT", "FROM",  "VALUES", "LIMIT",   "OFFSET"};

class Translator
{
public:
    Translator(std::string_view sql, SqlDialect dialect, bool is_script)
        : sql_(sql), dialect_(dialect), is_script_(is_script)
    {
        text::check(sql, is_script ? "the script" : "the query");
        if (sql.size() > max_size)
            throw invalid("the query is larger than 1 GB");
        if (!is_script)
            out_.sql.reserve(sql.size() + 16);
    }

    std::vector<TranslatedQuery> run()
    {
        while (at_ < sql_.size())
            token();
        finish_statement();
        return std::move(statements_);
    }

private:
    static constexpr std::size_t max_size = 1'000'000'000; // SQLITE_MAX_LENGTH, and PostgreSQL's allocation limit

    /// What stands before the current token, as far as it matters.
    enum class Before
    {
        start,
        operand,
        semicolon,
        semicolon_end,
        other
    };

    char peek(std::size_t ahead = 0) const noexcept { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }
    bool looking_at(std::string_view text) const noexcept { return sql_.substr(at_).starts_with(text); }
    bool is_sqlite() const noexcept { return dialect_ == SqlDialect::sqlite; }

    void copy(std::size_t count)
    {
        out_.sql.append(sql_.substr(at_, count));
        at_ += count;
    }

    void token()
    {
        const char c = peek();
        if (is_space(c)) {
            copy(1);
        } else if (looking_at("--")) {
            line_comment();
        } else if (looking_at("/*")) {
            block_comment();
        } else if (c == ';') {
            semicolon();
        } else {
            if (ended_)
                throw invalid("the query holds more than one statement; use execute_transaction for several");
            seen_token_ = true;
            const Before now = significant(c);
            before_ = now;
        }
    }

    void semicolon()
    {
        if (!seen_token_) {
            out_.sql.push_back(' '); // an empty statement
            ++at_;
            return;
        }
        copy(1);
        if (in_body_ && before_ != Before::semicolon_end) {
            before_ = Before::semicolon;
            return;
        }
        if (is_script_)
            finish_statement();
        else
            ended_ = true;
    }

    void finish_statement()
    {
        if (seen_token_) {
            classify();
            statements_.push_back(std::move(out_));
        }
        out_ = TranslatedQuery();
        words_.clear();
        numbers_.clear();
        seen_token_ = false;
        in_body_ = false;
        brackets_ = 0;
        before_ = Before::start;
    }

    Before significant(char c)
    {
        if (c == '\'')
            return quoted('\'', "string literal", false);
        if (c == '"')
            return quoted('"', "quoted identifier", false);
        if (c == '`' && is_sqlite())
            return quoted('`', "quoted identifier", false);
        if (c == '[' && is_sqlite())
            return bracketed();
        if (c == '$')
            return dollar();
        if (c == '?')
            return question();
        if (c == ':')
            return colon();
        if ((c == '@' || c == '#') && is_sqlite())
            throw invalid(std::string("'") + c + "' placeholders are not supported: use ?, :name or $1");
        if (is_identifier_start(c))
            return word();
        if (is_digit(c))
            return number();
        return symbol(c);
    }

    Before symbol(char c)
    {
        if (c == '=' && !words_.empty() && words_.front() == "PRAGMA")
            out_.explicit_value = true;
        if (c == '[')
            ++brackets_;
        else if (c == ']' && brackets_ > 0)
            --brackets_;
        copy(1);
        return c == ')' || c == ']' ? Before::operand : Before::other;
    }

    void line_comment()
    {
        const std::size_t end = std::min(sql_.find('\n', at_), sql_.size());
        skip_comment(end - at_);
    }

    // Comments nest as in PostgreSQL and standard SQL. SQLite's do not, so they are taken out for it.
    void block_comment()
    {
        std::size_t end = at_ + 2;
        for (int depth = 1; depth > 0;) {
            if (end >= sql_.size())
                throw unterminated("comment");
            const std::string_view rest = sql_.substr(end);
            const bool opens = rest.starts_with("/*");
            const bool closes = rest.starts_with("*/");
            depth += opens ? 1 : closes ? -1 : 0;
            end += opens || closes ? 2 : 1;
        }
        skip_comment(end - at_);
    }

    void skip_comment(std::size_t size)
    {
        if (is_sqlite()) {
            out_.sql.push_back(' ');
            at_ += size;
        } else {
            copy(size);
        }
    }

    Before quoted(char quote, std::string_view what, bool backslash)
    {
        copy(end_of_quoted(quote, what, backslash) - at_);
        return Before::operand;
    }

    std::size_t end_of_quoted(char quote, std::string_view what, bool backslash) const
    {
        std::size_t end = at_ + 1;
        while (true) {
            if (end >= sql_.size())
                throw unterminated(what);
            if (backslash && sql_[end] == '\\') {
                end += 2;
            } else if (sql_[end] == quote) {
                ++end;
                if (end >= sql_.size() || sql_[end] != quote)
                    return end;
                ++end;
            } else {
                ++end;
            }
        }
    }

    Before bracketed()
    {
        const std::size_t end = sql_.find(']', at_);
        if (end == std::string_view::npos)
            throw unterminated("quoted identifier");
        copy(end + 1 - at_);
        return Before::operand;
    }

    /// Writes a plain literal, for SQLite.
    void put_literal(std::string_view text)
    {
        out_.sql.push_back('\'');
        for (char c : text) {
            out_.sql.push_back(c);
            if (c == '\'')
                out_.sql.push_back('\'');
        }
        out_.sql.push_back('\'');
    }

    Before dollar()
    {
        if (is_digit(peek(1)))
            return numbered();
        std::size_t tag_end = at_ + 1;
        if (tag_end < sql_.size() && is_identifier_start(sql_[tag_end]))
            while (tag_end < sql_.size() && is_identifier_part(sql_[tag_end]) && sql_[tag_end] != '$')
                ++tag_end;
        if (tag_end >= sql_.size() || sql_[tag_end] != '$')
            throw invalid("'$' must be followed by a number ($1) or begin a dollar-quoted string ($tag$…$tag$)");
        const std::string_view tag = sql_.substr(at_, tag_end + 1 - at_);
        const std::size_t close = sql_.find(tag, tag_end + 1);
        if (close == std::string_view::npos)
            throw unterminated("dollar-quoted string");
        const std::size_t size = close + tag.size() - at_;
        if (is_sqlite()) {
            put_literal(sql_.substr(tag_end + 1, close - tag_end - 1));
            at_ += size;
        } else {
            copy(size);
        }
        return Before::operand;
    }

    /// E'…', at the quote; for SQLite the E before it is taken back.
    Before escape_string()
    {
        const std::size_t end = end_of_quoted('\'', "string literal", true);
        if (!is_sqlite()) {
            copy(end - at_);
            return Before::operand;
        }
        const std::string text = unescape_string(sql_.substr(at_ + 1, end - at_ - 2));
        text::check(text, "a string literal of the query");
        out_.sql.pop_back();
        put_literal(text);
        at_ = end;
        return Before::operand;
    }

    void use_style(PlaceholderStyle style)
    {
        if (is_script_)
            throw invalid("a script must not hold placeholders");
        if (out_.style != PlaceholderStyle::none && out_.style != style)
            throw invalid("the query mixes placeholder styles; use only one of ?, :name and $1");
        out_.style = style;
    }

    Before put_placeholder(std::size_t number)
    {
        if (number > max_placeholders)
            throw invalid("a query may have " + std::to_string(max_placeholders) + " placeholders at most");
        // Neither "LIMIT?" nor "1.?" nor "?AND" may grow into another word or number.
        if (!out_.sql.empty() && (is_identifier_part(out_.sql.back()) || out_.sql.back() == '.'))
            out_.sql.push_back(' ');
        out_.sql.push_back(is_sqlite() ? '?' : '$');
        out_.sql += std::to_string(number);
        if (at_ < sql_.size() && is_identifier_part(sql_[at_]))
            out_.sql.push_back(' ');
        return Before::operand;
    }

    Before question()
    {
        if (peek(1) == '?') {
            if (is_sqlite())
                throw StorageError(StorageErrc::unsupported,
                                   "?? stands for PostgreSQL's ? operator, which SQLite does not have");
            out_.sql.push_back('?');
            at_ += 2;
            // ??| and ??& are the operators ?| and ?&
            return Before::other;
        }
        if (is_digit(peek(1)))
            throw invalid("'?" + std::string(1, peek(1)) + "' is not a placeholder here: use ? by order, :name or $1");
        use_style(PlaceholderStyle::question);
        ++at_;
        return put_placeholder(++out_.placeholder_count);
    }

    Before colon()
    {
        if (peek(1) == ':') {
            copy(2);
            return Before::other;
        }
        const bool is_slice = brackets_ > 0 && before_ == Before::operand;
        if (is_sqlite() && !is_identifier_start(peek(1)) && is_identifier_part(peek(1)))
            throw invalid("the name of a placeholder begins with a letter or '_'"); // SQLite would take it for one
        if (is_slice || !is_identifier_start(peek(1))) {
            copy(1);
            return Before::other;
        }
        use_style(PlaceholderStyle::named);
        ++at_;
        std::size_t end = at_;
        while (end < sql_.size() && is_identifier_part(sql_[end]) && sql_[end] != '$')
            ++end;
        const std::string name(sql_.substr(at_, end - at_));
        at_ = end;
        const auto known = std::find(out_.names.begin(), out_.names.end(), name);
        const auto number = static_cast<std::size_t>(known - out_.names.begin()) + 1;
        if (known == out_.names.end())
            out_.names.push_back(name);
        out_.placeholder_count = out_.names.size();
        return put_placeholder(number);
    }

    Before numbered()
    {
        use_style(PlaceholderStyle::numbered);
        ++at_;
        std::size_t number = 0;
        const auto [end, error] = std::from_chars(sql_.data() + at_, sql_.data() + sql_.size(), number);
        if (error != std::errc() || number == 0 || number > max_placeholders)
            throw invalid("a $ placeholder must be numbered from $1 to $" + std::to_string(max_placeholders));
        at_ = static_cast<std::size_t>(end - sql_.data());
        if (numbers_.size() < number)
            numbers_.resize(number, false);
        numbers_[number - 1] = true;
        out_.placeholder_count = numbers_.size();
        return put_placeholder(number);
    }

    Before word()
    {
        std::size_t end = at_;
        while (end < sql_.size() && is_identifier_part(sql_[end]))
            ++end;
        const std::string name = upper(sql_.substr(at_, end - at_));
        copy(end - at_);
        if (name == "E" && peek() == '\'')
            return escape_string();
        if (begins_body(name))
            in_body_ = true;
        last_word_ = name;
        if (words_.size() < 4)
            words_.push_back(name);
        if (in_body_ && name == "END" && before_ == Before::semicolon)
            return Before::semicolon_end;
        return contains(operand_follows, name) ? Before::other : Before::operand;
    }

    /// Triggers of SQLite and SQL-standard functions of PostgreSQL hold statements of their own.
    bool begins_body(std::string_view name) const noexcept
    {
        if (words_.empty() || words_.front() != "CREATE")
            return false;
        return is_sqlite() ? name == "BEGIN" && is_trigger() : name == "ATOMIC" && last_word_ == "BEGIN";
    }

    Before number()
    {
        std::size_t end = at_;
        while (end < sql_.size() && (is_identifier_part(sql_[end]) || sql_[end] == '.'))
            ++end;
        copy(end - at_);
        return Before::operand;
    }

    /// CREATE [TEMP] TRIGGER
    bool is_trigger() const noexcept
    {
        return words_.size() >= 2 && words_[0] == "CREATE" &&
               (words_[1] == "TRIGGER" || (words_.size() >= 3 && words_[2] == "TRIGGER"));
    }

    void classify()
    {
        if (std::find(numbers_.begin(), numbers_.end(), false) != numbers_.end())
            throw invalid("the query uses $" + std::to_string(numbers_.size()) + " but not every number below it");
        if (words_.empty())
            return;
        out_.keyword = words_[0];
        if (words_[0] == "PRAGMA" && words_.size() > 1)
            out_.keyword += " " + words_[1];
        // SQLite runs some PRAGMAs while it prepares them, so EXPLAIN does not keep them from acting.
        const std::size_t explained = words_.size() > 2 && words_[1] == "QUERY" && words_[2] == "PLAN" ? 3 : 1;
        if (words_[0] == "EXPLAIN" && words_.size() > explained && words_[explained] == "PRAGMA")
            out_.keyword += " PRAGMA";
        if (is_trigger())
            out_.keyword = "CREATE TRIGGER";
    }

    StorageError unterminated(std::string_view what) const
    {
        return StorageError(StorageErrc::syntax,
                            "the " + std::string(what) + " that begins at byte " + std::to_string(at_) + " has no end");
    }

    std::string_view sql_;
    SqlDialect dialect_;
    bool is_script_;
    std::vector<TranslatedQuery> statements_;
    std::size_t at_ = 0;
    bool ended_ = false; // one statement: its end was seen

    // Of the current statement:
    bool seen_token_ = false;
    bool in_body_ = false;
    int brackets_ = 0; // open subscripts
    Before before_ = Before::start;
    std::string last_word_;
    std::vector<std::string> words_; // the first few bare words, in upper case
    std::vector<bool> numbers_;      // which of $1, $2 … occur
    TranslatedQuery out_;
};

} // namespace

TranslatedQuery translate(std::string_view sql, SqlDialect dialect)
{
    std::vector<TranslatedQuery> statements = Translator(sql, dialect, false).run();
    if (statements.empty())
        throw invalid("the query holds no statement");
    return std::move(statements.front());
}

std::vector<TranslatedQuery> translate_script(std::string_view script, SqlDialect dialect)
{
    return Translator(script, dialect, true).run();
}

} // namespace whisperstore::sql
