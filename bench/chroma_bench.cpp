// HTTPChromaDBManager under measurement, and a replay of its requests; two sides of bench/chroma_client.py.
//
//   chroma_bench ours|raw PORT IN_FLIGHT < work
//
// Prints "ready". Then a line of work each: `store NAME COUNT` makes a collection and stores so many documents of 384
// dimensions in it, `search NAME COUNT` searches it for ten of them so many times, with IN_FLIGHT at once, and `drop
// NAME` deletes it. Each is answered by a line of JSON: seconds, cpu_seconds.
//
// The raw side sends the same bytes as ours, made before the clock runs, over as many connections, and does not look
// into the answers.

#include "harness.hpp"
#include "protocol/http/client.hpp"
#include "vector/chroma/api.hpp"
#include "vector/chroma/collections.hpp"
#include "vector/chroma/request.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/vector/http_chromadb_manager.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <deque>
#include <future>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace whisperstore::bench {

namespace {

constexpr std::size_t dimension = 384;
constexpr std::size_t batch = 500;
constexpr std::size_t batches_in_flight = 3; // as HTTPChromaDBManager has it
constexpr std::size_t limit = 10;

std::string numbered(std::string text, std::size_t number) { return text.append(std::to_string(number)); }

/// The same on every side and run.
std::vector<float> some_vector(std::uint32_t seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> component;
    std::vector<float> vector(dimension);
    for (float& one : vector)
        one = component(random);
    normalize(vector);
    return vector;
}

VectorDocument some_document(std::size_t number)
{
    VectorDocument document;
    document.id = numbered("d", number);
    document.content = numbered("what somebody said in the conversation of message ", number);
    document.embedding = some_vector(static_cast<std::uint32_t>(number));
    document.metadata["user_id"] = numbered("u", number % 100);
    document.metadata["channel_id"] = numbered("c", number % 10);
    document.metadata["importance"] = static_cast<double>(number % 1000) / 1000;
    return document;
}

std::vector<VectorDocument> documents_of(std::size_t count)
{
    std::vector<VectorDocument> all;
    all.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        all.push_back(some_document(i));
    return all;
}

std::vector<std::vector<float>> queries_of(std::size_t count)
{
    std::vector<std::vector<float>> all;
    for (std::size_t i = 0; i < count; ++i)
        all.push_back(some_vector(static_cast<std::uint32_t>(1'000'000 + i % 500)));
    return all;
}

CollectionConfig shape()
{
    CollectionConfig config;
    config.embedding_dimension = dimension;
    return config;
}

class Side
{
public:
    virtual ~Side() = default;
    /// What is measured is in the function that is returned.
    virtual std::function<void()> store(const std::string& name, std::size_t count) = 0;
    virtual std::function<void()> search(const std::string& name, std::size_t count) = 0;
    virtual void drop(const std::string& name) = 0;
};

/// One thread, as a client of Python has.
template <typename Make>
void together(std::size_t count, const Make& make)
{
    asio::io_context context;
    std::vector<std::future<void>> all;
    for (std::size_t i = 0; i < count; ++i)
        all.push_back(asio::co_spawn(context, make(i), asio::use_future));
    context.run();
    for (auto& one : all)
        one.get();
}

class Ours final : public Side
{
public:
    Ours(std::uint16_t port, std::size_t in_flight) : in_flight_(in_flight), vectors_(config_of(port))
    {
        blocking::run(vectors_.initialize());
    }
    std::function<void()> store(const std::string& name, std::size_t count) override
    {
        blocking::run(vectors_.create_collection(name, shape()));
        return [this, name, documents = documents_of(count)]() mutable {
            together(1, [&](std::size_t) { return vectors_.store_documents(name, std::move(documents)); });
        };
    }
    std::function<void()> search(const std::string& name, std::size_t count) override
    {
        return [this, name, queries = queries_of(count)] {
            std::size_t next = 0;
            const auto work = [&](std::size_t) -> awaitable<void> {
                while (next < queries.size()) {
                    const std::vector<float>& query = queries[next++];
                    const auto found = co_await vectors_.search_similar(name, query, limit);
                    if (found.size() != limit)
                        throw std::runtime_error("a search found too few");
                }
            };
            together(in_flight_, work);
        };
    }
    void drop(const std::string& name) override { blocking::run(vectors_.delete_collection(name)); }

private:
    static VectorDatabaseConfig config_of(std::uint16_t port)
    {
        VectorDatabaseConfig config;
        config.host = "127.0.0.1";
        config.port = port;
        return config;
    }
    std::size_t in_flight_;
    HTTPChromaDBManager vectors_;
};

/// Sends bytes and waits for as many answers.
class Raw final : public Side
{
public:
    Raw(std::uint16_t port, std::size_t in_flight) : port_(port), in_flight_(in_flight), setup_(config_of(port))
    {
        blocking::run(setup_.initialize());
    }
    std::function<void()> store(const std::string& name, std::size_t count) override
    {
        blocking::run(setup_.create_collection(name, shape()));
        const std::string target = target_of(name);
        auto requests = std::make_shared<std::vector<std::string>>();
        const std::vector<VectorDocument> documents = documents_of(count);
        for (std::size_t begin = 0; begin < count; begin += batch) {
            std::vector<const VectorDocument*> some;
            std::vector<std::string> ids;
            for (std::size_t i = begin; i < std::min(count, begin + batch); ++i) {
                some.push_back(&documents[i]);
                ids.push_back(documents[i].id);
            }
            requests->push_back(bytes(target + "/get", chroma::get_by_ids(ids, chroma::only_metadata)) +
                                bytes(target + "/upsert", chroma::upsert(some, {})));
        }
        return [this, requests] { replay(*requests, batches_in_flight, 2); };
    }
    std::function<void()> search(const std::string& name, std::size_t count) override
    {
        const std::string target = target_of(name) + "/query";
        auto requests = std::make_shared<std::vector<std::string>>();
        for (const std::vector<float>& query : queries_of(count))
            requests->push_back(bytes(target, chroma::query(query, limit + 1, chroma::Where(), chroma::texts)));
        return [this, requests] { replay(*requests, in_flight_, 1); };
    }
    void drop(const std::string& name) override { blocking::run(setup_.delete_collection(name)); }

private:
    static VectorDatabaseConfig config_of(std::uint16_t port)
    {
        VectorDatabaseConfig config;
        config.host = "127.0.0.1";
        config.port = port;
        return config;
    }
    std::string target_of(const std::string& name) const
    {
        http::ClientConfig config;
        config.nodes.push_back(HostPort{"127.0.0.1", port_});
        http::Client client(config);
        const std::string base = "/api/v2/tenants/default_tenant/databases/default_database/collections/";
        http::Request ask;
        ask.target = base + name;
        const http::Response answer = blocking::run(client.send_checked(ask));
        return base + chroma::parse_collection(answer.body).id;
    }
    static std::string bytes(const std::string& target, const std::string& body)
    {
        std::ostringstream out;
        out << "POST " << target << " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            << "Accept: application/json\r\nContent-Length: " << body.size() << "\r\n\r\n"
            << body;
        return out.str();
    }

