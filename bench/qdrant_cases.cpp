// The Qdrant manager beside a replay of what it sends, blocking, one thread a connection.

#include "harness.hpp"
#include "http_recorder.hpp"
#include "in_flight.hpp"
#include "qdrant_points.hpp"
#include "qdrant_server.hpp"

#include <whisperstore/core/blocking.hpp>

#include <stdexcept>

namespace whisperstore::bench {

namespace {

constexpr const char* collection = "storage_bench";
constexpr const char* replay = "the same requests, rendered before, on as many blocking sockets, a thread each";

/// An initialized manager.
class Manager
{
public:
    explicit Manager(const std::string& url) : manager_(qdrant_config(url)) { blocking::run(manager_.initialize()); }
    ~Manager() { blocking::run(manager_.cleanup()); }
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;

    HTTPQdrantManager& operator*() noexcept { return manager_; }

private:
    HTTPQdrantManager manager_;
};

/// A server with the manager on it, and the place of its one node.
class Sides
{
public:
    Sides(const Settings& settings, std::string_view name)
        : server_(fresh_folder(settings, name)), manager_(server_.url())
    {
        const ConnectionUrl url = ConnectionUrl::parse(server_.url());
        if (url.scheme != "http" || url.hosts.size() != 1 || !url.path.empty())
            throw std::runtime_error("WHISPERSTORE_BENCH_QDRANT_URL has to be http://host:port");
        node_ = url.hosts.front();
        node_.port = node_.port.value_or(6333);
        reset_collection(manager(), collection);
    }
    ~Sides()
    {
        try {
            blocking::run(manager().delete_collection(collection));
        } catch (const std::exception& error) {
            std::fputs(error.what(), stderr);
        }
    }
    Sides(const Sides&) = delete;
    Sides& operator=(const Sides&) = delete;

    HTTPQdrantManager& manager() noexcept { return *manager_; }

    /// What a manager sends during `work`; what it does when it first sees the collection is left out.
    std::vector<std::string> record(const std::function<void(HTTPQdrantManager&)>& work) const
    {
        HttpRecorder recorder(node_);
        Manager recorded("http://" + recorder.address().to_string());
        work(*recorded);
        recorder.take();
        work(*recorded);
        return recorder.take();
    }

    /// Fresh connections: the server closes those that rested while the other side was measured.
    std::vector<RawHttp> connect(std::size_t count) const
    {
        std::vector<RawHttp> connections;
        for (std::size_t i = 0; i < count; ++i)
            connections.emplace_back(node_);
        return connections;
    }

private:
    QdrantServer server_;
    Manager manager_;
    HostPort node_;
};

/// Sends so many of the requests, in turns.
void send_all(std::vector<RawHttp>& connections, const std::vector<std::string>& requests, std::size_t count)
{
    std::atomic<std::size_t> next = 0;
    on_threads(connections, [&](RawHttp& connection, std::size_t) {
        for (std::size_t i = next++; i < count; i = next++)
            connection.exchange_ok(requests[i % requests.size()]);
    });
}

std::vector<Result> with_cpu(Result result, const std::vector<double>& ours, const std::vector<double>& reference,
                             std::string unit)
{
    Result cpu{result.name + "_cpu", median(ours), median(reference), std::move(unit),
               "the same rounds, in CPU time of this process, the server's left out"};
    return {std::move(result), std::move(cpu)};
}

std::vector<Result> store_batches(const Settings& settings)
{
    constexpr std::size_t in_flight = 4;
    Sides sides(settings, "qdrant_store_batches");
    const auto batches = static_cast<std::size_t>(24 * settings.scale) + 1;
    const std::vector<std::vector<VectorDocument>> memories = make_memories(batches);
    const std::vector<std::string> requests =
        sides.record([&](HTTPQdrantManager& manager) { store_in_flight(manager, collection, in_flight, memories); });
    if (requests.size() != batches)
        throw std::runtime_error("a batch is not one request");
    const std::size_t count = batches * qdrant_batch;
    std::vector<double> our_cpu;
    std::vector<double> reference_cpu;
    const auto reference = [&] {
        reset_collection(sides.manager(), collection);
        std::vector<RawHttp> connections = sides.connect(in_flight);
        return rate(count, reference_cpu, [&] { send_all(connections, requests, batches); });
    };
    const auto ours = [&] {
        reset_collection(sides.manager(), collection);
        std::vector<std::vector<VectorDocument>> given = memories;
        return rate(count, our_cpu, [&] { store_in_flight(sides.manager(), collection, in_flight, std::move(given)); });
    };
    return with_cpu(compare("qdrant_store_batches", "documents/s", replay, settings.rounds, ours, reference), our_cpu,
                    reference_cpu, "documents/CPU s");
}

std::vector<Result> search(const Settings& settings)
{
    constexpr std::size_t in_flight = 16;
    constexpr std::size_t stored_batches = 40;
    Sides sides(settings, "qdrant_search_16");
    store_in_flight(sides.manager(), collection, 2, make_memories(stored_batches));
    const std::vector<MemoryQuestion> questions = make_questions(500);
    const std::vector<std::string> requests = sides.record([&](HTTPQdrantManager& manager) {
        search_in_flight(manager, collection, in_flight, questions, questions.size());
    });
    if (requests.size() != questions.size())
        throw std::runtime_error("a search is not one request");
    const auto count = static_cast<std::size_t>(4000 * settings.scale) + 1;
    std::vector<double> our_cpu;
    std::vector<double> reference_cpu;
    const auto reference = [&] {
        std::vector<RawHttp> connections = sides.connect(in_flight);
        return rate(count, reference_cpu, [&] { send_all(connections, requests, count); });
    };
    const auto ours = [&] {
        return rate(count, our_cpu,
                    [&] { search_in_flight(sides.manager(), collection, in_flight, questions, count); });
    };
    return with_cpu(compare("qdrant_search_16", "searches/s", replay, settings.rounds, ours, reference), our_cpu,
                    reference_cpu, "searches/CPU s");
}

} // namespace

std::vector<Case> qdrant_cases()
{
    return {
        {"qdrant_store_batches", "Qdrant: batches of 256 documents with 384 dimensions, four in flight", store_batches},
        {"qdrant_search_16", "Qdrant: the ten nearest of a user's memories, 16 in flight", search}};
}

} // namespace whisperstore::bench
