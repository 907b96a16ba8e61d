#include "database/postgresql/cluster/watch.hpp"

#include "core/failure.hpp"
#include "database/postgresql/statement_request.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace whisperstore::postgresql {

namespace {

using std::chrono::milliseconds;

constexpr auto probe_interval = std::chrono::seconds(1);
/// While there is no primary.
constexpr auto search_interval = milliseconds(50);
/// Between probes, where reads go to replicas: how far they are. So who wrote longer ago need not wait.
constexpr auto place_interval = milliseconds(200);
/// The same while somebody waits for a replica.
constexpr auto short_place_interval = milliseconds(2);
constexpr auto probe_limit = std::chrono::seconds(2);
constexpr auto look_up_interval = std::chrono::seconds(5);

constexpr std::string_view place_sql = "SELECT coalesce(pg_last_wal_replay_lsn(), '0/0')";

std::shared_ptr<const Options> options_for_probes(const Options& options)
{
    Options own = options;
    own.connect_timeout = std::min<milliseconds>(options.connect_timeout, probe_limit);
    own.read_only = false;
    return std::make_shared<const Options>(std::move(own));
}

StorageError current_failure()
{
    try {
        rethrow_as_storage_error("", "");
    } catch (const StorageError& error) {
        return error;
    }
}

LogLevel level_of(TopologyChange change)
{
    switch (change) {
    case TopologyChange::primary_found:
    case TopologyChange::primary_back:
    case TopologyChange::node_back:
    case TopologyChange::node_removed:
        return LogLevel::info;
    case TopologyChange::failover:
    case TopologyChange::primary_lost:
    case TopologyChange::second_primary:
    case TopologyChange::foreign_server:
    case TopologyChange::node_lost:
        break;
    }
    return LogLevel::warning;
}

/// One command and its one value. What takes too long ends with its connection: a cancel request might not get through
/// either.
awaitable<std::string> ask(std::shared_ptr<Connection> connection, std::string_view sql)
{
    std::vector<std::string> commands(1, std::string(sql));
    auto request = std::make_shared<CommandRequest>(std::move(commands));
    asio::steady_timer timer(connection->background()->executor(), probe_limit);
    timer.async_wait([weak = std::weak_ptr<Connection>(connection)](const boost::system::error_code& error) {
        if (const auto late = error ? nullptr : weak.lock())
            late->close("the server did not answer within " +
                        std::to_string(std::chrono::duration_cast<milliseconds>(probe_limit).count()) + " ms");
    });
    std::function<void(std::shared_ptr<Job>)> submit = [connection, request](const std::shared_ptr<Job>& job) {
        if (job->begin())
            connection->submit(request);
    };
    co_await Job::wait(request, std::move(submit), OperationContext());
    co_return std::move(request->position);
}

} // namespace

awaitable<std::optional<std::vector<std::string>>> look_up_addresses(HostPort host)
{
    const auto executor = co_await asio::this_coro::executor;
    asio::ip::tcp::resolver resolver(executor);
    boost::system::error_code error;
    const auto found = co_await resolver.async_resolve(host.host, std::to_string(host.port.value_or(0)),
                                                       asio::ip::tcp::resolver::flags(),
                                                       asio::redirect_error(asio::use_awaitable, error));
    if (error)
        co_return std::nullopt;
    std::vector<std::string> addresses;
    for (const auto& entry : found) {
        const auto address = entry.endpoint().address();
        const std::string text = address.to_string();
        // This machine's own two (IPv4 and IPv6) are one server.
        if (!address.is_loopback() && std::ranges::find(addresses, text) == addresses.end())
            addresses.push_back(text);
    }
    co_return addresses;
}

Watch::Watch(Surroundings common, ReadPolicy policy, milliseconds max_replica_lag, LookUp look_up, Changed changed)
    : common_(std::move(common)),
      probe_options_(options_for_probes(*common_.options)),
      policy_(policy),
      look_up_(std::move(look_up)),
      changed_(std::move(changed)),
      topology_(policy, max_replica_lag, Clock::now())
{
}

void Watch::start()
{
    const std::lock_guard lock(mutex_);
    for (const HostPort& host : common_.options->hosts)
        add_server(host, std::string());
    boost::system::error_code not_an_address;
    const std::string& first = common_.options->hosts.front().host;
    asio::ip::make_address(first, not_an_address);
    if (common_.options->hosts.size() == 1 && not_an_address && !first.starts_with('/')) {
        look_up_timer_ = std::make_unique<asio::steady_timer>(common_.background->executor());
        auto loop = look_up();
        asio::co_spawn(common_.background->executor(), std::move(loop), asio::detached);
    }
}

