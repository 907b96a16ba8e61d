#include "bolt/options.hpp"
#include "bolt/router.hpp"
#include "bolt/session_state.hpp"
#include "core/failure.hpp"
#include "protocol/bolt/server_error.hpp"

#include <whisperstore/bolt/driver.hpp>

#include <utility>

namespace whisperstore::bolt {

class DriverState
{
public:
    explicit DriverState(DriverConfig config)
        : options(std::make_shared<const Options>(std::move(config))), router(std::make_shared<Router>(options))
    {
    }

    const std::shared_ptr<const Options> options;
    const std::shared_ptr<Router> router;
};

Driver::Driver(DriverConfig config)
{
    try {
        state_ = std::make_shared<DriverState>(std::move(config));
    } catch (...) {
        rethrow_as_storage_error("bolt", "driver");
    }
}

Driver::Driver(Driver&&) noexcept = default;
Driver& Driver::operator=(Driver&& other) noexcept
{
    if (this != &other) {
        if (state_)
            state_->router->close();
        state_ = std::move(other.state_);
    }
    return *this;
}

Driver::~Driver()
{
    if (state_)
        state_->router->close();
}

awaitable<ServerInfo> Driver::verify_connectivity(OperationContext context)
{
    const auto state = state_;
    try {
        context.check_deadline("bolt", "verify_connectivity");
        Target target;
        target.access_mode = AccessMode::read;
        Routed routed = co_await state->router->acquire(std::move(target), context);
        Held held(state->router, std::move(routed), std::string());
        held.connection().reset();
        co_await held.answer(std::move(context));
        co_return *held.connection().info();
    } catch (...) {
        rethrow_as_storage_error("bolt", "verify_connectivity");
    }
}

Session Driver::session(SessionConfig config)
{
    try {
        return Session(std::make_shared<SessionState>(state_->router, state_->options, std::move(config)));
    } catch (...) {
        rethrow_as_storage_error("bolt", "session");
    }
}

awaitable<void> Driver::close()
{
    state_->router->close();
    co_return;
}

std::vector<ConnectionCounts> Driver::connections() const { return state_->router->counts(); }

} // namespace whisperstore::bolt
