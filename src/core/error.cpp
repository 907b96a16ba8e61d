#include <whisperstore/core/error.hpp>

namespace whisperstore {

std::string_view to_string(StorageErrc code) noexcept
{
    switch (code) {
    case StorageErrc::invalid_argument:
        return "invalid_argument";
    case StorageErrc::syntax:
        return "syntax";
    case StorageErrc::not_found:
        return "not_found";
    case StorageErrc::already_exists:
        return "already_exists";
    case StorageErrc::constraint_violation:
        return "constraint_violation";
    case StorageErrc::type_mismatch:
        return "type_mismatch";
    case StorageErrc::authentication:
        return "authentication";
    case StorageErrc::permission:
        return "permission";
    case StorageErrc::unavailable:
        return "unavailable";
    case StorageErrc::timeout:
        return "timeout";
    case StorageErrc::cancelled:
        return "cancelled";
    case StorageErrc::conflict:
        return "conflict";
    case StorageErrc::outcome_unknown:
        return "outcome_unknown";
    case StorageErrc::corrupt:
        return "corrupt";
    case StorageErrc::unsupported:
        return "unsupported";
    case StorageErrc::resource_exhausted:
        return "resource_exhausted";
    case StorageErrc::version_mismatch:
        return "version_mismatch";
    case StorageErrc::closed:
        return "closed";
    }
    return "unknown";
}

std::string_view to_string(Outcome outcome) noexcept
{
    switch (outcome) {
    case Outcome::not_applied:
        return "not_applied";
    case Outcome::applied:
        return "applied";
    case Outcome::unknown:
        return "unknown";
    }
    return "unknown";
}

namespace {

class StorageCategory final : public std::error_category
{
public:
    const char* name() const noexcept override { return "whisperstore"; }
    std::string message(int code) const override { return std::string(to_string(static_cast<StorageErrc>(code))); }
    std::error_condition default_error_condition(int code) const noexcept override
    {
        switch (static_cast<StorageErrc>(code)) {
        case StorageErrc::invalid_argument:
            return std::errc::invalid_argument;
        case StorageErrc::permission:
            return std::errc::permission_denied;
        case StorageErrc::timeout:
            return std::errc::timed_out;
        case StorageErrc::cancelled:
            return std::errc::operation_canceled;
        default:
            return {code, *this};
        }
    }
};

} // namespace

const std::error_category& storage_category() noexcept
{
    static const StorageCategory category;
    return category;
}

std::error_code make_error_code(StorageErrc code) noexcept { return {static_cast<int>(code), storage_category()}; }

bool is_transient(StorageErrc code) noexcept
{
    return code == StorageErrc::unavailable || code == StorageErrc::conflict;
}

struct StorageError::State
{
    std::string message;
    ErrorDetails details;
    std::string what;

    State(std::string text, ErrorDetails facts) : message(std::move(text)), details(std::move(facts))
    {
        what = details.backend.empty() ? message : details.backend + ": " + message;
    }
};

StorageError::StorageError(StorageErrc code, std::shared_ptr<const State> state)
    : std::system_error(make_error_code(code)), state_(std::move(state))
{
}

StorageError::StorageError(StorageErrc code, std::string message)
    : StorageError(code, std::move(message), ErrorDetails{{}, {}, {}, Outcome::not_applied, is_transient(code)})
{
}

StorageError::StorageError(StorageErrc code, std::string message, ErrorDetails details)
    : StorageError(code, std::make_shared<const State>(std::move(message), std::move(details)))
{
}

const char* StorageError::what() const noexcept { return state_->what.c_str(); }
const std::string& StorageError::message() const noexcept { return state_->message; }
bool StorageError::retryable() const noexcept { return state_->details.retryable; }
Outcome StorageError::outcome() const noexcept { return state_->details.outcome; }
const std::string& StorageError::backend() const noexcept { return state_->details.backend; }
const std::string& StorageError::operation() const noexcept { return state_->details.operation; }
const std::string& StorageError::native_code() const noexcept { return state_->details.native_code; }

StorageError StorageError::within(std::string_view backend, std::string_view operation) const
{
    ErrorDetails details = state_->details;
    if (details.backend.empty())
        details.backend = backend;
    if (details.operation.empty())
        details.operation = operation;
    return StorageError(errc(), state_->message, std::move(details));
}

StorageError StorageError::with_outcome(Outcome outcome) const
{
    ErrorDetails details = state_->details;
    details.outcome = outcome;
    return StorageError(errc(), state_->message, std::move(details));
}

StorageError StorageError::prefixed(std::string_view prefix) const
{
    return StorageError(errc(), std::string(prefix) + state_->message, state_->details);
}

} // namespace whisperstore
