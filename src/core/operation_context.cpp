#include <whisperstore/core/error.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <algorithm>

namespace whisperstore {

void Session::set_token(std::string_view backend, std::string token)
{
    const std::lock_guard lock(mutex_);
    tokens_.insert_or_assign(std::string(backend), std::move(token));
}

std::string Session::token(std::string_view backend) const
{
    const std::lock_guard lock(mutex_);
    const auto found = tokens_.find(backend);
    return found == tokens_.end() ? std::string() : found->second;
}

bool RetryBudget::try_take() noexcept
{
    int left = left_.load(std::memory_order_relaxed);
    while (left > 0)
        if (left_.compare_exchange_weak(left, left - 1, std::memory_order_relaxed))
            return true;
    return false;
}

OperationContext OperationContext::within(Clock::duration limit)
{
    OperationContext context;
    context.deadline = Clock::now() + limit;
    return context;
}

OperationContext OperationContext::limited_to(Clock::duration limit) const
{
    OperationContext context = *this;
    const auto end = Clock::now() + limit;
    context.deadline = deadline ? std::min(*deadline, end) : end;
    return context;
}

void OperationContext::check_deadline(std::string_view backend, std::string_view operation) const
{
    if (expired())
        throw StorageError(StorageErrc::timeout, "the deadline had passed before " + std::string(operation) + " began")
            .within(backend, operation);
}

} // namespace whisperstore
