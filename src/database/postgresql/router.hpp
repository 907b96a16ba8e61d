#pragma once
// Which server a call goes to.

#include "database/postgresql/pool.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <memory>
#include <string>

namespace whisperstore::postgresql {

/// What one call has seen of the servers so far.
struct Route
{
    std::shared_ptr<Pool> server = nullptr; ///< chosen last
    int failures = 0;
    int read_only_answers = 0;
    bool only_writer = false; ///< a replica cannot answer it
    OperationContext::Clock::time_point begun = OperationContext::Clock::now();
};

/// Made by connect(), gone with disconnect(). Thread safe.
class Router
{
public:
    virtual ~Router() = default;

    /// Throws why no server can be reached.
    virtual awaitable<void> open(OperationContext context) = 0;
    /// Waits for running work.
    virtual awaitable<void> close() = 0;

    /// A server that takes writes.
    virtual awaitable<void> choose_writer(Route& route, const OperationContext& context) = 0;
    /// A server for a statement that only reads, which shows the session its own writes.
    virtual awaitable<void> choose_reader(Route& route, const OperationContext& context) = 0;

    /// Whether writes should ask for their position in the write-ahead log.
    virtual bool wants_positions() const noexcept { return false; }
    /// After a commit; `position` is empty where it could not be learnt.
    virtual void wrote(const OperationContext&, const std::string& /*position*/) {}
    /// A call failed on its server. True: choose a server anew and do it again (only where it was certainly not
    /// applied, or only reads). May wait for what the next choice needs.
    virtual awaitable<bool> again(Route& /*route*/, StorageError /*error*/, bool /*only_reads*/,
                                  const OperationContext& /*context*/)
    {
        co_return false;
    }

    /// Over all servers.
    virtual PoolStats stats() const = 0;
};

/// Several addresses of the same service, tried in order when connecting: one server at a time.
class SingleServer final : public Router
{
public:
    SingleServer(std::shared_ptr<const Options> options, std::shared_ptr<Background> background, Logger logger);

    awaitable<void> open(OperationContext context) override;
    awaitable<void> close() override;
    awaitable<void> choose_writer(Route& route, const OperationContext& context) override;
    awaitable<void> choose_reader(Route& route, const OperationContext& context) override;
    PoolStats stats() const override;

private:
    std::shared_ptr<Pool> current() const;
    const std::shared_ptr<const Options> options_;
    const std::shared_ptr<Background> background_;
    const Logger logger_;
    mutable std::mutex mutex_;
    std::shared_ptr<Pool> pool_;
};

} // namespace whisperstore::postgresql
