// Every parser of text that comes from outside gets thousands of texts made from good ones by random
// changes. It may accept or refuse them by StorageError, and nothing else. The seed is fixed: a failure
// is the same on every run.
#include "protocol/sql/sql_lexer.hpp"
#include "support/run.hpp"

#include <whisperstore/config/dotenv.hpp>
#include <whisperstore/config/settings.hpp>
#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/message.hpp>
#include <whisperstore/core/page.hpp>
#include <whisperstore/core/version.hpp>

#include <random>
#include <span>

namespace whisperstore {
namespace {

constexpr int rounds = 20000;

class Mutator
{
public:
    explicit Mutator(std::vector<std::string> seeds, std::string_view alphabet)
        : seeds_(std::move(seeds)), alphabet_(alphabet)
    {
    }

    std::string next()
    {
        std::string text = seeds_[below(seeds_.size())];
        for (std::size_t changes = below(6); changes > 0; --changes)
            change(text);
        return text;
    }

private:
    std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
    char character() { return below(8) == 0 ? static_cast<char>(below(256)) : alphabet_[below(alphabet_.size())]; }

    void change(std::string& text)
    {
        const std::size_t at = below(text.size() + 1);
        switch (below(6)) {
        case 0:
            text.insert(at, 1, character());
            break;
        case 1:
            text.erase(at, 1 + below(4));
            break;
        case 2:
            if (at < text.size())
                text[at] = character();
            break;
        case 3:
            text.resize(at);
            break;
        case 4:
            text.insert(at, text.substr(below(text.size() + 1), below(12)));
            break;
        default:
            text.insert(at, seeds_[below(seeds_.size())]);
            break;
        }
    }

