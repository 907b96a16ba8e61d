#include "sqlite/stopper.hpp"

#include "sqlite/connection.hpp"

namespace whisperstore::sqlite {

void Stopper::stop() noexcept
{
    stopped_.store(true, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    if (connection_)
        connection_->interrupt();
}

Stopper::Scope::Scope(Stopper& stopper, Connection& connection) noexcept
    : stopper_(stopper), outer_(connection.exchange_stopper(&stopper))
{
    const std::lock_guard lock(stopper_.mutex_);
    stopper_.connection_ = &connection;
}

Stopper::Scope::~Scope()
{
    Connection* connection = nullptr;
    {
        const std::lock_guard lock(stopper_.mutex_);
        connection = std::exchange(stopper_.connection_, nullptr);
    }
    connection->exchange_stopper(outer_);
}

} // namespace whisperstore::sqlite
