#pragma once
/// \file
/// The one error type of whisperstore. Every failure of every backend is a StorageError.

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace whisperstore {

/// Portable error codes: the same situation has the same code on every backend.
enum class StorageErrc : int
{
    invalid_argument = 1, ///< the call itself is wrong; nothing was sent to the backend
    syntax,               ///< the SQL, filter or file could not be parsed
    not_found,            ///< a named table, collection, node or file does not exist
    already_exists,       ///< creating something that exists with another shape
    constraint_violation, ///< UNIQUE, NOT NULL, CHECK or FOREIGN KEY refused the write
    type_mismatch,        ///< a value of the wrong type for its column or accessor
    authentication,       ///< the backend does not accept who we say we are
    permission,           ///< the operation is not allowed for this user, file or mode
    unavailable,          ///< the backend cannot be reached, or another process holds it
    timeout,              ///< the caller's deadline, or an idle limit, passed
    cancelled,            ///< the caller cancelled
    conflict,             ///< serialisation failure or deadlock: run the transaction again
    outcome_unknown,      ///< connection lost while a commit was in flight
    corrupt,              ///< stored data fails its checks
    unsupported,          ///< not a feature of this backend or this build
    resource_exhausted,   ///< disk full, out of memory, pool or queue full
    version_mismatch,     ///< schema, file format or server version does not fit
    closed,               ///< used before connect()/initialize() or after disconnect()/cleanup()
};

/// Lower-case name of a code as used in messages, metrics and JSON, e.g. "constraint_violation".
std::string_view to_string(StorageErrc code) noexcept;

/// What is known about the effects of the failed operation.
enum class Outcome
{
    not_applied, ///< nothing of it happened
    applied,     ///< it happened; only the answer was lost or unusable
    unknown,     ///< it may or may not have happened
};
std::string_view to_string(Outcome outcome) noexcept;

const std::error_category& storage_category() noexcept;
std::error_code make_error_code(StorageErrc code) noexcept;

/// Further facts of a StorageError.
struct ErrorDetails
{
    std::string backend = {};     ///< "sqlite", "local_qdrant", "memory", ...
    std::string operation = {};   ///< "execute_query", "store_document", ...
    std::string native_code = {}; ///< SQLSTATE, SQLite extended code name, HTTP status, ...
    Outcome outcome = Outcome::not_applied;
    bool retryable = false;
};

/// A failed operation. `what()` reads "<backend>: <message>" and says what to do about it; it never
/// contains a password, key or DSN user-info. Copying never throws.
///
/// Retry an operation only when `retryable()` and (`outcome() == Outcome::not_applied` or the
/// operation is idempotent).
class StorageError : public std::system_error
{
public:
    StorageError(StorageErrc code, std::string message);
    StorageError(StorageErrc code, std::string message, ErrorDetails details);

    const char* what() const noexcept override;
    /// The message without the backend prefix.
    const std::string& message() const noexcept;

    StorageErrc errc() const noexcept { return static_cast<StorageErrc>(code().value()); }
    /// True when the same call may succeed later without the caller changing anything.
    bool retryable() const noexcept;
    Outcome outcome() const noexcept;
    const std::string& backend() const noexcept;
    const std::string& operation() const noexcept;
    const std::string& native_code() const noexcept;

    /// The same error, naming a backend and operation where it did not name them yet.
    [[nodiscard]] StorageError within(std::string_view backend, std::string_view operation) const;
    /// The same error with another outcome.
    [[nodiscard]] StorageError with_outcome(Outcome outcome) const;
    /// The same error with `prefix` before its message.
    [[nodiscard]] StorageError prefixed(std::string_view prefix) const;

private:
    struct State;
    explicit StorageError(StorageErrc code, std::shared_ptr<const State> state);
    std::shared_ptr<const State> state_;
};

/// Whether a code describes a passing condition by itself (unavailable and conflict).
bool is_transient(StorageErrc code) noexcept;

} // namespace whisperstore

template <>
struct std::is_error_code_enum<whisperstore::StorageErrc> : std::true_type
{
};
