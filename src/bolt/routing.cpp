// Routing tables: asked for, waited for, kept.

#include "bolt/router.hpp"
#include "protocol/bolt/server_error.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace whisperstore::bolt {

namespace {

using Clock = std::chrono::steady_clock;

/// Of a router: whether another one would say the same.
bool is_final(const StorageError& error)
{
    const std::string& code = error.native_code();
    if (code.starts_with("Neo.ClientError.Security.") && code != "Neo.ClientError.Security.AuthorizationExpired")
        return true;
    return code == "Neo.ClientError.Database.DatabaseNotFound" ||
           code == "Neo.ClientError.Transaction.InvalidBookmark" ||
           code == "Neo.ClientError.Transaction.InvalidBookmarkMixture" ||
           code == "Neo.ClientError.Statement.ArgumentError" || code == "Neo.ClientError.Statement.TypeError" ||
           error.errc() == StorageErrc::cancelled || error.errc() == StorageErrc::closed ||
           error.errc() == StorageErrc::timeout;
}

} // namespace

/// A table that is being fetched, and who waits for it.
struct Router::Refresh
{
    std::vector<std::shared_ptr<Job>> waiting;
};

/// Tells those who wait, however it ends.
class Router::Refreshing
{
public:
    Refreshing(Router& router, std::string table) : router_(router), table_(std::move(table)) {}
    ~Refreshing()
    {
        std::shared_ptr<Refresh> ended;
        {
            const std::lock_guard lock(router_.mutex_);
            const auto found = router_.refreshes_.find(table_);
            ended = std::move(found->second);
            router_.refreshes_.erase(found);
        }
        for (const auto& waiter : ended->waiting)
            if (waiter->begin())
                waiter->complete(failure);
    }
    Refreshing(const Refreshing&) = delete;
    Refreshing& operator=(const Refreshing&) = delete;

    std::exception_ptr failure; ///< what they are told; null: look for yourselves

private:
    Router& router_;
    const std::string table_;
};

/// Returns with a table that may be used. One caller fetches it, the others wait.
awaitable<void> Router::refresh(std::string table, Target target, OperationContext context)
{
    while (true) {
        bool ours = false;
        auto waiter = std::make_shared<Job>();
        {
            const std::lock_guard lock(mutex_);
            if (closed_)
                throw StorageError(StorageErrc::closed, "the Bolt driver was closed");
            const auto known = tables_.find(table);
            if (known != tables_.end() && known->second.is_fresh(target.access_mode, Clock::now()))
                co_return;
            std::shared_ptr<Refresh>& under_way = refreshes_[table];
            ours = !under_way;
            if (ours)
                under_way = std::make_shared<Refresh>();
        }
        if (ours) {
            Refreshing refreshing(*this, table);
            std::optional<StorageError> failure;
            try {
                co_await fetch(table, std::move(target), std::move(context));
            } catch (const StorageError& error) {
                failure = error;
            }
            // What ended our call is not what would end theirs.
            if (failure && failure->errc() != StorageErrc::cancelled && failure->errc() != StorageErrc::timeout)
                refreshing.failure = std::make_exception_ptr(*failure);
            if (failure)
                throw StorageError(*failure);
            co_return;
        }
        std::function<void(std::shared_ptr<Job>)> submit = [this, table](const std::shared_ptr<Job>& job) {
            const std::lock_guard lock(mutex_);
            const auto under_way = refreshes_.find(table);
            if (under_way != refreshes_.end())
                under_way->second->waiting.push_back(job);
            else if (job->begin())
                job->complete(); // it ended meanwhile
        };
        co_await Job::wait(std::move(waiter), std::move(submit), context);
        // Without a leader in it the table is not fresh for a writer, but it was fetched just now.
        const std::lock_guard lock(mutex_);
        const auto known = tables_.find(table);
        if (known != tables_.end() && Clock::now() < known->second.expires)
            co_return;
    }
}

std::vector<HostPort> Router::routers_of(const std::string& table) const
{
    std::vector<HostPort> out;
    const std::lock_guard lock(mutex_);
    const auto known = tables_.find(table);
    if (known != tables_.end())
        out = known->second.routers;
    // After an election, or with a table that is none, those we were told to begin with know no less.
    const bool seeds_first = known == tables_.end() || known->second.writers.empty();
    std::vector<HostPort> seeds;
    for (const HostPort& seed : options_->seeds)
        if (std::find(out.begin(), out.end(), seed) == out.end())
            seeds.push_back(seed);
    out.insert(seeds_first ? out.begin() : out.end(), seeds.begin(), seeds.end());
    return out;
}

