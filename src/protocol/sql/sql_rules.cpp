#include "protocol/sql/sql_lexer.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>

namespace whisperstore::sql {

namespace {

StorageError invalid(const std::string& message) { return StorageError(StorageErrc::invalid_argument, message); }

constexpr std::array refused_keywords{"BEGIN",     "START",   "COMMIT",  "END",        "ROLLBACK", "ABORT",
                                      "SAVEPOINT", "RELEASE", "ATTACH",  "DETACH",     "VACUUM",   "SET",
                                      "RESET",     "PREPARE", "EXECUTE", "DEALLOCATE", "DISCARD",  "LISTEN",
                                      "UNLISTEN",  "LOCK",    "COPY",    "DECLARE",    "FETCH",    "CLOSE"};

// PRAGMAs that only read, with or without an argument.
constexpr std::array reading_pragmas{"TABLE_INFO",      "TABLE_XINFO",    "TABLE_LIST",       "INDEX_LIST",
                                     "INDEX_INFO",      "INDEX_XINFO",    "FOREIGN_KEY_LIST", "FOREIGN_KEY_CHECK",
                                     "INTEGRITY_CHECK", "QUICK_CHECK",    "DATABASE_LIST",    "COLLATION_LIST",
                                     "FUNCTION_LIST",   "COMPILE_OPTIONS"};
// PRAGMAs that read only without a value.
constexpr std::array value_pragmas{"USER_VERSION", "APPLICATION_ID", "PAGE_SIZE",   "PAGE_COUNT",   "FREELIST_COUNT",
                                   "ENCODING",     "JOURNAL_MODE",   "SYNCHRONOUS", "DATA_VERSION", "SCHEMA_VERSION"};

template <typename List>
bool contains(const List& list, std::string_view word) noexcept
{
    return std::find(list.begin(), list.end(), word) != list.end();
}

} // namespace

void check_allowed(const TranslatedQuery& query)
{
    const std::string_view keyword = query.keyword;
    if (contains(refused_keywords, keyword))
        throw invalid(std::string(keyword) + " is not allowed here: use execute_transaction or begin_transaction for "
                                             "transactions; connections are managed by the adapter");
    if (keyword == "EXPLAIN PRAGMA")
        throw invalid("EXPLAIN PRAGMA is not allowed here: SQLite may carry the PRAGMA out");
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

} // namespace whisperstore::sql
