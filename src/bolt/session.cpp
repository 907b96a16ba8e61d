#include "bolt/session_state.hpp"
#include "core/failure.hpp"

#include <whisperstore/bolt/session.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

namespace whisperstore::bolt {

namespace {

using Clock = OperationContext::Clock;

constexpr std::chrono::milliseconds first_pause{50};
constexpr std::chrono::milliseconds longest_pause{5000};

/// Doubling, give or take a fifth, so that those who met once do not meet again.
std::chrono::milliseconds pause_before(int attempt)
{
    thread_local std::minstd_rand random{std::random_device{}()};
    const auto steady = std::min(longest_pause, first_pause * (1 << std::min(attempt - 1, 10)));
    std::uniform_real_distribution<double> jitter(0.8, 1.2);
    return std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(steady.count()) * jitter(random)));
}

bool may_repeat(const StorageError& error)
{
    return error.retryable() && error.outcome() != Outcome::unknown && error.errc() != StorageErrc::cancelled;
}

} // namespace

SessionState::SessionState(std::shared_ptr<Router> router, std::shared_ptr<const Options> options, SessionConfig config)
    : router_(std::move(router)), options_(std::move(options)), config_(std::move(config))
{
    if (const auto size = config_.fetch_size; size && (*size == 0 || *size < -1))
        throw StorageError(StorageErrc::invalid_argument, "fetch_size must be positive, or -1 for everything at once");
    memory_->bookmarks = config_.bookmarks;
}

awaitable<std::shared_ptr<Held>> SessionState::hold(AccessMode mode, OperationContext context)
{
    Target target{mode, config_.database.empty() ? memory_->home : config_.database, memory_->bookmarks,
                  config_.impersonated_user};
    Routed routed = co_await router_->acquire(std::move(target), std::move(context));
    if (options_->routes && config_.database.empty() && !routed.database.empty())
        memory_->home = routed.database;
    co_return std::make_shared<Held>(router_, std::move(routed), config_.impersonated_user);
}

awaitable<void> SessionState::settle()
{
    if (const auto transaction = transaction_.lock(); transaction && transaction->active())
        throw StorageError(StorageErrc::invalid_argument,
                           "a transaction of the session is open: use it, or end it first");
    if (const auto open = open_.lock(); open && !open->ended())
        co_await open->detach();
}

awaitable<Result> SessionState::run(std::string cypher, Map parameters, TransactionConfig config,
                                    OperationContext context)
{
    context.check_deadline("bolt", "run");
    co_await settle();
    const std::shared_ptr<Held> held = co_await hold(config_.access_mode, context);
    Connection& connection = held->connection();
    connection.telemetry(Api::auto_commit);
    if (config_.access_mode == AccessMode::write)
        held->now_it_counts();
    const Opening opening{held->database(), config_.access_mode, &memory_->bookmarks, config_.impersonated_user,
                          &config};
    connection.run(cypher, parameters, &opening);
    connection.pull(fetch_size());
    auto result = std::make_shared<ResultState>(held, memory_, fetch_size(), std::move(context));
    co_await result->start();
    open_ = result;
    co_return Result(std::move(result));
}

awaitable<Transaction> SessionState::begin(Api api, AccessMode mode, TransactionConfig config, OperationContext context)
{
    context.check_deadline("bolt", "begin_transaction");
    co_await settle();
    // An explicit transaction outlives the call that begins it; a managed one is part of its call.
    const auto deadline = api == Api::managed_transaction ? context.deadline : std::nullopt;
    std::shared_ptr<Held> held = co_await hold(mode, std::move(context));
    auto transaction = std::make_shared<TransactionState>(std::move(held), memory_, fetch_size(), api, mode,
                                                          std::move(config), deadline);
    transaction_ = transaction;
    co_return Transaction(std::move(transaction));
}

awaitable<void> SessionState::run_managed(AccessMode mode, std::function<awaitable<void>(Transaction&)> work,
                                          TransactionConfig config, OperationContext context)
{
    const auto no_more = context.deadline.value_or(Clock::now() + options_->config.max_transaction_retry_time);
    for (int attempt = 1;; ++attempt) {
        std::optional<StorageError> failure;
        try {
            Transaction transaction = co_await begin(Api::managed_transaction, mode, config, context);
            co_await work(transaction);
            if (transaction.active())
                co_await transaction.commit(context);
            co_return;
        } catch (const StorageError& error) {
            if (!may_repeat(error))
                throw;
            failure = error;
        }
        const auto pause = pause_before(attempt);
        if (Clock::now() + pause >= no_more || (context.retry_budget && !context.retry_budget->try_take()))
            throw StorageError(*failure);
        options_->log(LogLevel::info, "transaction is tried again: " + failure->message());
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, pause);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

Session::Session(std::shared_ptr<SessionState> state) noexcept : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

awaitable<Result> Session::run(std::string cypher, Map parameters, TransactionConfig config, OperationContext context)
{
    try {
        Result result =
            co_await state_->run(std::move(cypher), std::move(parameters), std::move(config), std::move(context));
        co_return result;
    } catch (...) {
        rethrow_as_storage_error("bolt", "run");
    }
}

awaitable<Transaction> Session::begin_transaction(TransactionConfig config, OperationContext context)
{
    const AccessMode mode = state_->access_mode();
    try {
        Transaction transaction =
            co_await state_->begin(Api::explicit_transaction, mode, std::move(config), std::move(context));
        co_return transaction;
    } catch (...) {
        rethrow_as_storage_error("bolt", "begin_transaction");
    }
}

awaitable<void> Session::run_managed(AccessMode mode, std::function<awaitable<void>(Transaction&)> work,
                                     TransactionConfig config, OperationContext context)
{
    const auto state = state_;
    try {
        co_await state->run_managed(mode, std::move(work), std::move(config), std::move(context));
    } catch (const StorageError& error) {
        throw error.within("bolt", "execute");
    } catch (const boost::system::system_error& error) {
        // What `work` throws that is not ours passes as it is; that it was cancelled is ours to say.
        if (error.code() != asio::error::operation_aborted)
            throw;
        rethrow_as_storage_error("bolt", "execute");
    }
}

Bookmarks Session::last_bookmarks() const { return state_->bookmarks(); }

} // namespace whisperstore::bolt
