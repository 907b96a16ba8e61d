// SQL text of callers, translated for both dialects. The first byte chooses dialect and entry point.

#include "fuzz/fuzz_target.hpp"
#include "protocol/sql/sql_lexer.hpp"

#include <sqlite3.h>

#include <memory>

namespace whisperstore::fuzz {

namespace {

struct Close
{
    void operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};

/// The parameters that SQLite itself finds; nothing when it does not accept the text.
std::optional<std::size_t> parameters_for_sqlite(const std::string& sql)
{
    static const std::unique_ptr<sqlite3, Close> connection = [] {
        sqlite3* opened = nullptr;
        sqlite3_open(":memory:", &opened);
        sqlite3_exec(opened, "CREATE TABLE t(a, b, c)", nullptr, nullptr, nullptr);
        return std::unique_ptr<sqlite3, Close>(opened);
    }();
    sqlite3_stmt* prepared = nullptr;
    if (sqlite3_prepare_v2(connection.get(), sql.data(), static_cast<int>(sql.size()), &prepared, nullptr) != SQLITE_OK)
        return std::nullopt;
    const std::unique_ptr<sqlite3_stmt, Close> statement(prepared);
    return static_cast<std::size_t>(sqlite3_bind_parameter_count(prepared));
}

void check_arguments_fit(const sql::TranslatedQuery& query)
{
    Parameters values;
    for (std::size_t i = 0; i < query.placeholder_count; ++i)
        values.add(i < query.names.size() ? query.names[i] : "", static_cast<std::int64_t>(i));
    // A name that is used twice has one argument.
    const bool named = query.style == sql::PlaceholderStyle::named;
    require(!named || query.names.size() == query.placeholder_count, "a named placeholder has a name");
    const std::vector<std::size_t> order = sql::argument_order(query, values);
    require(order.size() == query.placeholder_count, "each placeholder has an argument");
    for (const std::size_t argument : order)
        require(argument < values.size(), "an argument is one of those given");
}

void check_query(std::string_view text, SqlDialect dialect)
{
    const sql::TranslatedQuery query = sql::translate(text, dialect);
    check_arguments_fit(query);
    accepts([&] { sql::check_allowed(query); });
    if (dialect == SqlDialect::sqlite) {
        // No placeholder is left over, and none was made of a text or a comment.
        const auto found = parameters_for_sqlite(query.sql);
        require(!found || *found == query.placeholder_count, "SQLite finds the same placeholders");
        return;
    }
    // What was translated for PostgreSQL stays as it is: $1 is $1. (`?` is one of its operators then.)
    if (query.sql.find('?') != std::string::npos)
        return;
    const sql::TranslatedQuery again = sql::translate(query.sql, dialect);
    require(again.sql == query.sql, "translating twice changes nothing");
    require(again.placeholder_count == query.placeholder_count, "translating twice finds the same placeholders");
    require(again.keyword == query.keyword, "translating twice finds the same keyword");
}

void check_script(std::string_view text, SqlDialect dialect)
{
    for (const sql::TranslatedQuery& statement : sql::translate_script(text, dialect)) {
        require(statement.placeholder_count == 0, "scripts have no placeholders");
        require(statement.sql.find_first_not_of(" \t\r\n\f\v;") != std::string::npos, "a statement is not empty");
    }
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    if (size == 0)
        return 0;
    const SqlDialect dialect = (data[0] & 1U) == 0 ? SqlDialect::sqlite : SqlDialect::postgresql;
    const std::string_view text = fuzz::as_text(data + 1, size - 1);
    fuzz::accepts([&] {
        if ((data[0] & 2U) == 0)
            fuzz::check_query(text, dialect);
        else
            fuzz::check_script(text, dialect);
    });
    return 0;
}
