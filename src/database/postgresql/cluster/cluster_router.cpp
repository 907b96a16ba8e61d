#include "database/postgresql/cluster/cluster_router.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace whisperstore::postgresql {

namespace {

using Clock = OperationContext::Clock;
using std::chrono::milliseconds;

constexpr std::string_view session_key = "postgresql_cluster";
// Between attempts of one call on a server that looks well to probes and fails all the same.
constexpr auto first_pause = milliseconds(5);
constexpr auto longest_pause = milliseconds(250);

StorageError disconnected() { return StorageError(StorageErrc::closed, "the adapter was disconnected"); }

StorageError invalid(const std::string& message)
{
    return StorageError(StorageErrc::invalid_argument, message, ErrorDetails{"postgresql_cluster"});
}

bool starts_with_any(std::string_view state, std::initializer_list<std::string_view> beginnings)
{
    return std::ranges::any_of(beginnings, [&](std::string_view beginning) { return state.starts_with(beginning); });
}

/// The server or the way to it is broken, as far as an error tells: SQLSTATE classes 08 and 57P, or none at all where
/// it is libpq that lost the connection. `closed` is a pool that was abandoned.
bool is_failure_of_server(const StorageError& error)
{
    if (error.errc() == StorageErrc::closed)
        return true;
    if (error.errc() != StorageErrc::unavailable && error.errc() != StorageErrc::outcome_unknown)
        return false;
    return error.native_code().empty() || starts_with_any(error.native_code(), {"08", "57P0"});
}

/// What a replica cannot answer and a primary can: statements that do not only read after all, and reads that its
/// replaying of the log cuts off (SQLSTATE class 40); or it has no connection left.
bool is_only_for_the_primary(const StorageError& error)
{
    return starts_with_any(error.native_code(), {"25006", "40", "53"});
}

} // namespace

ClusterSettings ClusterSettings::of(const DatabaseConfig& config)
{
    ClusterSettings settings;
    const auto policy = parse_read_policy(config.read_policy);
    if (!policy)
        throw invalid("the read policy is '" + config.read_policy +
                      "'; allowed are primary, prefer_replica and nearest");
    settings.policy = *policy;
    if (config.max_replica_lag < milliseconds::zero())
        throw invalid("max_replica_lag is negative; allowed are 0 (however old) and more milliseconds");
    settings.max_replica_lag = config.max_replica_lag;
    if (config.failover_limit <= milliseconds::zero())
        throw invalid("failover_limit is " + std::to_string(config.failover_limit.count()) +
                      " ms; at least one millisecond is needed");
    settings.failover_limit = config.failover_limit;
    return settings;
}

ClusterRouter::ClusterRouter(Surroundings common, ClusterSettings settings, std::shared_ptr<Session> own_session)
    : common_(std::move(common)), settings_(std::move(settings)), own_session_(std::move(own_session))
{
}

ClusterRouter::~ClusterRouter()
{
    if (watch_)
        watch_->stop();
}

awaitable<void> ClusterRouter::open(OperationContext context)
{
    const auto self = shared_from_this();
    watch_ = std::make_shared<Watch>(common_, settings_.policy, settings_.max_replica_lag, settings_.look_up,
                                     [weak = weak_from_this()](const TopologyEvent& event) {
                                         if (const auto router = weak.lock())
                                             router->topology_changed(event);
                                     });
    watch_->start();
    const OperationContext limited = context.limited_to(common_.options->connect_timeout);
    Route route;
    std::optional<StorageError> failure;
    try {
        while (true) {
            const std::uint64_t version = watch_->version();
            if (const auto node = watch_->writer_for(std::nullopt)) {
                route.server = pool_of(*node);
                co_await route.server->warm_up(limited);
                co_return;
            }
            if (const auto refused = watch_->refusal())
                throw StorageError(*refused);
            if (watch_->is_unreachable())
                throw watch_->no_writer(StorageErrc::unavailable);
            co_await wait_for_change(version, route, limited);
        }
    } catch (const StorageError& error) {
        failure = error;
    }
    // The caller had more time than we wait for servers that answer but lead to nothing.
    const bool own_limit = failure->errc() == StorageErrc::timeout && !context.expired();
    watch_->stop();
    if (own_limit)
        throw watch_->no_writer(StorageErrc::unavailable);
    throw StorageError(*failure);
}

