#include "integration/chaos/chaos_layer.hpp"

#include "servers/neo4j_servers.hpp"
#include "servers/redis_servers.hpp"
#include "support/layer.hpp"

#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace whisperstore::test {

namespace {

using Clock = std::chrono::steady_clock;

const std::vector<std::string> components{"database", "vector_database", "cache", "graph_database"};

std::string component_of(const std::string& type)
{
    if (type.starts_with("postgresql"))
        return "database";
    if (type.starts_with("redis"))
        return "cache";
    return type.starts_with("neo4j") ? "graph_database" : "vector_database";
}

std::uint16_t port_of(const ConnectionUrl& url) { return static_cast<std::uint16_t>(url.hosts.front().port.value()); }

} // namespace

std::string to_string(Fault fault)
{
    switch (fault) {
    case Fault::slow:
        return "slow";
    case Fault::flapping:
        return "flapping";
    case Fault::black_holed:
        return "black_holed";
    case Fault::refused:
        return "refused";
    case Fault::half_closed:
        return "half_closed";
    case Fault::deaf:
        return "deaf";
    }
    throw std::logic_error("no such fault");
}

std::ostream& operator<<(std::ostream& out, Fault fault) { return out << to_string(fault); }

// ---- proxies

FaultyStore::FaultyStore(const std::vector<std::uint16_t>& servers)
{
    for (const std::uint16_t port : servers)
        proxies_.push_back(std::make_unique<ChaosProxy>(port));
}

std::vector<std::uint16_t> FaultyStore::ports() const
{
    std::vector<std::uint16_t> ports;
    for (const auto& proxy : proxies_)
        ports.push_back(proxy->port());
    return ports;
}

std::size_t FaultyStore::accepted() const
{
    std::size_t accepted = 0;
    for (const auto& proxy : proxies_)
        accepted += proxy->accepted();
    return accepted;
}

void FaultyStore::begin(Fault fault)
{
    if (fault != Fault::flapping) {
        harm(fault);
        return;
    }
    flapping_ = true;
    flapper_ = std::thread([this] { flap(); });
}

void FaultyStore::end()
{
    flapping_ = false;
    if (flapper_.joinable())
        flapper_.join();
    heal();
}

void FaultyStore::end_with_answers_after(Milliseconds delay)
{
    end();
    ChaosRule rule;
    rule.answer_delay = delay;
    for (const auto& proxy : proxies_)
        proxy->set_rule(rule);
}

void FaultyStore::flap()
{
    while (flapping_) {
        harm(Fault::refused);
        std::this_thread::sleep_for(Milliseconds(150));
        heal();
        std::this_thread::sleep_for(Milliseconds(150));
    }
}

void FaultyStore::harm(Fault fault)
{
    ChaosRule rule;
    if (fault == Fault::slow)
        rule.answer_delay = Milliseconds(3000);
    if (fault == Fault::black_holed || fault == Fault::deaf)
        rule.cut_request_at = 0;
    if (fault == Fault::black_holed || fault == Fault::half_closed)
        rule.cut_answer_at = 0;
    rule.cut = fault == Fault::half_closed ? ChaosRule::Cut::half_close : ChaosRule::Cut::black_hole;
    for (const auto& proxy : proxies_) {
        proxy->set_rule(rule);
        if (fault == Fault::refused) {
            proxy->set_listening(false);
            proxy->cut_all();
        }
    }
}

void FaultyStore::heal()
{
    for (const auto& proxy : proxies_) {
        proxy->clear();
        proxy->set_listening(true);
    }
}

// ---- logs

void ChaosObserver::finished(const OperationEvent& event, const OperationContext&, const OperationResult& result,
                             std::uint64_t) noexcept
{
    const std::lock_guard lock(mutex_);
    Counts& counts = counts_[std::string(event.layer)];
    ++counts.calls;
    counts.attempts += static_cast<std::uint64_t>(result.attempts);
    counts.let_in += result.attempts > 0 ? 1 : 0;
}

void ChaosObserver::circuit_changed(const CircuitChange& change) noexcept
{
    const std::lock_guard lock(mutex_);
    Counts& counts = counts_[std::string(change.layer)];
    ++(change.open ? counts.opened : counts.closed);
}

ChaosObserver::Counts ChaosObserver::counts(const std::string& component) const
{
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(component);
    return found == counts_.end() ? Counts() : found->second;
}

void CallLog::add(Clock::duration taken, const StorageError* error)
{
    const std::lock_guard lock(mutex_);
    times_.push_back(std::chrono::duration<double, std::milli>(taken).count());
    if (error == nullptr)
        return;
    const std::string code(whisperstore::to_string(error->errc()));
    ++errors_[code];
    messages_.try_emplace(code, error->what());
}

std::size_t CallLog::calls() const
{
    const std::lock_guard lock(mutex_);
    return times_.size();
}

