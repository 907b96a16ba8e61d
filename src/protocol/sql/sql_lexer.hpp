#pragma once
// The one SQL lexer: placeholders, comments, quoting. Pure code without I/O.

#include <whisperstore/core/sql_dialect.hpp>
#include <whisperstore/core/value.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::sql {

enum class PlaceholderStyle
{
    none,
    question,
    named,
    numbered
};

/// The most placeholders a query may have, on every database (SQLite's own limit by default).
inline constexpr std::size_t max_placeholders = 32766;

/// A query in the backend's own form: placeholders are ?1, ?2 … (SQLite) or $1, $2 … (PostgreSQL).
struct TranslatedQuery
{
    std::string sql;
    PlaceholderStyle style = PlaceholderStyle::none;
    std::size_t placeholder_count = 0;
    std::vector<std::string> names; ///< named style: name of placeholder i+1
    /// The first keyword in upper case, with the second where it matters ("CREATE TRIGGER",
    /// "PRAGMA TABLE_INFO", "EXPLAIN PRAGMA").
    std::string keyword;
    bool explicit_value = false; ///< a PRAGMA that sets something
};

/// Translates one statement; a `;` after it is allowed.
///
/// Left alone are string literals, quoted identifiers, `--` and nested `/* */` comments, dollar-quoted
/// strings, `E''` strings, `::casts`, `:=` and array slices. In an array subscript a `:name` after an
/// operand (`a[i:j]`, `a[1:n]`) is the upper bound, not a placeholder. For SQLite, which lacks them,
/// comments become a space, and dollar-quoted and `E''` strings become plain literals.
///
/// Throws StorageError: syntax (unterminated literal or comment, bad escape), invalid_argument (mixed
/// styles, ?1, several statements, no statement, text that is not UTF-8 without NUL, too many
/// placeholders), unsupported (?? on SQLite).
TranslatedQuery translate(std::string_view sql, SqlDialect dialect);

/// Translates every statement of a script, in order; an empty list when there is none. Statements end
/// at `;`, but not inside the body of a trigger (SQLite) or of a BEGIN ATOMIC function (PostgreSQL).
/// Throws as translate(), and invalid_argument for a placeholder.
std::vector<TranslatedQuery> translate_script(std::string_view script, SqlDialect dialect);

/// For each backend placeholder the index of its argument.
/// Throws StorageError invalid_argument for a count mismatch, an unknown or unused or repeated name,
/// or an argument without a name in a named query.
std::vector<std::size_t> argument_order(const TranslatedQuery& query, const Parameters& parameters);

/// Refuses what would change the connection or transaction under the adapter: transaction control,
/// ATTACH, VACUUM, session settings, PRAGMAs but those that only read. Throws StorageError invalid_argument.
void check_allowed(const TranslatedQuery& query);

/// The arguments' texts must be UTF-8 without NUL, and reals no NaN, which not every database can
/// store. Throws StorageError invalid_argument naming the argument.
void check_arguments(const Parameters& parameters);

} // namespace whisperstore::sql
