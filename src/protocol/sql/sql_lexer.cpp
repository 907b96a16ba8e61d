#include "protocol/sql/sql_lexer.hpp"

#include <whisperstore/core/error.hpp>

#include "core/text.hpp"

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

StorageError invalid(const std::string& message) { return StorageError(StorageErrc::invalid_argument, message); }

class Translator
{
public:
    Translator(std::string_view sql, SqlDialect dialect) : sql_(sql), dialect_(dialect) { out_.sql.reserve(sql.size()); }

    TranslatedQuery run()
    {
        while (at_ < sql_.size())
            token();
        if (words_.empty() && !seen_token_)
            throw invalid("the query holds no statement");
        classify();
        return std::move(out_);
    }

private:
    char peek(std::size_t ahead = 0) const noexcept { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }
    bool looking_at(std::string_view text) const noexcept { return sql_.substr(at_).starts_with(text); }

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
            copy(1);
            ended_ = !is_trigger();
        } else {
            if (ended_)
                throw invalid("the query holds more than one statement; use execute_transaction for several");
            seen_token_ = true;
            significant(c);
        }
    }

    void significant(char c)
    {
        if (c == '\'')
            quoted('\'', "string literal", false);
        else if (c == '"')
            quoted('"', "quoted identifier", false);
        else if (c == '`' && dialect_ == SqlDialect::sqlite)
            quoted('`', "quoted identifier", false);
        else if (c == '[' && dialect_ == SqlDialect::sqlite)
            bracketed();
        else if (c == '$')
            dollar();
        else if (c == '?')
            question();
        else if (c == ':')
            colon();
        else if (c == '@' && dialect_ == SqlDialect::sqlite)
            throw invalid("'@' placeholders are not supported: use ?, :name or $1");
        else if (is_identifier_start(c))
            word();
        else if (is_digit(c))
            number();
        else if (c == '\0')
            throw invalid("the query contains a NUL character");
        else {
            if (c == '=' && !words_.empty() && words_.front() == "PRAGMA")
                out_.explicit_value = true;
            copy(1);
        }
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
        if (dialect_ == SqlDialect::sqlite) {
            out_.sql.push_back(' ');
            at_ += size;
        } else {
            copy(size);
        }
    }

    void quoted(char quote, std::string_view what, bool backslash)
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
                    break;
                ++end;
            } else {
                ++end;
            }
        }
        copy(end - at_);
    }

    void bracketed()
    {
        const std::size_t end = sql_.find(']', at_);
        if (end == std::string_view::npos)
            throw unterminated("quoted identifier");
        copy(end + 1 - at_);
    }

    void dollar()
    {
        if (is_digit(peek(1))) {
            numbered();
            return;
        }
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
        const std::string_view body = sql_.substr(tag_end + 1, close - tag_end - 1);
        const std::size_t size = close + tag.size() - at_;
        if (dialect_ == SqlDialect::postgresql) {
            copy(size);
            return;
        }
        out_.sql.push_back('\'');
        for (char c : body) {
            out_.sql.push_back(c);
            if (c == '\'')
                out_.sql.push_back('\'');
        }
        out_.sql.push_back('\'');
        at_ += size;
    }

    void use_style(PlaceholderStyle style)
    {
        if (out_.style != PlaceholderStyle::none && out_.style != style)
            throw invalid("the query mixes placeholder styles; use only one of ?, :name and $1");
        out_.style = style;
    }

    void put_placeholder(std::size_t number)
    {
        out_.sql.push_back(dialect_ == SqlDialect::sqlite ? '?' : '$');
        out_.sql += std::to_string(number);
        // "? ?" must not become "?1 ?2" glued to a following digit or letter
        if (at_ < sql_.size() && is_identifier_part(sql_[at_]))
            out_.sql.push_back(' ');
    }

    void question()
    {
        if (peek(1) == '?') {
            if (dialect_ == SqlDialect::sqlite)
                throw StorageError(StorageErrc::unsupported, "?? stands for PostgreSQL's ? operator, which SQLite does not have");
            out_.sql.push_back('?');
            at_ += 2;
            // ??| and ??& are the operators ?| and ?&
            return;
        }
        if (is_digit(peek(1)))
            throw invalid("'?" + std::string(1, peek(1)) + "' is not a placeholder here: use ? by order, :name or $1");
        use_style(PlaceholderStyle::question);
        ++at_;
        put_placeholder(++out_.placeholder_count);
    }

    void colon()
    {
        if (peek(1) == ':') {
            copy(2);
            return;
        }
        if (!is_identifier_start(peek(1))) {
            copy(1);
            return;
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
        put_placeholder(number);
    }

    void numbered()
    {
        use_style(PlaceholderStyle::numbered);
        ++at_;
        std::size_t number = 0;
        const auto [end, error] = std::from_chars(sql_.data() + at_, sql_.data() + sql_.size(), number);
        if (error != std::errc() || number == 0 || number > 32766)
            throw invalid("a $ placeholder must be numbered from $1 to $32766");
        at_ = static_cast<std::size_t>(end - sql_.data());
        if (numbers_.size() < number)
            numbers_.resize(number, false);
        numbers_[number - 1] = true;
        out_.placeholder_count = numbers_.size();
        put_placeholder(number);
    }

    void word()
    {
        std::size_t end = at_;
        while (end < sql_.size() && is_identifier_part(sql_[end]))
            ++end;
        const std::string_view text = sql_.substr(at_, end - at_);
        if (words_.size() < 4)
            words_.push_back(upper(text));
        copy(end - at_);
        if ((text == "E" || text == "e") && peek() == '\'')
            quoted('\'', "string literal", true);
    }

    void number()
    {
        std::size_t end = at_;
        while (end < sql_.size() && (is_identifier_part(sql_[end]) || sql_[end] == '.'))
            ++end;
        copy(end - at_);
    }

    /// CREATE [TEMP] TRIGGER has semicolons inside BEGIN … END; the database finds its end.
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
    std::size_t at_ = 0;
    bool ended_ = false;
    bool seen_token_ = false;
    std::vector<std::string> words_; // the first few bare words, in upper case
    std::vector<bool> numbers_;      // which of $1, $2 … occur
    TranslatedQuery out_;
};