std::size_t CallLog::failures() const
{
    std::size_t failures = 0;
    for (const auto& [code, count] : errors())
        failures += count;
    return failures;
}

std::map<std::string, std::size_t> CallLog::errors() const
{
    const std::lock_guard lock(mutex_);
    return errors_;
}

double CallLog::quantile_ms(double quantile) const
{
    const std::lock_guard lock(mutex_);
    if (times_.empty())
        return 0;
    std::vector<double> sorted = times_;
    std::sort(sorted.begin(), sorted.end());
    const double place = std::ceil(quantile * static_cast<double>(sorted.size())) - 1;
    return sorted[static_cast<std::size_t>(std::max(place, 0.0))];
}

void CallLog::clear()
{
    const std::lock_guard lock(mutex_);
    times_.clear();
    errors_.clear();
    messages_.clear();
}

std::string CallLog::messages() const
{
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& [code, message] : messages_)
        text.append(code).append(": ").append(message).append("\n");
    return text;
}

std::string CallLog::text() const
{
    std::ostringstream out;
    out.precision(1);
    out << std::fixed << calls() << " calls";
    for (const auto& [code, count] : errors())
        out << ", " << count << " " << code;
    out << ", longest " << longest_ms() << " ms";
    return out.str();
}

void WriteLog::add(std::int64_t number, const std::optional<Outcome>& failure)
{
    const std::lock_guard lock(mutex_);
    if (!failure || *failure == Outcome::applied)
        there_.insert(number);
    else if (*failure == Outcome::not_applied)
        absent_.insert(number);
}

void WriteLog::check(const std::set<std::int64_t>& stored) const
{
    const std::lock_guard lock(mutex_);
    for (const std::int64_t number : there_)
        EXPECT_TRUE(stored.contains(number)) << "acknowledged and lost: " << number;
    for (const std::int64_t number : absent_)
        EXPECT_FALSE(stored.contains(number)) << "said not to have happened and there: " << number;
}

std::size_t WriteLog::acknowledged() const
{
    const std::lock_guard lock(mutex_);
    return there_.size();
}

// ---- the layer

ResilienceConfig ChaosLayer::short_resilience()
{
    ResilienceConfig config;
    config.default_deadline = deadline;
    config.attempt_timeout = attempt_timeout;
    config.breaker_open = config.breaker_max_open = breaker_open;
    config.retry_initial_backoff = Milliseconds(5);
    config.retry_max_backoff = Milliseconds(20);
    return config;
}

ChaosLayer::ChaosLayer() : redis_prefix_(unique_prefix()), graph_name_(unique_graph_name()) {}

StorageConfiguration ChaosLayer::configuration(const std::string& type, bool through_proxies)
{
    StorageConfiguration configuration = laptop_configuration(directory_ / "data");
    const auto reached = [&](const std::string& component, const std::vector<std::uint16_t>& servers) {
        if (!through_proxies)
            return servers;
        stores[component] = std::make_unique<FaultyStore>(servers);
        return stores[component]->ports();
    };

    DatabaseConfig& database = configuration.database;
    ConnectionUrl url = database_->url();
    std::vector<std::uint16_t> servers(1, port_of(url));
    database.type = "postgresql";
    if (type == "postgresql_cluster") {
        database.type = type;
        servers.push_back(port_of(database_->standby_url()));
    }
    url.hosts.clear();
    for (const std::uint16_t port : reached("database", servers))
        url.hosts.push_back(HostPort{"127.0.0.1", port});
    database.connection_string = url.to_string();
    database.pool_size = 4;

    VectorDatabaseConfig& vectors = configuration.vector_database;
    if (type == "http_chromadb") {
        if (!chroma_)
            chroma_.emplace();
        vectors = VectorDatabaseConfig();
        vectors.type = type;
        vectors.host = "127.0.0.1";
        vectors.port = reached("vector_database", std::vector<std::uint16_t>(1, chroma_->port())).front();
        vectors.chroma_tenant = chroma_->tenant();
        vectors.chroma_database = chroma_->database();
    } else {
        QdrantAddress address = qdrant_->address();
        const bool distributed = type == "distributed_qdrant";
        if (!distributed)
            address.ports.resize(1);
        address.ports = reached("vector_database", address.ports);
        vectors = qdrant_config(address, distributed);
    }

    CacheConfig& cache = configuration.cache;
    cache = RedisServers::get().single_config();
    cache.redis_port = reached("cache", std::vector<std::uint16_t>(1, cache.redis_port)).front();
    cache.redis_key_prefix = redis_prefix_;
    cache.max_messages = 1'000'000;
    cache.redis_warm_channels = 0;
    cache.redis_health_interval_seconds = 0.1;

    GraphDatabaseConfig& graph = configuration.graph_database;
    const Neo4jAddress neo4j = neo4j_address();
    const std::uint16_t port = reached("graph_database", std::vector<std::uint16_t>(1, neo4j.port)).front();
    graph.type = "neo4j";
    graph.uri = "bolt://127.0.0.1:" + std::to_string(port);
    graph.username = neo4j.username;
    graph.password = neo4j.password;
    graph.graph_namespace = graph_name_;
    return configuration;
}

