#include "protocol/bolt/server_error.hpp"

#include <string>

namespace whisperstore::bolt {

namespace {

struct Row
{
    std::string_view code;
    Meaning meaning;
};

using enum StorageErrc;

// The longest that begins a code is its meaning.
constexpr Row rows[] = {
    {"Neo.ClientError.", {invalid_argument, false, Consequence::none}},
    {"Neo.ClientError.Cluster.NotALeader", {unavailable, true, Consequence::not_leader}},
    {"Neo.ClientError.Cluster.Routing", {unavailable, true, Consequence::table_outdated}},
    {"Neo.ClientError.Database.DatabaseNotFound", {not_found, false, Consequence::table_outdated}},
    {"Neo.ClientError.Database.ExistingDatabaseFound", {already_exists, false, Consequence::none}},
    {"Neo.ClientError.Database.ExistingAliasFound", {already_exists, false, Consequence::none}},
    {"Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", {unavailable, true, Consequence::not_leader}},
    {"Neo.ClientError.General.TransactionOutOfMemoryError", {resource_exhausted, false, Consequence::none}},
    {"Neo.ClientError.General.UpgradeRequired", {version_mismatch, false, Consequence::none}},
    {"Neo.ClientError.General.WriteOnReadOnlyAccessDatabase", {permission, false, Consequence::none}},
    {"Neo.ClientError.Procedure.ProcedureNotFound", {not_found, false, Consequence::none}},
    {"Neo.ClientError.Procedure.ProcedureTimedOut", {timeout, false, Consequence::none}},
    {"Neo.ClientError.Schema.ConstraintAlreadyExists", {already_exists, false, Consequence::none}},
    {"Neo.ClientError.Schema.ConstraintNotFound", {not_found, false, Consequence::none}},
    {"Neo.ClientError.Schema.ConstraintValidationFailed", {constraint_violation, false, Consequence::none}},
    {"Neo.ClientError.Schema.ConstraintViolation", {constraint_violation, false, Consequence::none}},
    {"Neo.ClientError.Schema.ConstraintWithNameAlreadyExists", {already_exists, false, Consequence::none}},
    {"Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists", {already_exists, false, Consequence::none}},
    {"Neo.ClientError.Schema.IndexAlreadyExists", {already_exists, false, Consequence::none}},
    {"Neo.ClientError.Schema.IndexNotFound", {not_found, false, Consequence::none}},
    {"Neo.ClientError.Schema.IndexWithNameAlreadyExists", {already_exists, false, Consequence::none}},
    {"Neo.ClientError.Security.", {authentication, false, Consequence::none}},
    {"Neo.ClientError.Security.AuthorizationExpired", {authentication, true, Consequence::logins_expired}},
    {"Neo.ClientError.Security.Forbidden", {permission, false, Consequence::none}},
    {"Neo.ClientError.Security.TokenExpired", {authentication, false, Consequence::logins_expired}},
    {"Neo.ClientError.Statement.AccessMode", {permission, false, Consequence::none}},
    {"Neo.ClientError.Statement.ConstraintVerificationFailed", {constraint_violation, false, Consequence::none}},
    {"Neo.ClientError.Statement.EntityNotFound", {not_found, false, Consequence::none}},
    {"Neo.ClientError.Statement.NotSystemDatabaseError", {unsupported, false, Consequence::none}},
    {"Neo.ClientError.Statement.SyntaxError", {syntax, false, Consequence::none}},
    {"Neo.ClientError.Statement.TypeError", {type_mismatch, false, Consequence::none}},
    {"Neo.ClientError.Statement.UnsupportedAdministrationCommand", {unsupported, false, Consequence::none}},
    {"Neo.ClientError.Statement.UnsupportedOperationError", {unsupported, false, Consequence::none}},
    {"Neo.ClientError.Transaction.LockClientStopped", {cancelled, false, Consequence::none}},
    {"Neo.ClientError.Transaction.Terminated", {cancelled, false, Consequence::none}},
    {"Neo.ClientError.Transaction.TransactionNotFound", {closed, false, Consequence::none}},
    {"Neo.ClientError.Transaction.TransactionTimedOut", {timeout, false, Consequence::none}},
    {"Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration", {timeout, false, Consequence::none}},
    {"Neo.DatabaseError.", {unavailable, false, Consequence::none}},
    {"Neo.DatabaseError.Schema.", {constraint_violation, false, Consequence::none}},
    {"Neo.TransientError.", {unavailable, true, Consequence::none}},
    {"Neo.TransientError.General.DatabaseUnavailable", {unavailable, true, Consequence::server_down}},
    {"Neo.TransientError.General.MemoryPoolOutOfMemoryError", {resource_exhausted, true, Consequence::none}},
    {"Neo.TransientError.General.OutOfMemoryError", {resource_exhausted, true, Consequence::none}},
    {"Neo.TransientError.General.StackOverFlowError", {resource_exhausted, false, Consequence::none}},
    {"Neo.TransientError.General.TransactionMemoryLimit", {resource_exhausted, true, Consequence::none}},
    {"Neo.TransientError.General.TransactionOutOfMemoryError", {resource_exhausted, true, Consequence::none}},
    // Somebody ended it on purpose: as the other drivers do, these two are not tried again.
    {"Neo.TransientError.Transaction.LockClientStopped", {cancelled, false, Consequence::none}},
    {"Neo.TransientError.Transaction.Terminated", {cancelled, false, Consequence::none}},
    {"Neo.TransientError.Transaction.BookmarkTimeout", {timeout, true, Consequence::none}},
    {"Neo.TransientError.Transaction.ConstraintsChanged", {conflict, true, Consequence::none}},
    {"Neo.TransientError.Transaction.DeadlockDetected", {conflict, true, Consequence::none}},
    {"Neo.TransientError.Transaction.LockAcquisitionTimeout", {conflict, true, Consequence::none}},
    {"Neo.TransientError.Transaction.Outdated", {conflict, true, Consequence::none}},
};

} // namespace

Meaning meaning_of(std::string_view code) noexcept
{
    const Row* best = nullptr;
    for (const Row& row : rows) {
        const bool whole = row.code.back() != '.';
        const bool fits = whole ? code == row.code : code.starts_with(row.code);
        if (fits && (!best || row.code.size() > best->code.size()))
            best = &row;
    }
    return best ? best->meaning : Meaning{unavailable, false, Consequence::none};
}

Consequence consequence_of(const StorageError& error) noexcept
{
    return error.native_code().starts_with("Neo.") ? meaning_of(error.native_code()).consequence : Consequence::none;
}

StorageError server_error(const ServerFailure& failure, RequestKind request)
{
    Meaning meaning = meaning_of(failure.code);
    ErrorDetails details;
    details.native_code = failure.code;
    details.retryable = meaning.retryable;
    std::string message = failure.message;
    if (failure.code.starts_with("Neo.DatabaseError.Schema.") &&
        message.find("Enterprise Edition") != std::string::npos)
        meaning.code = unsupported;
    if (request == RequestKind::commit && failure.code.starts_with("Neo.DatabaseError.Transaction.")) {
        meaning.code = outcome_unknown;
        details.outcome = Outcome::unknown;
        message.append("; whether the transaction was committed is not known");
    }
    message.append(" (").append(failure.code);
    if (!failure.gql_status.empty())
        message.append(", GQLSTATUS ").append(failure.gql_status);
    message.append(")");
    return StorageError(meaning.code, std::move(message), std::move(details));
}

} // namespace whisperstore::bolt