    /// Each string holds `answers` requests, one after the other on a connection.
    void replay(const std::vector<std::string>& requests, std::size_t connections, int answers) const
    {
        std::size_t next = 0;
        const auto work = [&](std::size_t) -> awaitable<void> {
            const auto executor = co_await asio::this_coro::executor;
            asio::ip::tcp::socket socket(executor);
            const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), port_);
            co_await socket.async_connect(server, asio::use_awaitable);
            socket.set_option(asio::ip::tcp::no_delay(true));
            std::string buffer;
            while (next < requests.size()) {
                const std::string& request = requests[next++];
                std::size_t begin = 0;
                for (int i = 0; i < answers; ++i) {
                    const std::size_t end = i + 1 < answers ? request.find("POST ", begin + 5) : request.size();
                    const auto piece = asio::buffer(request.data() + begin, end - begin);
                    co_await asio::async_write(socket, piece, asio::use_awaitable);
                    begin = end;
                    co_await read_answer(socket, buffer);
                }
            }
        };
        together(connections, work);
    }

    static awaitable<void> read_answer(asio::ip::tcp::socket& socket, std::string& buffer)
    {
        const std::size_t head =
            co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer), "\r\n\r\n", asio::use_awaitable);
        if (!buffer.starts_with("HTTP/1.1 2"))
            throw std::runtime_error("refused: " + buffer.substr(0, 300));
        const std::size_t field = buffer.find("content-length: ");
        if (field == std::string::npos || field > head)
            throw std::runtime_error("no length: " + buffer.substr(0, head));
        const std::size_t length = head + std::stoul(buffer.substr(field + 16, 20));
        if (buffer.size() < length) {
            const std::size_t had = buffer.size();
            buffer.resize(length);
            const auto rest = asio::buffer(buffer.data() + had, length - had);
            co_await asio::async_read(socket, rest, asio::use_awaitable);
        }
        buffer.erase(0, length);
    }

    std::uint16_t port_;
    std::size_t in_flight_;
    HTTPChromaDBManager setup_;
};

void measure(Side& side)
{
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string what;
        std::string name;
        std::size_t count = 0;
        words >> what >> name >> count;
        std::function<void()> work = [] {};
        if (what == "store")
            work = side.store(name, count);
        else if (what == "search")
            work = side.search(name, count);
        else if (what == "drop")
            side.drop(name);
        else
            throw std::runtime_error("nothing is known about " + what);
        json::object answer;
        const double cpu = cpu_seconds();
        answer["seconds"] = milliseconds(work) / 1000;
        answer["cpu_seconds"] = cpu_seconds() - cpu;
        std::cout << json::serialize(answer) << std::endl;
    }
}

} // namespace

} // namespace whisperstore::bench

int main(int count, char** arguments)
{
    using namespace whisperstore::bench;
    try {
        const std::string which = count == 4 ? arguments[1] : "";
        if (which != "ours" && which != "raw") {
            std::cerr << "usage: chroma_bench ours|raw PORT IN_FLIGHT (see bench/chroma_client.py)\n";
            return 2;
        }
        const auto port = static_cast<std::uint16_t>(std::stoul(arguments[2]));
        const std::size_t in_flight = std::stoul(arguments[3]);
        std::unique_ptr<Side> side;
        if (which == "ours")
            side = std::make_unique<Ours>(port, in_flight);
        else
            side = std::make_unique<Raw>(port, in_flight);
        measure(*side);
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "chroma_bench: " << error.what() << '\n';
        return 1;
    }
}