awaitable<void> ClusterRouter::close()
{
    const auto self = shared_from_this();
    std::vector<std::shared_ptr<Pool>> pools;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        pools.swap(pools_);
    }
    watch_->stop();
    for (const auto& pool : pools)
        if (pool)
            co_await pool->close();
}

bool ClusterRouter::is_closed() const
{
    const std::lock_guard lock(mutex_);
    return closed_;
}

// ---- pools

std::shared_ptr<Pool> ClusterRouter::pool_of(std::size_t node)
{
    Surroundings about = watch_->surroundings(node);
    const std::lock_guard lock(mutex_);
    if (closed_)
        throw disconnected();
    if (pools_.size() <= node)
        pools_.resize(node + 1);
    if (!pools_[node])
        pools_[node] = std::make_shared<Pool>(std::move(about));
    return pools_[node];
}

std::optional<std::size_t> ClusterRouter::node_of(const std::shared_ptr<Pool>& pool) const
{
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(pools_, pool);
    if (!pool || found == pools_.end())
        return std::nullopt; // abandoned
    return static_cast<std::size_t>(found - pools_.begin());
}

void ClusterRouter::abandon(std::size_t node, const std::string& reason)
{
    std::shared_ptr<Pool> pool;
    {
        const std::lock_guard lock(mutex_);
        if (node < pools_.size())
            pool = std::exchange(pools_[node], nullptr);
    }
    if (pool)
        pool->drop(reason);
}

void ClusterRouter::topology_changed(const TopologyEvent& event)
{
    std::optional<std::size_t> old;
    {
        const std::lock_guard lock(mutex_);
        old = last_writer_;
        if (event.change == TopologyChange::primary_found || event.change == TopologyChange::primary_back ||
            event.change == TopologyChange::failover)
            last_writer_ = event.node;
    }
    if (event.change == TopologyChange::failover && old)
        abandon(*old, event.text);
    if (event.change == TopologyChange::second_primary || event.change == TopologyChange::foreign_server ||
        event.change == TopologyChange::node_removed)
        abandon(event.node, event.text);
}

PoolStats ClusterRouter::stats() const
{
    const std::lock_guard lock(mutex_);
    PoolStats all;
    for (const auto& pool : pools_) {
        if (!pool)
            continue;
        const PoolStats one = pool->stats();
        all.open += one.open;
        all.opening += one.opening;
        all.leased += one.leased;
        all.busy += one.busy;
        all.waiting += one.waiting;
        all.opened += one.opened;
        all.lost += one.lost;
        all.refused += one.refused;
    }
    return all;
}

std::vector<ClusterRouter::NodeUse> ClusterRouter::nodes() const
{
    std::vector<NodeUse> all;
    for (NodeStatus& status : watch_->status()) {
        const std::lock_guard lock(mutex_);
        const auto& pool = status.node < pools_.size() ? pools_[status.node] : nullptr;
        all.push_back(NodeUse{std::move(status), pool ? pool->stats() : PoolStats()});
    }
    return all;
}

// ---- sessions

Session& ClusterRouter::session_of(const OperationContext& context) const noexcept
{
    return context.session ? *context.session : *own_session_;
}

std::optional<LogPosition> ClusterRouter::written_in(Session& session) const
{
    const std::string token = session.token(session_key);
    const auto written = LogPosition::parse(token);
    const auto settled = written ? watch_->settle(*written) : std::nullopt;
    if (!settled)
        return written;
    session.update_token(session_key, [&](const std::string& now) {
        return now == token ? settled->to_string() : later_token(now, *settled);
    });
    return LogPosition::parse(session.token(session_key));
}

void ClusterRouter::wrote(const OperationContext& context, const std::string& position)
{
    if (!wants_positions())
        return;
    const auto place = LogPosition::parse(position);
    const LogPosition reached = place ? *place : LogPosition::unknown_since(watch_->timeline(), Clock::now());
    session_of(context).update_token(session_key,
                                     [&](const std::string& token) { return later_token(token, reached); });
}