constexpr std::array refused_keywords{"BEGIN",  "START",  "COMMIT", "END",   "ROLLBACK", "ABORT",   "SAVEPOINT", "RELEASE",
                                      "ATTACH", "DETACH", "VACUUM", "SET",   "RESET",    "PREPARE", "EXECUTE",   "DEALLOCATE",
                                      "DISCARD", "LISTEN", "UNLISTEN", "LOCK", "COPY", "DECLARE", "FETCH", "CLOSE"};

// PRAGMAs that only read, with or without an argument.
constexpr std::array reading_pragmas{"TABLE_INFO", "TABLE_XINFO", "TABLE_LIST", "INDEX_LIST", "INDEX_INFO",
                                     "INDEX_XINFO", "FOREIGN_KEY_LIST", "FOREIGN_KEY_CHECK", "INTEGRITY_CHECK",
                                     "QUICK_CHECK", "DATABASE_LIST", "COLLATION_LIST", "FUNCTION_LIST", "COMPILE_OPTIONS"};
// PRAGMAs that read only without a value.
constexpr std::array value_pragmas{"USER_VERSION", "APPLICATION_ID", "PAGE_SIZE", "PAGE_COUNT", "FREELIST_COUNT",
                                   "ENCODING", "JOURNAL_MODE", "SYNCHRONOUS", "DATA_VERSION", "SCHEMA_VERSION"};

template <typename List>
bool contains(const List& list, std::string_view word) noexcept
{
    return std::find(list.begin(), list.end(), word) != list.end();
}

} // namespace

TranslatedQuery translate(std::string_view sql, SqlDialect dialect) { return Translator(sql, dialect).run(); }

std::vector<std::size_t> argument_order(const TranslatedQuery& query, const Parameters& parameters)
{
    std::vector<std::size_t> order;
    order.reserve(query.placeholder_count);
    if (query.style != PlaceholderStyle::named) {
        if (parameters.size() != query.placeholder_count)
            throw invalid("the query has " + std::to_string(query.placeholder_count) + " placeholders, but " +
                          std::to_string(parameters.size()) + " arguments were given");
        for (std::size_t i = 0; i < query.placeholder_count; ++i)
            order.push_back(i);
        return order;
    }
    for (const std::string& name : query.names) {
        std::size_t found = parameters.size();
        for (std::size_t i = 0; i < parameters.size(); ++i)
            if (parameters[i].name == name) {
                if (found != parameters.size())
                    throw invalid("the argument '" + name + "' was given twice");
                found = i;
            }
        if (found == parameters.size())
            throw invalid("the query uses :" + name + ", but no argument of that name was given");
        order.push_back(found);
    }
    for (const Parameter& parameter : parameters) {
        if (parameter.name.empty())
            throw invalid("the query uses names, but an argument has none: write arg(\"name\", value)");
        if (!contains(query.names, parameter.name))
            throw invalid("the argument '" + parameter.name + "' is not used by the query");
    }
    return order;
}

void check_allowed(const TranslatedQuery& query)
{
    const std::string_view keyword = query.keyword;
    if (contains(refused_keywords, keyword))
        throw invalid(std::string(keyword) + " is not allowed here: use execute_transaction or begin_transaction for "
                                             "transactions; connections are managed by the adapter");
    if (!keyword.starts_with("PRAGMA"))
        return;
    const std::string_view name = keyword.substr(std::min(keyword.size(), std::string_view("PRAGMA ").size()));
    const bool with_parenthesis = query.sql.find('(') != std::string::npos;
    if (contains(reading_pragmas, name) && !query.explicit_value)
        return;
    if (contains(value_pragmas, name) && !query.explicit_value && !with_parenthesis)
        return;
    throw invalid("PRAGMA " + std::string(name) + " is not allowed here: only PRAGMAs that read are");
}

void check_arguments(const Parameters& parameters)
{
    for (std::size_t i = 0; i < parameters.size(); ++i)
        if (parameters[i].value.kind() == ValueKind::text) {
            const Parameter& parameter = parameters[i];
            text::check(parameter.value.as_text(), parameter.name.empty() ? "argument " + std::to_string(i + 1)
                                                                          : "argument '" + parameter.name + "'");
        }
}

} // namespace whisperstore::sql