void ChaosLayer::open(const std::string& type, const ResilienceConfig& resilience)
{
    database_.emplace();
    qdrant_.emplace();
    // What servers do for the first time may take them longer than an attempt may.
    StorageConfiguration straight = configuration(type, false);
    StorageResilience& none = straight.resilience;
    none.database.enabled = none.vector_database.enabled = none.cache.enabled = none.graph_database.enabled = false;
    direct = run(initialize_storage_layer(straight));
    for (const std::string& component : components) {
        const auto subject = chaos_subject(*direct, component);
        run(subject->prepare());
        EXPECT_TRUE(run(subject->read(OperationContext())));
    }

    StorageConfiguration harmable = configuration(type, true);
    StorageResilience& each = harmable.resilience;
    each.database = each.vector_database = each.cache = each.graph_database = resilience;
    const Logger logger = [heard = heard_](LogLevel level, std::string_view part, std::string_view) {
        const std::lock_guard lock(heard->mutex);
        if (level >= LogLevel::warning)
            heard->parts.emplace(part);
    };
    storage = run(initialize_storage_layer(harmable, OperationContext(), observer, logger));
    for (const std::string& component : components) {
        auto subject = chaos_subject(*storage, component);
        others[component].clear();
        (component == component_of(type) ? harmed : unharmed.emplace_back()) = std::move(subject);
    }
}

void ChaosLayer::TearDown()
{
    stop_all();
    for (auto& [component, store] : stores)
        store->end();
    if (storage)
        run(storage->close());
    if (!direct)
        return;
    run(direct->graph().clear());
    run(direct->close());
}

awaitable<void> ChaosLayer::call_once(ChaosSubject& subject, CallLog& calls, std::int64_t number)
{
    const Clock::time_point begun = Clock::now();
    std::optional<StorageError> failure;
    try {
        if (number > 0) {
            co_await subject.write(number, OperationContext());
        } else {
            const bool right = co_await subject.read(OperationContext());
            EXPECT_TRUE(right) << subject.component() << " gave a wrong answer";
        }
    } catch (const StorageError& error) {
        failure = error;
        const bool allowed = error.errc() == StorageErrc::unavailable || error.errc() == StorageErrc::timeout ||
                             error.errc() == StorageErrc::outcome_unknown;
        EXPECT_TRUE(allowed) << error.what();
    }
    calls.add(Clock::now() - begun, failure ? &*failure : nullptr);
    std::optional<Outcome> outcome;
    if (failure)
        outcome = failure->outcome();
    if (number > 0 && &subject == harmed.get())
        written.add(number, outcome);
}

awaitable<void> ChaosLayer::keep_calling(ChaosSubject& subject, CallLog& calls, Milliseconds pause, bool writes)
{
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (bool turn = false; !stops_; turn = !turn) {
        const std::int64_t number = writes && turn ? next_number_++ : 0;
        co_await call_once(subject, calls, number);
        timer.expires_after(pause);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

bool ChaosLayer::was_heard(const std::string& part) const
{
    const std::lock_guard lock(heard_->mutex);
    return heard_->parts.contains(part);
}

awaitable<void> ChaosLayer::keep_looking_at_the_clock()
{
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (!stops_) {
        const Clock::time_point wanted = Clock::now() + Milliseconds(5);
        timer.expires_at(wanted);
        co_await timer.async_wait(asio::use_awaitable);
        machine.add(Clock::now() - wanted, nullptr);
    }
}

bool ChaosLayer::machine_was_in_time() const
{
    constexpr double noticeable_ms = 100;
    const bool in_time = machine.longest_ms() < noticeable_ms;
    if (!in_time)
        std::cout << "no time is judged: doing nothing took " << machine.longest_ms() << " ms too long\n";
    return in_time;
}

void ChaosLayer::start_callers(std::size_t count, Milliseconds pause)
{
    for (std::size_t i = 0; i < count; ++i)
        callers_.push_back(start(keep_calling(*harmed, log, pause, true)));
}

void ChaosLayer::start_bystanders()
{
    callers_.push_back(start(keep_looking_at_the_clock()));
    for (const auto& subject : unharmed)
        callers_.push_back(start(keep_calling(*subject, others.at(subject->component()), Milliseconds(2), false)));
}

void ChaosLayer::stop_all()
{
    stops_ = true;
    for (std::future<void>& caller : callers_)
        wait(std::move(caller));
    callers_.clear();
    stops_ = false;
}

} // namespace whisperstore::test
