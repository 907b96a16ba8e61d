#include "protocol/sql/sql_escapes.hpp"
#include "protocol/sql/sql_lexer.hpp"
#include "support/run.hpp"

namespace whisperstore::sql {
namespace {

constexpr SqlDialect sqlite = SqlDialect::sqlite;
constexpr SqlDialect postgresql = SqlDialect::postgresql;

struct TranslationCase
{
    const char* name;
    const char* sql;
    const char* in_sqlite;
    const char* in_postgresql;
    std::vector<std::string> names = {};
    std::size_t placeholders = 0;
    friend std::ostream& operator<<(std::ostream& out, const TranslationCase& one) { return out << one.name; }
};

class Translation : public testing::TestWithParam<TranslationCase>
{
};

TEST_P(Translation, ReadsInBothDialects)
{
    const TranslationCase& one = GetParam();
    for (const SqlDialect dialect : {sqlite, postgresql}) {
        const char* expected = dialect == sqlite ? one.in_sqlite : one.in_postgresql;
        if (!expected)
            continue; // not a text of that database
        const TranslatedQuery query = translate(one.sql, dialect);
        EXPECT_EQ(query.sql, expected) << to_string(dialect);
        EXPECT_EQ(query.names, one.names);
        EXPECT_EQ(query.placeholder_count, one.placeholders);
    }
}

const TranslationCase translation_cases[] = {
    {"NoPlaceholder", "SELECT 1", "SELECT 1", "SELECT 1"},
    {"Question", "SELECT ?, ?", "SELECT ?1, ?2", "SELECT $1, $2", {}, 2},
    {"Named", "SELECT :a, :b_2", "SELECT ?1, ?2", "SELECT $1, $2", {"a", "b_2"}, 2},
    {"NameUsedTwice", "SELECT :a, :b, :a", "SELECT ?1, ?2, ?1", "SELECT $1, $2, $1", {"a", "b"}, 2},
    // Seen in an earlier implementation: `:user` replaced inside `:user_id`.
    {"NameThatBeginsLikeAnother", "SELECT :user, :user_id", "SELECT ?1, ?2", "SELECT $1, $2", {"user", "user_id"}, 2},
    {"NamesAreCaseSensitive", "SELECT :a, :A", "SELECT ?1, ?2", "SELECT $1, $2", {"a", "A"}, 2},
    {"UnicodeName", "SELECT :größe", "SELECT ?1", "SELECT $1", {"größe"}, 1},
    {"Numbered", "SELECT $2, $1, $2", "SELECT ?2, ?1, ?2", "SELECT $2, $1, $2", {}, 2},
    {"NumberedWithCast", "SELECT $1::int", "SELECT ?1::int", "SELECT $1::int", {}, 1},
    {"GluedToWords", "SELECT 1 LIMIT?", "SELECT 1 LIMIT ?1", "SELECT 1 LIMIT $1", {}, 1},
    {"GluedBehind", "SELECT ?AS x", "SELECT ?1 AS x", "SELECT $1 AS x", {}, 1},
    {"GluedNumbers", "SELECT 1?", "SELECT 1 ?1", "SELECT 1 $1", {}, 1},
    {"GluedDigits", "SELECT $1 2", "SELECT ?1 2", "SELECT $1 2", {}, 1},
    {"InList", "a IN(?,?)", "a IN(?1,?2)", "a IN($1,$2)", {}, 2},

    {"Literal", "SELECT '? :a $1 -- /* '", "SELECT '? :a $1 -- /* '", "SELECT '? :a $1 -- /* '"},
    {"DoubledQuote", "SELECT 'it''s :a' , ?", "SELECT 'it''s :a' , ?1", "SELECT 'it''s :a' , $1", {}, 1},
    {"BackslashIsPlain", R"(SELECT 'a\', ?)", R"(SELECT 'a\', ?1)", R"(SELECT 'a\', $1)", {}, 1},
    {"EmptyLiterals", "SELECT '', '', ?", "SELECT '', '', ?1", "SELECT '', '', $1", {}, 1},
    {"EscapeString", R"(SELECT E'it\'s :a ?', :b)", "SELECT 'it''s :a ?', ?1", R"(SELECT E'it\'s :a ?', $1)", {"b"}, 1},
    {"EscapeLowerCase", R"(SELECT e'\\', ?)", R"(SELECT '\', ?1)", R"(SELECT e'\\', $1)", {}, 1},
    {"EscapeDoubledQuote", R"(SELECT E'a''b?')", "SELECT 'a''b?'", R"(SELECT E'a''b?')"},
    {"WordThatEndsInE", R"(SELECT nice'\', ?)", R"(SELECT nice'\', ?1)", R"(SELECT nice'\', $1)", {}, 1},
    {"UnicodeEscapeString", R"(SELECT U&'\0061?', ?)", R"(SELECT U&'\0061?', ?1)", R"(SELECT U&'\0061?', $1)", {}, 1},
    {"HexLiteral", "SELECT X'3F'", "SELECT X'3F'", "SELECT X'3F'"},

    {"QuotedIdentifier", R"(SELECT "a?:b""c" , ?)", R"(SELECT "a?:b""c" , ?1)", R"(SELECT "a?:b""c" , $1)", {}, 1},
    {"Backticks", "SELECT `a?` , ?", "SELECT `a?` , ?1", nullptr, {}, 1},
    {"Brackets", "SELECT [a?:b] , ?", "SELECT [a?:b] , ?1", nullptr, {}, 1},

    {"LineComment", "SELECT 1 -- :a ?\n, ?", "SELECT 1  \n, ?1", "SELECT 1 -- :a ?\n, $1", {}, 1},
    {"LineCommentAtTheEnd", "SELECT 1 -- ?", "SELECT 1  ", "SELECT 1 -- ?"},
    {"BlockComment", "SELECT /* ? ' */ ?", "SELECT   ?1", "SELECT /* ? ' */ $1", {}, 1},
    {"NestedComments", "SELECT /* a /* ? */ :b */ ?", "SELECT   ?1", "SELECT /* a /* ? */ :b */ $1", {}, 1},
    {"CommentSeparatesWords", "SELECT/**/1", "SELECT 1", "SELECT/**/1"},
    {"NoComment", "SELECT 1 - -1, 4 / 2 * 3", "SELECT 1 - -1, 4 / 2 * 3", "SELECT 1 - -1, 4 / 2 * 3"},

    {"DollarQuote", "SELECT $$it's ? :a$$, ?", "SELECT 'it''s ? :a', ?1", "SELECT $$it's ? :a$$, $1", {}, 1},
    {"DollarTag", "SELECT $q$ $$ $x$ $q$, ?", "SELECT ' $$ $x$ ', ?1", "SELECT $q$ $$ $x$ $q$, $1", {}, 1},
    {"DollarInIdentifier", "SELECT a$1, b$$c", "SELECT a$1, b$$c", "SELECT a$1, b$$c"},

    {"Cast", "SELECT '1'::text, :a::int", "SELECT '1'::text, ?1::int", "SELECT '1'::text, $1::int", {"a"}, 1},
    {"Assignment", "SELECT f(x := :y)", "SELECT f(x := ?1)", "SELECT f(x := $1)", {"y"}, 1},
    {"NumericSlice", "SELECT a[1:2], :b", nullptr, "SELECT a[1:2], $1", {"b"}, 1},
    {"SliceOfNames", "SELECT a[i:j]", nullptr, "SELECT a[i:j]"},
    {"SliceToAName", "SELECT a[1:n]", nullptr, "SELECT a[1:n]"},
    {"SliceOfExpressions", "SELECT a[f(1):b[2]]", nullptr, "SELECT a[f(1):b[2]]"},
    {"SliceOfPlaceholders", "SELECT a[:lo : :hi]", nullptr, "SELECT a[$1 : $2]", {"lo", "hi"}, 2},
    {"ArrayOfPlaceholders", "SELECT ARRAY[:a, :b]", nullptr, "SELECT ARRAY[$1, $2]", {"a", "b"}, 2},
    {"WordsInsideBrackets",
     "SELECT a[CASE WHEN :x THEN :y END]",
     nullptr,
     "SELECT a[CASE WHEN $1 THEN $2 END]",
     {"x", "y"},
     2},
    {"OpenSlices", "SELECT a[:1], a[1:], b[:]", nullptr, "SELECT a[:1], a[1:], b[:]"},
    {"JsonOperators",
     "SELECT d ?? 'k' AND d ??| a AND d ??& :b",
     nullptr,
     "SELECT d ? 'k' AND d ?| a AND d ?& $1",
     {"b"},
     1},
    {"ContainmentOperators", "SELECT d @> :x", nullptr, "SELECT d @> $1", {"x"}, 1},

    {"Semicolon", "SELECT ?;", "SELECT ?1;", "SELECT $1;", {}, 1},
    {"SemicolonsAndComments", ";SELECT 1; -- end\n; /* */", " SELECT 1;  \n;  ", " SELECT 1; -- end\n; /* */"},
    {"Trigger", "CREATE TRIGGER t AFTER DELETE ON u BEGIN DELETE FROM v; SELECT CASE WHEN 1 THEN 2 END; END;",
     "CREATE TRIGGER t AFTER DELETE ON u BEGIN DELETE FROM v; SELECT CASE WHEN 1 THEN 2 END; END;", nullptr},
};
INSTANTIATE_TEST_SUITE_P(Texts, Translation, testing::ValuesIn(translation_cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(SqlLexer, BadTextsAreRefused)
{
    const struct
    {
        const char* sql;
        StorageErrc in_sqlite;
        StorageErrc in_postgresql;
    } cases[] = {
        {"", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {" \n ; ;", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"-- only a comment", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT 1; SELECT 2", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT ?; DROP TABLE users", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT ?, :a", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT :a, $1", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT $1, ?", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT ?1", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT $0", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT $32767", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT $99999999999999999999", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT $2", StorageErrc::invalid_argument, StorageErrc::invalid_argument}, // and no $1
        {"SELECT $ 1", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT $a", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT '\xFF'", StorageErrc::invalid_argument, StorageErrc::invalid_argument},
        {"SELECT 'abc", StorageErrc::syntax, StorageErrc::syntax},
        {"SELECT 'abc''", StorageErrc::syntax, StorageErrc::syntax},
        {"SELECT \"abc", StorageErrc::syntax, StorageErrc::syntax},
        {"SELECT E'abc\\", StorageErrc::syntax, StorageErrc::syntax},
        {"SELECT E'abc\\'", StorageErrc::syntax, StorageErrc::syntax},
        {"SELECT /* /* */", StorageErrc::syntax, StorageErrc::syntax},
        {"SELECT $$abc", StorageErrc::syntax, StorageErrc::syntax},
        {"SELECT $a$abc$b$", StorageErrc::syntax, StorageErrc::syntax},
    };
    for (const auto& [sql, in_sqlite, in_postgresql] : cases) {
        EXPECT_EQ(to_string(test::error_of([&] { translate(sql, sqlite); }).errc()), to_string(in_sqlite)) << sql;
        EXPECT_EQ(to_string(test::error_of([&] { translate(sql, postgresql); }).errc()), to_string(in_postgresql))
            << sql;
    }
    EXPECT_STORAGE_ERROR(translate(std::string_view("SELECT 'a\0b'", 12), sqlite), invalid_argument);
    EXPECT_STORAGE_ERROR(translate(std::string_view("SELECT 1\0", 9), postgresql), invalid_argument);
    EXPECT_STORAGE_ERROR(translate("SELECT a ?? b", sqlite), unsupported);
    EXPECT_STORAGE_ERROR(translate("SELECT @a", sqlite), invalid_argument);
    EXPECT_STORAGE_ERROR(translate("SELECT #a", sqlite), invalid_argument); // a placeholder of SQLite, too
    EXPECT_EQ(translate("SELECT 1 # ?", postgresql).sql, "SELECT 1 # $1");
    EXPECT_EQ(translate("SELECT 1.?", postgresql).sql, "SELECT 1. $1");
    EXPECT_STORAGE_ERROR(translate("SELECT :1a", sqlite), invalid_argument);
    EXPECT_STORAGE_ERROR(translate("SELECT [a", sqlite), syntax);
    EXPECT_STORAGE_ERROR(translate("SELECT `a", sqlite), syntax);
    EXPECT_STORAGE_ERROR(translate("SELECT E'\\u12'", sqlite), syntax);
    EXPECT_STORAGE_ERROR(translate("SELECT E'\\0'", sqlite), invalid_argument);
    EXPECT_STORAGE_ERROR(translate("SELECT E'\\xff'", sqlite), invalid_argument);
    EXPECT_STORAGE_ERROR(translate("CREATE TRIGGER t AFTER DELETE ON u BEGIN SELECT 1; END; DROP TABLE u", sqlite),
                         invalid_argument);
}

TEST(SqlLexer, ErrorsSayWhere)
{
    const StorageError error = test::error_of([] { translate("SELECT 'a', 'bc", sqlite); });
    EXPECT_NE(error.message().find("byte 12"), std::string::npos) << error.what();
}

TEST(SqlLexer, PlaceholdersAreBounded)
{
    std::string sql = "SELECT ?";
    for (std::size_t i = 1; i < max_placeholders; ++i)
        sql += ",?";
    EXPECT_EQ(translate(sql, sqlite).placeholder_count, max_placeholders);
    EXPECT_STORAGE_ERROR(translate(sql + ",?", sqlite), invalid_argument);
    EXPECT_STORAGE_ERROR(translate(sql + ",?", postgresql), invalid_argument);
}

TEST(SqlEscapes, AreThoseOfPostgresql)
{
    const std::pair<const char*, const char*> cases[] = {
        {R"()", ""},
        {R"(plain ü)", "plain ü"},
        {R"(a\nb\tc\rd\be\ff)", "a\nb\tc\rd\be\ff"},
        {R"(\\ \' \" \q)", "\\ ' \" q"},
        {R"(a''b)", "a'b"},
        {R"(\''')", "''"},
        {R"(\101\60\7)", "A0\a"},
        {R"(\x41\x6a\x7)", "Aj\a"},
        {R"(\xg)", "xg"},
        {R"(\u00e4\u20AC)", "ä€"},
        {R"(\U0001F312)", "🌒"},
    };
    for (const auto& [body, text] : cases)
        EXPECT_EQ(unescape_string(body), text) << body;
    for (const char* bad : {R"(\u12)", R"(\u12g4)", R"(\U0001F31)", R"(\U00110000)", R"(\ud800)", R"(\u)"})
        EXPECT_STORAGE_ERROR(unescape_string(bad), syntax) << bad;
}

TEST(SqlLexer, KeywordsAreFound)
{
    const std::pair<const char*, const char*> cases[] = {
        {"select 1", "SELECT"},
        {"/* x */ Insert INTO t VALUES (1)", "INSERT"},
        {"-- BEGIN\nUPDATE t SET a = 1", "UPDATE"},
        {"(SELECT 1)", "SELECT"},
        {"WITH x AS (SELECT 1) SELECT 1", "WITH"},
        {"pragma table_info(t)", "PRAGMA TABLE_INFO"},
        {"PRAGMA", "PRAGMA"},
        {"CREATE TEMP TRIGGER t BEFORE INSERT ON u BEGIN SELECT 1; END", "CREATE TRIGGER"},
        {"CREATE TABLE trigger_log (a TEXT)", "CREATE"},
        {"EXPLAIN SELECT pragma FROM t", "EXPLAIN"},
        {"explain pragma foreign_keys = 0", "EXPLAIN PRAGMA"},
        {"EXPLAIN QUERY PLAN PRAGMA foreign_keys = 0", "EXPLAIN PRAGMA"},
    };
    for (const auto& [sql, keyword] : cases)
        EXPECT_EQ(translate(sql, sqlite).keyword, keyword) << sql;
}

TEST(SqlRules, OnlyWhatLeavesConnectionAndTransactionAloneIsAllowed)
{
    for (const char* sql :
         {"SELECT 1", "INSERT INTO t VALUES (1)", "CREATE TABLE t (a TEXT)", "DROP TABLE t", "ALTER TABLE t ADD b TEXT",
          "PRAGMA table_info(users)", "PRAGMA user_version", "pragma Integrity_Check", "PRAGMA foreign_key_check(t)",
          "EXPLAIN QUERY PLAN SELECT 1", "ANALYZE", "REINDEX", "WITH x AS (SELECT 1) SELECT * FROM x", "VALUES (1)"})
        EXPECT_NO_THROW(check_allowed(translate(sql, sqlite))) << sql;
    for (const char* sql : {"BEGIN",
                            "begin immediate",
                            "Start Transaction",
                            "COMMIT",
                            "END",
                            "ROLLBACK",
                            "ROLLBACK TO a",
                            "SAVEPOINT a",
                            "RELEASE a",
                            "ATTACH 'x' AS y",
                            "DETACH y",
                            "VACUUM",
                            "VACUUM INTO 'x'",
                            "/* SELECT */ COMMIT",
                            "SET x = 1",
                            "PRAGMA foreign_keys",
                            "PRAGMA foreign_keys = OFF",
                            "PRAGMA foreign_keys(0)",
                            "PRAGMA main.foreign_keys = 0",
                            "PRAGMA user_version = 5",
                            "PRAGMA user_version(5)",
                            "PRAGMA journal_mode = DELETE",
                            "PRAGMA writable_schema = 1",
                            "PRAGMA ignore_check_constraints = 1",
                            "PRAGMA table_info = t",
                            "PRAGMA 'foreign_keys' = 0",
                            "PRAGMA",
                            "PRAGMA wal_checkpoint",
                            "EXPLAIN PRAGMA ignore_check_constraints = 1",
                            "PREPARE TRANSACTION 'x'",
                            "LOCK TABLE t",
                            "COPY t FROM STDIN",
                            "LISTEN x",
                            "DISCARD ALL"})
        EXPECT_STORAGE_ERROR(check_allowed(translate(sql, sqlite)), invalid_argument) << sql;
}

TEST(SqlArguments, TakeTheirPlaces)
{
    const auto order = [](const char* sql, const Parameters& given) {
        return argument_order(translate(sql, sqlite), given);
    };
    using Order = std::vector<std::size_t>;
    EXPECT_EQ(order("SELECT ?, ?", params(arg(1), arg("named", 2))), (Order{0, 1}));
    EXPECT_EQ(order("SELECT $2, $1", params(arg(1), arg(2))), (Order{0, 1}));
    EXPECT_EQ(order("SELECT :b, :a, :b", params(arg("a", 1), arg("b", 2))), (Order{1, 0}));
    EXPECT_EQ(order("SELECT 1", params()), Order());
    EXPECT_STORAGE_ERROR(order("SELECT ?", params()), invalid_argument);
    EXPECT_STORAGE_ERROR(order("SELECT ?", params(arg(1), arg(2))), invalid_argument);
    EXPECT_STORAGE_ERROR(order("SELECT 1", params(arg(1))), invalid_argument);
    EXPECT_STORAGE_ERROR(order("SELECT :a", params(arg(1))), invalid_argument);
    EXPECT_STORAGE_ERROR(order("SELECT :a", params(arg("b", 1))), invalid_argument);
    EXPECT_STORAGE_ERROR(order("SELECT :a", params(arg("A", 1))), invalid_argument);
    EXPECT_STORAGE_ERROR(order("SELECT :a", params(arg("a", 1), arg("b", 1))), invalid_argument);
    EXPECT_STORAGE_ERROR(order("SELECT :a", params(arg("a", 1), arg("a", 1))), invalid_argument);
    EXPECT_STORAGE_ERROR(order("SELECT :a", params(arg("a", 1), arg(2))), invalid_argument);
}

TEST(SqlArguments, AreCheckedAndNamed)
{
    EXPECT_NO_THROW(check_arguments(params(arg("ü"), arg(1), arg(nullptr), arg(Blob(3)), arg(1e308))));
    const StorageError named =
        test::error_of([] { check_arguments(params(arg("fine", "x"), arg("bad", std::string("a\0", 2)))); });
    EXPECT_EQ(named.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(named.message().find("'bad'"), std::string::npos);
    const StorageError numbered = test::error_of([] { check_arguments(params(arg("x"), arg(std::string("\xFF")))); });
    EXPECT_NE(numbered.message().find("argument 2"), std::string::npos);
    EXPECT_STORAGE_ERROR(check_arguments(params(arg(std::numeric_limits<double>::quiet_NaN()))), invalid_argument);
}

TEST(SqlScript, IsSplitAtItsStatements)
{
    const auto split = [](const char* script, SqlDialect dialect) {
        std::vector<std::string> out;
        for (const TranslatedQuery& statement : translate_script(script, dialect)) {
            std::string_view text = statement.sql;
            text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
            out.emplace_back(text);
        }
        return out;
    };
    using Statements = std::vector<std::string>;
    for (const SqlDialect dialect : {sqlite, postgresql}) {
        EXPECT_EQ(split("", dialect), Statements());
        EXPECT_EQ(split(" ;; -- a;b\n /* ; */ ;", dialect), Statements());
        EXPECT_EQ(split("SELECT 1; SELECT 2", dialect), (Statements{"SELECT 1;", "SELECT 2"}));
        EXPECT_EQ(split("SELECT ';'; SELECT \";\"", dialect), (Statements{"SELECT ';';", "SELECT \";\""}));
    }
    EXPECT_EQ(split("SELECT $$;$$, E'\\';'; SELECT 2;", sqlite), (Statements{"SELECT ';', ''';';", "SELECT 2;"}));
    EXPECT_EQ(split("SELECT $$;$$, E'\\';'; SELECT 2;", postgresql),
              (Statements{"SELECT $$;$$, E'\\';';", "SELECT 2;"}));
    EXPECT_EQ(
        split("CREATE TRIGGER a AFTER DELETE ON t BEGIN DELETE FROM u; UPDATE v SET x = CASE WHEN 1 THEN 2 END; END; "
              "CREATE TEMPORARY TRIGGER b AFTER DELETE ON t BEGIN SELECT 1; END /* x */ ; SELECT 3",
              sqlite)
            .size(),
        3U);
    EXPECT_EQ(
        split("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3", postgresql).size(), 2U);
    EXPECT_EQ(split("CREATE TRIGGER a AFTER DELETE ON t EXECUTE FUNCTION f(); SELECT 3", postgresql).size(), 2U);
    EXPECT_STORAGE_ERROR(translate_script("SELECT 1; SELECT ?", sqlite), invalid_argument);
    EXPECT_STORAGE_ERROR(translate_script("SELECT :a", sqlite), invalid_argument);
    EXPECT_STORAGE_ERROR(translate_script("SELECT 1; SELECT 'x", sqlite), syntax);
}

TEST(SqlScript, EveryStatementHasItsKeyword)
{
    const auto statements = translate_script("CREATE TABLE t (a TEXT); COMMIT; PRAGMA foreign_keys = 0", sqlite);
    ASSERT_EQ(statements.size(), 3U);
    EXPECT_NO_THROW(check_allowed(statements[0]));
    EXPECT_STORAGE_ERROR(check_allowed(statements[1]), invalid_argument);
    EXPECT_STORAGE_ERROR(check_allowed(statements[2]), invalid_argument);
}

} // namespace
} // namespace whisperstore::sql
