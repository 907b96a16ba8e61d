#include "protocol/http/node.hpp"

namespace whisperstore::http {

OpenAttempts::Entry::Entry(OpenAttempts& attempts, Abandon abandon) : attempts_(attempts)
{
    const std::lock_guard lock(attempts_.mutex_);
    place_ = attempts_.list_.insert(attempts_.list_.end(), std::move(abandon));
}

OpenAttempts::Entry::~Entry()
{
    const std::lock_guard lock(attempts_.mutex_);
    attempts_.list_.erase(place_);
}

void OpenAttempts::abandon_all(const std::string& reason)
{
    // Under the lock, so that no attempt ends, and no event loop with it, while it is told.
    const std::lock_guard lock(mutex_);
    for (const Abandon& abandon : list_)
        abandon(reason);
}

} // namespace whisperstore::http