/// With the lock.
std::size_t Watch::add_server(const HostPort& host, const std::string& address)
{
    std::string name = host.to_string();
    if (!address.empty())
        name += " (" + address + ")";
    const std::size_t known = topology_.size();
    const std::size_t node = topology_.add(std::move(name));
    if (node == known) {
        auto server = std::make_unique<Server>();
        server->host = host;
        server->address = address;
        server->timer = std::make_unique<asio::steady_timer>(common_.background->executor());
        servers_.push_back(std::move(server));
    }
    if (!std::exchange(servers_[node]->looked_after, true)) {
        // Posted: on that very executor the loop would begin at once, and ask for the lock that is held.
        asio::post(common_.background->executor(), [self = shared_from_this(), node] {
            asio::co_spawn(self->common_.background->executor(), self->look_after(node), asio::detached);
        });
    }
    return node;
}

void Watch::stop() noexcept
{
    std::vector<std::shared_ptr<Job>> waiting;
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        waiting.swap(waiting_);
    }
    wake_all();
    for (const auto& waiter : waiting)
        if (waiter->begin())
            waiter->complete(
                std::make_exception_ptr(StorageError(StorageErrc::closed, "the adapter was disconnected")));
}

bool Watch::stopped() const
{
    const std::lock_guard lock(mutex_);
    return stopped_;
}

// ---- asking

awaitable<void> Watch::look_after(std::size_t node)
{
    const auto self = shared_from_this();
    Server* server = nullptr;
    {
        const std::lock_guard lock(mutex_);
        server = servers_[node].get();
    }
    const auto goes_on = [&] {
        const std::lock_guard lock(mutex_);
        server->looked_after = !stopped_ && !topology_.retired(node);
        return server->looked_after;
    };
    while (goes_on()) {
        co_await probe(node);
        co_await rest(node);
    }
    if (server->connection)
        server->connection->close("it is not watched any more");
    server->connection.reset();
}

awaitable<void> Watch::probe(std::size_t node)
{
    Server* server = nullptr;
    Surroundings about = common_;
    bool only_place = false;
    {
        const std::lock_guard lock(mutex_);
        server = servers_[node].get();
        about.host = server->host;
        about.address = server->address;
        about.options = probe_options_;
        only_place = server->connection && !server->connection->is_broken() && asks_for_place(node) &&
                     Clock::now() < server->next_probe;
    }
    Clock::time_point asked = Clock::now();
    std::optional<StorageError> failure;
    try {
        if (!server->connection || server->connection->is_broken()) {
            server->connection = nullptr;
            server->connection = co_await Connection::open(about);
            asked = Clock::now();
        }
        const std::string answer = co_await ask(server->connection, only_place ? place_sql : probe_sql);
        take(node, answer, only_place, asked);
    } catch (...) {
        failure = current_failure();
    }
    if (!only_place)
        server->next_probe = Clock::now() + probe_interval;
    if (failure && server->connection) {
        server->connection->close(failure->message());
        server->connection = nullptr;
    }
    std::unique_lock lock(mutex_);
    server->failure = failure;
    if (failure)
        topology_.probe_failed(node, failure->message(), asked, Clock::now());
    // The next connection may reach another server of the service.
    const bool look_further = !failure && is_service(node) && topology_.role(node) != NodeRole::primary;
    tell(std::move(lock));
    if (look_further)
        std::exchange(server->connection, nullptr)->close("it is no primary");
}

void Watch::take(std::size_t node, const std::string& answer, bool only_place, Clock::time_point asked)
{
    if (only_place) {
        const auto lsn = LogSequenceNumber::parse(answer);
        if (!lsn)
            throw StorageError(StorageErrc::unsupported, "the server answered '" + answer.substr(0, 100) +
                                                             "' to the question how far it has replayed the log");
        const std::lock_guard lock(mutex_);
        topology_.replayed(node, *lsn, asked, Clock::now());
        return;
    }
    const ProbeAnswer parsed = parse_probe(answer);
    const std::lock_guard lock(mutex_);
    topology_.probe_answered(node, parsed, asked, Clock::now());
}

