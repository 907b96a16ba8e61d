#include "database/postgresql/router.hpp"

namespace whisperstore::postgresql {

SingleServer::SingleServer(std::shared_ptr<const Options> options, std::shared_ptr<Background> background,
                           Logger logger)
    : options_(std::move(options)), background_(std::move(background)), logger_(std::move(logger))
{
}

std::shared_ptr<Pool> SingleServer::current() const
{
    const std::lock_guard lock(mutex_);
    if (!pool_)
        throw StorageError(StorageErrc::closed, "the adapter was disconnected");
    return pool_;
}

awaitable<void> SingleServer::open(OperationContext context)
{
    std::optional<StorageError> failure;
    for (const HostPort& host : options_->hosts) {
        auto pool = std::make_shared<Pool>(Surroundings{options_, host, background_, logger_});
        try {
            co_await pool->warm_up(context);
            const std::lock_guard lock(mutex_);
            pool_ = std::move(pool);
            co_return;
        } catch (const StorageError& error) {
            failure = error;
        }
        pool->drop("not reached");
        if (failure->errc() != StorageErrc::unavailable)
            break;
    }
    throw StorageError(failure.value());
}

awaitable<void> SingleServer::close()
{
    std::shared_ptr<Pool> pool;
    {
        const std::lock_guard lock(mutex_);
        pool = std::exchange(pool_, nullptr);
    }
    if (pool)
        co_await pool->close();
}

awaitable<void> SingleServer::choose_writer(Route& route, const OperationContext&)
{
    route.server = current();
    co_return;
}

awaitable<void> SingleServer::choose_reader(Route& route, const OperationContext&)
{
    route.server = current();
    co_return;
}

PoolStats SingleServer::stats() const
{
    const std::lock_guard lock(mutex_);
    return pool_ ? pool_->stats() : PoolStats();
}

} // namespace whisperstore::postgresql
