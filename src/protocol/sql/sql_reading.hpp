#pragma once
// Telling which SQL may be run twice.

#include <whisperstore/core/sql_dialect.hpp>

#include <string_view>

namespace whisperstore {

/// Whether a statement certainly changes nothing, so that running it again is harmless. Errs on the
/// side of no: a word like `insert`, even in a literal, or a call of a function of which nothing is known
/// (PostgreSQL's functions may write, SQLite's do not) makes it a statement that may write.
bool only_reads(std::string_view sql, SqlDialect dialect) noexcept;

} // namespace whisperstore