awaitable<void> Watch::rest(std::size_t node)
{
    Server* server = nullptr;
    {
        const std::lock_guard lock(mutex_);
        server = servers_[node].get();
    }
    if (!server->wake) {
        boost::system::error_code woken;
        server->timer->expires_after(pause(node));
        co_await server->timer->async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    server->wake = false;
}

Watch::Clock::duration Watch::pause(std::size_t node) const
{
    const std::lock_guard lock(mutex_);
    if (!topology_.writer())
        return search_interval;
    if (!asks_for_place(node))
        return probe_interval;
    return waiting_for_replicas_ > 0 ? short_place_interval : place_interval;
}

/// Between whole probes.
bool Watch::asks_for_place(std::size_t node) const
{
    return policy_ != ReadPolicy::primary && topology_.role(node) == NodeRole::replica;
}

/// A single address may lead to any server of a cluster.
bool Watch::is_service(std::size_t node) const
{
    return common_.options->hosts.size() == 1 && servers_[node]->address.empty();
}

void Watch::wake_all()
{
    asio::post(common_.background->executor(), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self)
            return;
        const std::lock_guard lock(self->mutex_);
        for (const auto& server : self->servers_) {
            server->wake = true;
            server->timer->cancel();
        }
        if (self->look_up_timer_)
            self->look_up_timer_->cancel();
    });
}

// ---- a name with several addresses

awaitable<void> Watch::look_up()
{
    const auto self = shared_from_this();
    const HostPort host = common_.options->hosts.front();
    while (!stopped()) {
        const std::optional<std::vector<std::string>> addresses = co_await look_up_(host);
        if (addresses) // else what was known stands
            use_addresses(*addresses);
        boost::system::error_code woken;
        look_up_timer_->expires_after(look_up_interval);
        co_await look_up_timer_->async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
}

void Watch::use_addresses(const std::vector<std::string>& addresses)
{
    const HostPort& host = common_.options->hosts.front();
    const std::vector<std::string> wanted = addresses.size() > 1 ? addresses : std::vector<std::string>(1);
    std::unique_lock lock(mutex_);
    if (stopped_)
        return;
    for (std::size_t node = 0; node < servers_.size(); ++node)
        if (!topology_.retired(node) && std::ranges::find(wanted, servers_[node]->address) == wanted.end())
            topology_.retire(node, Clock::now());
    for (const std::string& address : wanted) {
        const auto known =
            std::ranges::find_if(servers_, [&](const auto& server) { return server->address == address; });
        if (known == servers_.end() || topology_.retired(static_cast<std::size_t>(known - servers_.begin())))
            add_server(host, address);
    }
    tell(std::move(lock));
}

// ---- what connections find

Surroundings Watch::surroundings(std::size_t node)
{
    Surroundings about = common_;
    {
        const std::lock_guard lock(mutex_);
        about.host = servers_[node]->host;
        about.address = servers_[node]->address;
    }
    about.greeting = probe_sql;
    about.greeted = [weak = weak_from_this(), node](std::string_view answer, Clock::time_point asked) {
        if (const auto self = weak.lock())
            self->greeted(node, answer, asked);
    };
    about.lost = [weak = weak_from_this(), node](const std::string& reason) {
        if (const auto self = weak.lock())
            self->suspect(node, reason);
    };
    return about;
}

void Watch::greeted(std::size_t node, std::string_view text, Clock::time_point asked)
{
    const ProbeAnswer answer = parse_probe(text);
    std::unique_lock lock(mutex_);
    const bool fits = topology_.fits(node, answer) && (answer.role == NodeRole::replica || topology_.writer() == node);
    // Another server of the service is no news of the one that is known.
    const bool is_news = !is_service(node) || answer.role == NodeRole::primary || !topology_.writer();
    if (is_news)
        topology_.probe_answered(node, answer, asked, Clock::now());
    const std::string name = topology_.name(node);
    tell(std::move(lock));
    if (fits)
        return;
    ErrorDetails details;
    details.retryable = true;
    throw StorageError(StorageErrc::unavailable,
                       name + " is another server, or in another role, than was known: it answers as " +
                           std::string(to_string(answer.role)) + " on timeline " +
                           std::to_string(answer.position.timeline),
                       std::move(details));
}

void Watch::suspect(std::size_t node, const std::string& reason)
{
    std::unique_lock lock(mutex_);
    if (stopped_)
        return;
    topology_.suspect(node, reason, Clock::now());
    tell(std::move(lock));
    wake_all();
}

void Watch::tell(std::unique_lock<std::mutex> lock)
{
    ++version_;
    const std::vector<TopologyEvent> events = topology_.take_events();
    std::vector<std::shared_ptr<Job>> waiting;
    waiting.swap(waiting_);
    lock.unlock();
    for (const TopologyEvent& event : events) {
        if (event.change == TopologyChange::primary_lost)
            wake_all(); // all are asked anew
        if (common_.logger)
            common_.logger(level_of(event.change), "postgresql_cluster", event.text);
        if (changed_)
            changed_(event);
    }
    for (const auto& waiter : waiting)
        if (waiter->begin())
            waiter->complete();
}

} // namespace whisperstore::postgresql
