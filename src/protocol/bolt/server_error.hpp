#pragma once
// What the server's codes mean (neo4j.com/docs/status-codes). Pure.

#include "protocol/bolt/responses.hpp"

#include <whisperstore/core/error.hpp>

#include <string_view>

namespace whisperstore::bolt {

/// What a code says beyond the failed query.
enum class Consequence : std::uint8_t
{
    none,
    not_leader,     ///< the server does not take writes: the table is out of date
    server_down,    ///< the database is not there now: another server may have it
    table_outdated, ///< the database is unknown there: it is asked for anew
    logins_expired, ///< every open connection was let in by a login that has ended
};

struct Meaning
{
    StorageErrc code = StorageErrc::invalid_argument;
    /// The same transaction may succeed when it is run again.
    bool retryable = false;
    Consequence consequence = Consequence::none;
};
Meaning meaning_of(std::string_view code) noexcept;
/// The same of an error made by server_error().
Consequence consequence_of(const StorageError& error) noexcept;

/// The StorageError: "message (code, GQLSTATUS …)", native_code() the code. Nothing was applied: a server that answers
/// FAILURE has undone the transaction. Two failures of a commit do not say so and are outcome_unknown.
StorageError server_error(const ServerFailure& failure, RequestKind request);

} // namespace whisperstore::bolt