    std::mt19937_64 random_{20260131}; // NOLINT: the same texts on every run
    std::vector<std::string> seeds_;
    std::string_view alphabet_;
};

/// Parses every text; both answers must occur, else the texts test nothing.
void expect_only_storage_errors(Mutator mutator, const std::function<void(const std::string&)>& parse)
{
    int accepted = 0;
    int refused = 0;
    for (int i = 0; i < rounds; ++i) {
        const std::string text = mutator.next();
        try {
            parse(text);
            ++accepted;
        } catch (const StorageError& error) {
            ++refused;
            ASSERT_FALSE(error.message().empty());
        } catch (const std::exception& error) {
            FAIL() << error.what() << " for: " << text;
        }
    }
    EXPECT_GT(accepted, rounds / 100);
    EXPECT_GT(refused, rounds / 100);
}

const std::vector<std::string> sql_seeds = {
    "SELECT :a, ?, $1, 'it''s' FROM t WHERE a::text = E'x\\n\\u00e4\\x41' -- c\n AND b ?? 'k'",
    "INSERT INTO t (a, \"b\") VALUES (?, ?), ($q$ body ' $q$, $$x$$); /* a /* b */ c */",
    "CREATE TRIGGER t AFTER DELETE ON u BEGIN DELETE FROM v WHERE a = OLD.a; END; SELECT a[1:n], b[:x]",
    "WITH x AS (SELECT 1) UPDATE t SET a = :name, b = :name2 RETURNING `a`, [b]",
    "PRAGMA table_info(users)",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END;",
};
constexpr std::string_view sql_alphabet = "'\"`[]$?:;-/*\\\n aeEbx01(),.@";

TEST(Mutation, SqlLexer)
{
    for (const SqlDialect dialect : {SqlDialect::sqlite, SqlDialect::postgresql})
        expect_only_storage_errors(Mutator(sql_seeds, sql_alphabet), [dialect](const std::string& text) {
            const sql::TranslatedQuery query = sql::translate(text, dialect);
            ASSERT_LE(query.names.size(), query.placeholder_count);
            Parameters values;
            for (std::size_t i = 0; i < query.placeholder_count; ++i)
                values.add(i < query.names.size() ? query.names[i] : "", static_cast<std::int64_t>(i));
            ASSERT_EQ(sql::argument_order(query, values).size(), query.placeholder_count);
            sql::check_allowed(query);
        });
}

TEST(Mutation, SqlScripts)
{
    for (const SqlDialect dialect : {SqlDialect::sqlite, SqlDialect::postgresql})
        expect_only_storage_errors(
            Mutator({"CREATE TABLE a (b TEXT DEFAULT 'x;y'); -- ;\nINSERT INTO a VALUES ($$;$$), (E'\\';');",
                     "CREATE TRIGGER t AFTER DELETE ON u BEGIN SELECT CASE WHEN 1 THEN 2 END; END; SELECT 1;"},
                    sql_alphabet),
            [dialect](const std::string& text) {
                for (const sql::TranslatedQuery& statement : sql::translate_script(text, dialect))
                    ASSERT_EQ(statement.placeholder_count, 0U);
            });
}

TEST(Mutation, TranslatedSqlKeepsItsMeaning)
{
    // What PostgreSQL is sent, minus the placeholders, is what the caller wrote: nothing is lost on the way.
    Mutator mutator(sql_seeds, sql_alphabet);
    for (int i = 0; i < rounds; ++i) {
        const std::string text = mutator.next();
        try {
            const sql::TranslatedQuery once = sql::translate(text, SqlDialect::postgresql);
            if (once.style == sql::PlaceholderStyle::none && text.find("??") == std::string::npos &&
                text.find_first_not_of("; \n\t") != std::string::npos && text.find_first_of(';') != 0) {
                ASSERT_EQ(once.sql.substr(once.sql.find_first_not_of(" ;")), text.substr(text.find_first_not_of(" ;")));
            }
            if (once.style != sql::PlaceholderStyle::none && once.sql.find("?") == std::string::npos) {
                const sql::TranslatedQuery twice = sql::translate(once.sql, SqlDialect::postgresql);
                ASSERT_EQ(twice.sql, once.sql); // $1 stays $1
                ASSERT_EQ(twice.placeholder_count, once.placeholder_count);
            }
        } catch (const StorageError&) {
            continue;
        }
    }
}

TEST(Mutation, Json)
{
    expect_only_storage_errors(
        Mutator(
            {R"({"message_id":"9223372036854775807","channel_id":"c","user_id":"u","content":"x\u00e4","timestamp":)"
             R"("2026-01-31T09:05:00.000250Z","is_bot":false,"reply_to":null,"attachments":[{}],"metadata":{"a":[1.5e3]}})",
             R"([1,-2.5e-3,"\ud83c\udf12",null,true,{"a":{"b":[]}}])"},
            "{}[]\",:\\u0019eE+-.truefalsn"),
        [](const std::string& text) {
            const json::value value = parse_json(text, "text");
            check_json(value, "text");
            if (value.is_object())
                message_from_json(value.get_object());
        });
}

TEST(Mutation, Times)
{
    expect_only_storage_errors(
        Mutator({"2026-01-31T09:05:00.000250Z", "2024-02-29 23:59:60+14:00", "0000-01-01T00:00:00-23:59"},
                "0123456789-:.TZ+ "),
        [](const std::string& text) {
            const Timestamp time = parse_timestamp(text);
            ASSERT_EQ(parse_timestamp(format_timestamp(time)), time);
        });
}

TEST(Mutation, Dotenv)
{
    expect_only_storage_errors(
        Mutator({"# c\nexport A=b # d\nB='it\\'s'\nC=\"x\\n\\$\ny\"\r\nD=\n", "POSTGRES_PASSWORD = p#w \nX=\"\\\\\""},
                "='\"\\\n\r#$ abAB_19"),
        [](const std::string& text) {
            for (const DotenvEntry& entry : parse_dotenv(text)) {
                ASSERT_FALSE(entry.name.empty());
                ASSERT_GE(entry.line, 1);
            }
        });
}

TEST(Mutation, Urls)
{
    expect_only_storage_errors(
        Mutator({"postgresql://user:p%40ss@h1:5432,[::1]:5433/db?sslmode=require&x=%2F",
                 "redis://:secret@localhost:6379/0", "neo4j+s://a@h:7687", "sqlite:///~/x/database.db?mode=ro",
                 "sqlite:////abs%20olute/file"},
                "/:@?#%&=,[].0123456789abcdefz~"),
        [](const std::string& text) {
            static_cast<void>(redact_url(text));
            if (text.starts_with("sqlite:")) {
                static_cast<void>(sqlite_path(text));
                return;
            }
            const ConnectionUrl url = ConnectionUrl::parse(text);
            const ConnectionUrl again = ConnectionUrl::parse(url.to_string());
            ASSERT_EQ(again.to_string(), url.to_string()) << text;
            ASSERT_EQ(again.password, url.password) << text;
            if (url.password && url.password->size() > 3 && url.username != url.password) {
                ASSERT_EQ(url.redacted().find(":" + percent_encode(*url.password) + "@"), std::string::npos) << text;
            }
        });
}

TEST(Mutation, HostsCursorsVersionsAndBase64)
{
    const Mutator mutator({"h1:5432, [::1]:6379,/var/run,10.0.0.1", "1.18.3-rc1", "Zm9vYmFy", "v10.0",
                           PageCursor::make("vectors/a", "42").text()},
                          ":,[]/.-_=0123456789abcdefvZ");
    expect_only_storage_errors(mutator, [](const std::string& text) { parse_hosts(text); });
    expect_only_storage_errors(mutator, [](const std::string& text) { Version::parse(text); });
    expect_only_storage_errors(mutator, [](const std::string& text) {
        ASSERT_EQ(base64_encode(base64_decode(text)), text); // one text per content
    });
    expect_only_storage_errors(
        mutator, [](const std::string& text) { static_cast<void>(PageCursor::parse(text).position("vectors/a")); });
}

TEST(Mutation, Settings)
{
    Mutator mutator({"true", "5432", "sqlite", "0.5", "h:1", "postgresql://u:p@h/db", "/a/path", "FULL"},
                    "0123456789.-+eE:/,@truefalsqi ");
    for (int i = 0; i < rounds / 10; ++i) {
        const std::string text = mutator.next();
        for (const Setting& setting : settings()) {
            try {
                const std::string checked = check_setting(setting, text);
                ASSERT_EQ(check_setting(setting, checked), checked) << setting.variable; // canonical
            } catch (const StorageError& error) {
                ASSERT_NE(error.message().find(setting.variable), std::string::npos) << error.what();
            }
        }
    }
}

} // namespace
} // namespace whisperstore
