#pragma once
// SQLSTATE and what it means to a caller. Pure code without I/O.

#include <whisperstore/core/error.hpp>

#include <span>
#include <string>
#include <string_view>

namespace whisperstore::postgresql {

/// One line of the table: a class ("23"), or a single state of five characters, which counts before its class.
struct SqlState
{
    std::string_view state;
    StorageErrc code;
    bool retryable;
    std::string_view name; ///< as PostgreSQL's manual has it (appendix "PostgreSQL Error Codes")
};

/// The whole table, classes and states, as docs/postgresql.md shows it.
std::span<const SqlState> sql_states() noexcept;

/// What a state means; unknown classes are `unavailable`, not retryable.
SqlState classify(std::string_view state) noexcept;

} // namespace whisperstore::postgresql