// ---- choosing

Clock::time_point ClusterRouter::end_of(const Route& route, const OperationContext& context) const
{
    return context.deadline ? *context.deadline : route.begun + settings_.failover_limit;
}

awaitable<void> ClusterRouter::wait_for_change(std::uint64_t version, const Route& route,
                                               const OperationContext& context)
{
    OperationContext limited = context;
    limited.deadline = end_of(route, context);
    std::optional<StorageError> failure;
    try {
        co_await watch_->changed_since(version, limited);
        co_return;
    } catch (const StorageError& error) {
        failure = error;
    }
    if (failure->errc() == StorageErrc::timeout)
        throw watch_->no_writer(context.deadline ? StorageErrc::timeout : StorageErrc::unavailable);
    throw StorageError(*failure);
}

awaitable<void> ClusterRouter::choose_writer(Route& route, const OperationContext& context)
{
    const auto self = shared_from_this();
    Session& session = session_of(context);
    while (true) {
        const std::uint64_t version = watch_->version();
        if (const auto node = watch_->writer_for(written_in(session))) {
            route.server = pool_of(*node);
            co_return;
        }
        if (const auto refused = watch_->refusal())
            throw StorageError(*refused);
        co_await wait_for_change(version, route, context);
    }
}

awaitable<void> ClusterRouter::choose_reader(Route& route, const OperationContext& context)
{
    const auto self = shared_from_this();
    if (settings_.policy == ReadPolicy::primary || route.only_writer) {
        reads_by_primary_.fetch_add(1, std::memory_order_relaxed);
        co_await choose_writer(route, context);
        co_return;
    }
    Session& session = session_of(context);
    while (true) {
        const std::uint64_t version = watch_->version();
        const std::optional<LogPosition> written = written_in(session);
        ReaderChoice choice = watch_->choose_reader(written);
        const bool has_replica = choice.node && watch_->is_replica(*choice.node);
        if (!has_replica && choice.replica_behind && settings_.policy == ReadPolicy::prefer_replica &&
            !written->is_unknown() && watch_->is_worth_waiting()) {
            const auto replica = co_await watch_->caught_up(*written, context);
            if (replica)
                choice.node = replica;
        }
        if (choice.node) {
            auto& count = watch_->is_replica(*choice.node) ? reads_by_replicas_ : reads_by_primary_;
            count.fetch_add(1, std::memory_order_relaxed);
            route.server = pool_of(*choice.node);
            co_return;
        }
        if (const auto refused = watch_->refusal())
            throw StorageError(*refused);
        co_await wait_for_change(version, route, context);
    }
}

awaitable<bool> ClusterRouter::again(Route& route, StorageError error, bool only_reads, const OperationContext& context)
{
    const auto self = shared_from_this();
    ++route.failures;
    if (is_closed())
        co_return false;
    const bool may_have_happened = !only_reads && error.outcome() != Outcome::not_applied;
    if (may_have_happened)
        wrote(context, std::string());
    const auto node = node_of(route.server);
    const bool from_replica = node && watch_->is_replica(*node);
    const bool server_failed = is_failure_of_server(error);
    const bool read_only = error.native_code() == "25006";
    if (node && (server_failed || (read_only && !from_replica)))
        watch_->suspect(*node, error.message());
    if (may_have_happened || Clock::now() >= end_of(route, context))
        co_return false;
    if (only_reads && from_replica && is_only_for_the_primary(error)) {
        route.only_writer = true;
        co_return true;
    }
    // A primary may be read-only by its own or the role's settings, and stays so.
    if (read_only && (common_.options->read_only || ++route.read_only_answers > 1))
        co_return false;
    if (!server_failed && !read_only)
        co_return false;
    if (route.failures > 1) {
        const auto pause =
            std::min<Clock::duration>(first_pause * (1 << std::min(route.failures - 2, 10)), longest_pause);
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, std::min(Clock::now() + pause, end_of(route, context)));
        co_await timer.async_wait(asio::use_awaitable);
    }
    co_return true;
}

} // namespace whisperstore::postgresql
