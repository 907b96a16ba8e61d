#pragma once
// A storage layer on real servers, each behind proxies that can harm it, and what its callers see.

#include "integration/chaos/chaos_subject.hpp"
#include "servers/chaos_proxy.hpp"
#include "servers/chroma_servers.hpp"
#include "servers/postgresql_servers.hpp"
#include "servers/qdrant_managers.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/config/storage_configuration.hpp>
#include <whisperstore/resilience/operation_observer.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace whisperstore::test {

using Milliseconds = std::chrono::milliseconds;

/// What is done to a store.
enum class Fault
{
    slow,        ///< answers come after the time of an attempt
    flapping,    ///< gone and there in turns
    black_holed, ///< connections are accepted, and everything on them swallowed
    refused,     ///< the port is closed
    half_closed, ///< the server's side ends at the first answer
    deaf,        ///< requests are swallowed, the other direction stays open
};
std::string to_string(Fault fault);
std::ostream& operator<<(std::ostream& out, Fault fault);

/// The proxies in front of all nodes of one store.
class FaultyStore
{
public:
    explicit FaultyStore(const std::vector<std::uint16_t>& servers);
    ~FaultyStore() { end(); }
    FaultyStore(const FaultyStore&) = delete;
    FaultyStore& operator=(const FaultyStore&) = delete;

    std::vector<std::uint16_t> ports() const;
    std::size_t accepted() const; ///< connections so far
    void begin(Fault fault);
    /// Nothing is harmed any more.
    void end();
    /// Instead: answers come, a little later than usual.
    void end_with_answers_after(Milliseconds delay);

private:
    void harm(Fault fault);
    void heal();
    void flap();

    std::vector<std::unique_ptr<ChaosProxy>> proxies_;
    std::atomic<bool> flapping_{false};
    std::thread flapper_;
};

/// Counts what observers are told, for each component.
class ChaosObserver : public OperationObserver
{
public:
    struct Counts
    {
        std::uint64_t calls = 0;
        std::uint64_t attempts = 0;
        std::uint64_t let_in = 0; ///< calls with an attempt at least
        std::uint64_t opened = 0; ///< times
        std::uint64_t closed = 0;
    };

    void finished(const OperationEvent& event, const OperationContext& context, const OperationResult& result,
                  std::uint64_t started) noexcept override;
    void circuit_changed(const CircuitChange& change) noexcept override;
    Counts counts(const std::string& component) const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, Counts, std::less<>> counts_;
};

/// What callers saw. Thread safe.
class CallLog
{
public:
    void add(std::chrono::steady_clock::duration taken, const StorageError* error);
    std::size_t calls() const;
    std::size_t failures() const;
    std::map<std::string, std::size_t> errors() const; ///< by code
    double longest_ms() const { return quantile_ms(1); }
    double quantile_ms(double quantile) const;
    /// Forgets.
    void clear();
    std::string text() const;     ///< "200 calls, 12 unavailable, longest 3.1 ms"
    std::string messages() const; ///< the first one of each code

private:
    mutable std::mutex mutex_;
    std::vector<double> times_;
    std::map<std::string, std::size_t> errors_;
    std::map<std::string, std::string> messages_; // by code
};

/// What became of numbered writes.
class WriteLog
{
public:
    void add(std::int64_t number, const std::optional<Outcome>& failure);
    /// What is stored agrees with what callers were told.
    void check(const std::set<std::int64_t>& stored) const;
    std::size_t acknowledged() const;

private:
    mutable std::mutex mutex_;
    std::set<std::int64_t> there_;
    std::set<std::int64_t> absent_;
};

/// PostgreSQL, Qdrant or Chroma, Redis and Neo4j behind proxies.
class ChaosLayer : public testing::Test
{
protected:
    ChaosLayer();

    /// Short: an attempt takes at most a second, a breaker is open for 200 ms.
    static ResilienceConfig short_resilience();
    static constexpr Milliseconds attempt_timeout{1000};
    static constexpr Milliseconds breaker_open{200};
    static constexpr Milliseconds deadline{3000};

    /// \param type of the store that is to be harmed
    void open(const std::string& type, const ResilienceConfig& resilience = short_resilience());
    void TearDown() override;

    FaultyStore& faulty() { return *stores.at(harmed->component()); }
    ChaosObserver::Counts counts() const { return observer->counts(harmed->component()); }
    bool circuit_is(const std::string& state) const { return harmed->stats().circuit == state; }

    /// One call, by turns a write and a read; what became of it goes into the logs.
    awaitable<void> call_once(ChaosSubject& subject, CallLog& log, std::int64_t number);
    /// Calls one after the other, with a pause between two, until told to stop.
    awaitable<void> keep_looking_at_the_clock();
    awaitable<void> keep_calling(ChaosSubject& subject, CallLog& log, Milliseconds pause, bool writes);
    /// So many callers of the harmed store, in `log`.
    void start_callers(std::size_t count, Milliseconds pause);
    /// One caller for each of the other stores, in `others`; and one that calls nobody, in `machine`: what is late
    /// there is the machine's doing.
    void start_bystanders();
    /// Where that was late nothing can be said about the times of others.
    bool machine_was_in_time() const;
    void stop_all();

    std::map<std::string, std::unique_ptr<FaultyStore>> stores; // by component
    std::shared_ptr<ChaosObserver> observer = std::make_shared<ChaosObserver>();
    std::shared_ptr<StorageLayer> storage;
    std::shared_ptr<StorageLayer> direct; ///< on the same data, past the proxies and without decorators
    std::unique_ptr<ChaosSubject> harmed;
    std::vector<std::unique_ptr<ChaosSubject>> unharmed;
    CallLog log;
    WriteLog written;
    std::map<std::string, CallLog> others; // by component
    CallLog machine;

    /// Whether a part of the layer has logged something that matters: "bolt", "postgresql".
    bool was_heard(const std::string& part) const;

private:
    /// \param through_proxies or straight to the servers
    StorageConfiguration configuration(const std::string& type, bool through_proxies);

    TestDirectory directory_;
    // Made by open(): a test that is left out needs none.
    std::optional<TestDatabase> database_;
    std::optional<QdrantUniverse> qdrant_;
    std::optional<ChromaDatabase> chroma_;
    const std::string redis_prefix_;
    const std::string graph_name_;
    std::atomic<bool> stops_{false};
    std::atomic<std::int64_t> next_number_{1};
    std::vector<std::future<void>> callers_;
    /// Filled by the layer's logger, which may outlive the test.
    struct Heard
    {
        std::mutex mutex;
        std::set<std::string> parts;
    };
    std::shared_ptr<Heard> heard_ = std::make_shared<Heard>();
};

} // namespace whisperstore::test