/// Asks one router after the other for the table, keeps it, and returns the database's name.
awaitable<std::string> Router::fetch(std::string table, Target target, OperationContext context)
{
    const auto self = shared_from_this();
    std::optional<StorageError> last;
    std::optional<RoutingTable> leaderless;
    const std::vector<HostPort> routers = routers_of(table);
    for (const HostPort& router : routers) {
        RoutingTable found;
        bool answered = false;
        try {
            found = co_await ask(router, table, target, context);
            answered = true;
        } catch (const StorageError& error) {
            if (is_final(error))
                throw;
            last = error;
        }
        if (!answered) {
            options_->log(LogLevel::warning,
                          "router " + router.to_string() + " gave no routing table: " + last->message());
            forget(router);
            continue;
        }
        if (found.database.empty())
            found.database = table;
        if (!found.is_usable()) {
            last = StorageError(StorageErrc::unavailable,
                                router.to_string() + " knows neither routers nor readers of the database");
            continue;
        }
        const std::string database = found.database;
        if (found.writers.empty() && target.access_mode == AccessMode::write) {
            leaderless = std::move(found); // another one may have seen the election's end
            continue;
        }
        keep(std::move(found));
        co_return database;
    }
    if (leaderless) {
        const std::string database = leaderless->database;
        keep(std::move(*leaderless));
        co_return database;
    }
    std::string message = "no router gave a routing table";
    if (!table.empty())
        message.append(" of the database '").append(table).append("'");
    if (last)
        message.append("; the last one tried: ").append(last->message());
    ErrorDetails details;
    details.retryable = true;
    throw StorageError(StorageErrc::unavailable, std::move(message), std::move(details));
}

awaitable<RoutingTable> Router::ask(HostPort router, std::string database, Target target, OperationContext context)
{
    const std::shared_ptr<Pool> asked = pool(router);
    Lease lease = co_await asked->acquire(context);
    RoutingContext routing = options_->query;
    routing.emplace_back("address", router.to_string());
    std::optional<StorageError> failure;
    // A router that hangs is as good as none, and the caller's time is for others, too.
    const OperationContext limited = context.limited_to(options_->config.connect_timeout);
    try {
        lease->route(routing, target.bookmarks, database, target.impersonated_user);
        const Answer answer = co_await lease->answer(limited);
        if (answer.kind == ResponseKind::failure)
            throw server_error(read_failure(answer.metadata), RequestKind::route);
        const Value* rt = answer.metadata.find("rt");
        const auto* map = rt ? rt->get_if<Map>() : nullptr;
        if (!map)
            throw Malformed{"the answer to ROUTE has no routing table"};
        co_return RoutingTable::read(*map, Clock::now());
    } catch (const Lost& lost) {
        failure = lost_error(lost, router, Outcome::not_applied);
    } catch (const Malformed& malformed) {
        failure = malformed_error(malformed, router, Outcome::not_applied);
    } catch (const StorageError& error) {
        failure = error;
    }
    if (failure->errc() == StorageErrc::timeout && !context.expired())
        failure = lost_error(Lost{"the router did not answer in time"}, router, Outcome::not_applied);
    throw StorageError(*failure);
}

void Router::keep(RoutingTable table)
{
    std::vector<std::shared_ptr<Pool>> unknown;
    std::string name = table.database;
    options_->log(LogLevel::debug, "routing table of '" + name + "': " + std::to_string(table.writers.size()) +
                                       " writers, " + std::to_string(table.readers.size()) + " readers, " +
                                       std::to_string(table.routers.size()) + " routers");
    {
        const std::lock_guard lock(mutex_);
        tables_[std::move(name)] = std::move(table);
        // Servers that left the cluster.
        for (auto entry = pools_.begin(); entry != pools_.end();) {
            const HostPort& server = entry->second->address();
            const auto knows = [&](const auto& known) { return known.second.knows(server); };
            const bool is_seed =
                std::find(options_->seeds.begin(), options_->seeds.end(), server) != options_->seeds.end();
            if (is_seed || entry->second->in_use() > 0 || std::any_of(tables_.begin(), tables_.end(), knows)) {
                ++entry;
                continue;
            }
            unknown.push_back(entry->second);
            entry = pools_.erase(entry);
        }
    }
    for (const auto& pool : unknown)
        pool->renew(); // somebody may have it in hand already: it goes on, but keeps nothing that was
}

void Router::forget(const HostPort& server)
{
    std::shared_ptr<Pool> lost;
    {
        const std::lock_guard lock(mutex_);
        for (auto& entry : tables_)
            entry.second.forget(server);
        if (const auto found = pools_.find(server.to_string()); found != pools_.end())
            lost = found->second;
    }
    if (lost)
        lost->renew();
}

} // namespace whisperstore::bolt
