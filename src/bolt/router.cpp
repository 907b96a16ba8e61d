#include "bolt/router.hpp"

#include "protocol/bolt/server_error.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace whisperstore::bolt {

namespace {

using Clock = std::chrono::steady_clock;

StorageError closed_error() { return StorageError(StorageErrc::closed, "the Bolt driver was closed"); }

/// Nobody answers there; anything else is about the call.
bool is_about_server(const StorageError& error) { return error.errc() == StorageErrc::unavailable; }

} // namespace

Router::Router(std::shared_ptr<const Options> options) : options_(std::move(options)) {}

std::shared_ptr<Pool> Router::pool(const HostPort& server)
{
    const std::lock_guard lock(mutex_);
    if (closed_)
        throw closed_error();
    std::shared_ptr<Pool>& pool = pools_[server.to_string()];
    if (!pool)
        pool = std::make_shared<Pool>(options_, server);
    return pool;
}

awaitable<Routed> Router::acquire(Target target, OperationContext context)
{
    if (options_->routes) {
        Routed routed = co_await acquire_routed(std::move(target), std::move(context));
        co_return routed;
    }
    Routed routed;
    const std::shared_ptr<Pool> only = pool(options_->seeds.front());
    routed.lease = co_await only->acquire(std::move(context));
    routed.database = std::move(target.database);
    co_return routed;
}

awaitable<Routed> Router::acquire_routed(Target target, OperationContext context)
{
    if (!target.database.empty()) {
        const std::string table = target.database;
        Routed routed = co_await acquire_by_table(table, target, context);
        routed.database = table;
        co_return routed;
    }
    // Where every server passes on what is not for it, a guess costs nothing when it is wrong.
    if (const std::optional<std::string> guess = guessed_home(target)) {
        Routed routed = co_await acquire_by_table(*guess, target, context);
        if (routed.lease->greeting().routes_itself && routed.lease->version() >= Version{5, 8})
            co_return routed;
        all_route_themselves_.store(false, std::memory_order_relaxed);
    }
    const std::string home = co_await home_of(target, context);
    Routed routed = co_await acquire_by_table(home, target, context);
    routed.database = home;
    co_return routed;
}

std::optional<std::string> Router::guessed_home(const Target& target) const
{
    if (!all_route_themselves_.load(std::memory_order_relaxed))
        return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto found = homes_.find(target.impersonated_user);
    return found == homes_.end() ? std::nullopt : std::optional(found->second);
}

/// A table for nobody in particular says which database is home.
awaitable<std::string> Router::home_of(Target target, OperationContext context)
{
    const std::string user = target.impersonated_user;
    const std::string home = co_await fetch(std::string(), std::move(target), std::move(context));
    note_home(user, home);
    co_return home;
}

void Router::note_home(const std::string& impersonated_user, const std::string& database)
{
    if (database.empty())
        return;
    constexpr std::size_t most = 1000;
    const std::lock_guard lock(mutex_);
    if (homes_.size() >= most && !homes_.contains(impersonated_user))
        homes_.clear();
    homes_[impersonated_user] = database;
}

awaitable<Routed> Router::acquire_by_table(std::string table, Target target, OperationContext context)
{
    const auto self = shared_from_this();
    std::optional<StorageError> last;
    // A table that names servers which are not there may be out of date: once more, then it is the caller's to decide.
    for (int round = 0; round < 2; ++round) {
        co_await refresh(table, target, context);
        while (const std::optional<HostPort> server = choose(table, target.access_mode)) {
            const std::shared_ptr<Pool> chosen = pool(*server);
            try {
                Routed routed;
                routed.lease = co_await chosen->acquire(context);
                routed.table = table;
                if (!routed.lease->greeting().routes_itself)
                    all_route_themselves_.store(false, std::memory_order_relaxed);
                co_return routed;
            } catch (const StorageError& error) {
                if (!is_about_server(error))
                    throw;
                last = error;
            }
            forget(*server);
        }
    }
    const bool reads = target.access_mode == AccessMode::read;
    std::string message = reads ? "no server takes reads" : "no server takes writes";
    message.append(table.empty() ? std::string() : " of the database '" + table + "'");
    message.append(reads || last ? " now" : " now: the cluster has no leader, or elects one");
    if (last)
        message.append("; the last one tried: ").append(last->message());
    ErrorDetails details;
    details.retryable = true;
    throw StorageError(StorageErrc::unavailable, std::move(message), std::move(details));
}

std::optional<HostPort> Router::choose(const std::string& table, AccessMode mode)
{
    const std::lock_guard lock(mutex_);
    const auto found = tables_.find(table);
    if (found == tables_.end() || found->second.servers(mode).empty())
        return std::nullopt;
    const std::vector<HostPort>& servers = found->second.servers(mode);
    const std::size_t first = turns_[mode == AccessMode::read ? 1 : 0]++;
    std::size_t best = 0;
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (std::size_t i = 0; i < servers.size(); ++i) {
        const std::size_t candidate = (first + i) % servers.size();
        const auto pool = pools_.find(servers[candidate].to_string());
        const std::size_t in_use = pool == pools_.end() ? 0 : pool->second->in_use();
        if (in_use < least) {
            least = in_use;
            best = candidate;
        }
    }
    return servers[best];
}

void Router::note(const HostPort& server, const std::string& table, const StorageError& error)
{
    const Consequence consequence = consequence_of(error);
    if (consequence == Consequence::logins_expired) {
        std::vector<std::shared_ptr<Pool>> all;
        {
            const std::lock_guard lock(mutex_);
            for (const auto& entry : pools_)
                all.push_back(entry.second);
        }
        for (const auto& pool : all)
            pool->renew();
        return;
    }
    // Without a code of the server's the connection broke.
    const bool lost = error.native_code().empty() &&
                      (error.errc() == StorageErrc::unavailable || error.errc() == StorageErrc::outcome_unknown);
    if (lost)
        options_->log(LogLevel::warning, "lost a connection: " + error.message());
    if (!options_->routes)
        return;
    if (lost)
        return forget(server);
    if (consequence == Consequence::not_leader)
        options_->log(LogLevel::info, server.to_string() + " is not the leader any more");
    const std::lock_guard lock(mutex_);
    const auto known = tables_.find(table);
    if (known == tables_.end())
        return;
    switch (consequence) {
    case Consequence::not_leader:
        known->second.forget_writer(server);
        break;
    case Consequence::server_down:
        known->second.forget(server);
        break;
    case Consequence::table_outdated:
        known->second.expires = Clock::now();
        break;
    case Consequence::none:
    case Consequence::logins_expired:
        break;
    }
}

void Router::close()
{
    std::vector<std::shared_ptr<Pool>> all;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        for (const auto& entry : pools_)
            all.push_back(entry.second);
    }
    for (const auto& pool : all)
        pool->close();
}

std::vector<ConnectionCounts> Router::counts() const
{
    std::vector<ConnectionCounts> out;
    const std::lock_guard lock(mutex_);
    for (const auto& entry : pools_)
        out.push_back(entry.second->counts());
    return out;
}

} // namespace whisperstore::bolt
