// The Bolt driver and the graph on Neo4j under measurement, one side of bench/neo4j_python.py.
//
//   neo4j_bench PORT USER PASSWORD < commands
//
// Makes 10,000 nodes to read on a server of 127.0.0.1 and prints a line. Then a command a line:
//
//   read COUNT IN_FLIGHT     reads so many nodes by their key, with the driver
//   replay COUNT IN_FLIGHT   sends the bytes that the driver sends for it, by a thread and blocking socket each
//   batch COUNT              creates so many memories of a new user with two edges each, with the manager
//
// Each is answered by a line of JSON: seconds, cpu_seconds.

#include "harness.hpp"
#include "in_flight.hpp"
#include "raw_bolt.hpp"

#include <whisperstore/bolt/driver.hpp>
#include <whisperstore/core/blocking.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/graph/neo4j_graph_database_manager.hpp>

#include <iostream>
#include <random>
#include <sstream>
#include <thread>

namespace {

using namespace whisperstore;

constexpr std::int64_t points = 10'000;
constexpr std::size_t body_bytes = 700;
constexpr std::size_t recorded_requests = 64;
constexpr const char* read_point = "MATCH (n:BenchPoint {id: $id}) RETURN n.id, n.user_id, n.name, n.score, n.body";

struct Server
{
    std::uint16_t port = 0;
    std::string user;
    std::string password;
};

bolt::DriverConfig driver_config(const Server& server, std::uint16_t port)
{
    bolt::DriverConfig config;
    config.uri = "bolt://127.0.0.1:" + std::to_string(port);
    config.auth = bolt::BasicAuth{server.user, server.password};
    return config;
}

bolt::SessionConfig reading()
{
    bolt::SessionConfig config;
    config.access_mode = bolt::AccessMode::read;
    return config;
}

awaitable<void> run_statement(bolt::Driver& driver, std::string cypher, bolt::Map parameters)
{
    bolt::Session session = driver.session();
    bolt::Result result = co_await session.run(std::move(cypher), std::move(parameters));
    co_await result.consume();
}

awaitable<void> make_points(bolt::Driver& driver)
{
    co_await run_statement(driver,
                           "CREATE CONSTRAINT bench_point_id IF NOT EXISTS FOR (n:BenchPoint) "
                           "REQUIRE n.id IS UNIQUE",
                           bolt::Map());
    bolt::Map parameters;
    parameters.set("count", points).set("body", std::string(body_bytes, 'b'));
    co_await run_statement(driver,
                           "UNWIND range(0, $count - 1) AS id MERGE (n:BenchPoint {id: id}) SET n.user_id = 'u', "
                           "n.name = 'point', n.score = 0.5, n.body = $body",
                           std::move(parameters));
}

awaitable<void> read_one(bolt::Driver& driver, std::int64_t id)
{
    bolt::Session session = driver.session(reading());
    bolt::Map parameters;
    parameters.append("id", id);
    bolt::Result result = co_await session.run(read_point, std::move(parameters));
    const bolt::Record record = co_await result.single();
    if (record.get(4).as_string().size() != body_bytes)
        throw std::runtime_error("a node is incomplete");
}

awaitable<void> read_points(bolt::Driver& driver, std::shared_ptr<std::size_t> left)
{
    thread_local std::mt19937 random(1);
    while (*left > 0) {
        --*left;
        co_await read_one(driver, static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(points)));
    }
}

/// What the driver sends for reads, taken down one by one.
bench::BoltRecording record(const Server& server)
{
    bench::BoltRecorder recorder(server.port);
    bolt::Driver driver(driver_config(server, recorder.port()));
    bench::BoltRecording recording;
    blocking::run(read_one(driver, 0));
    const std::string first = recorder.sent();
    std::size_t end = first.size();
    for (std::size_t i = 0; i < recorded_requests; ++i) {
        blocking::run(read_one(driver, static_cast<std::int64_t>(i * 100)));
        const std::string sent = recorder.sent();
        recording.requests.push_back(sent.substr(end));
        end = sent.size();
    }
    // The first read travelled behind the opening, and was like the others.
    const std::string& request = recording.requests.front();
    recording.opening = first.substr(0, first.size() - request.size());
    recording.messages = 3; // the columns, the record, the end
    blocking::run(driver.close());
    return recording;
}

void replay(std::vector<bench::RawBolt>& connections, std::size_t count)
{
    const std::size_t in_flight = connections.size();
    bench::on_threads(connections, [&](bench::RawBolt& connection, std::size_t number) {
        for (std::size_t i = number; i < count; i += in_flight)
            connection.ask(i);
    });
}

void batch(Neo4jGraphDatabaseManager& graph, std::size_t count)
{
    static std::size_t number = 0;
    const std::string user = "bench-" + std::to_string(++number);
    std::vector<GraphNode> nodes(count + 11);
    nodes[0].node = NodeRef::user(user);
    for (std::size_t i = 0; i < 10; ++i)
        nodes[1 + i].node = NodeRef::topic("bench-" + std::to_string(i));
    std::vector<Relationship> edges(2 * count);
    for (std::size_t i = 0; i < count; ++i) {
        GraphNode& memory = nodes[11 + i];
        memory.node = NodeRef::memory(user + "-" + std::to_string(i));
        memory.content = "what was said then, in about as many words as people use in a message to one another";
        memory.properties["user_id"] = user;
        memory.properties["importance"] = 0.5;
        memory.properties["channel_id"] = "bench";
        edges[2 * i].from_node = "user:" + user;
        edges[2 * i].to_node = memory.node.text();
        edges[2 * i].relationship_type = "REMEMBERS";
        edges[2 * i + 1].from_node = memory.node.text();
        edges[2 * i + 1].to_node = "topic:bench-" + std::to_string(i % 10);
        edges[2 * i + 1].relationship_type = "ABOUT";
    }
    blocking::run(graph.create_nodes(std::move(nodes)));
    blocking::run(graph.create_relationships(std::move(edges)));
}

void measure(const Server& server)
{
    bolt::Driver driver(driver_config(server, server.port));
    blocking::run(make_points(driver));
    GraphDatabaseConfig config;
    config.uri = "bolt://127.0.0.1:" + std::to_string(server.port);
    config.username = server.user;
    config.password = server.password;
    config.graph_namespace = "bench";
    Neo4jGraphDatabaseManager graph(config);
    blocking::run(graph.initialize());
    const bench::BoltRecording recording = record(server);
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string command;
        std::size_t count = 0;
        std::size_t in_flight = 1;
        words >> command >> count >> in_flight;
        std::vector<bench::RawBolt> connections; // the driver has its own already
        while (command == "replay" && connections.size() < in_flight)
            connections.emplace_back(server.port, recording);
        std::function<void()> work;
        if (command == "read")
            work = [&] {
                bench::run_in_flight(in_flight, count, [&](auto left) { return read_points(driver, left); });
            };
        else if (command == "replay")
            work = [&] { replay(connections, count); };
        else if (command == "batch")
            work = [&] { batch(graph, count); };
        else
            throw std::runtime_error("there is no command '" + command + "'");
        json::object answer;
        const double cpu = bench::cpu_seconds();
        answer["seconds"] = bench::milliseconds(work) / 1000;
        answer["cpu_seconds"] = bench::cpu_seconds() - cpu;
        std::cout << json::serialize(answer) << std::endl;
    }
    blocking::run(graph.cleanup());
    blocking::run(driver.close());
}

} // namespace

int main(int count, char** arguments)
{
    try {
        if (count != 4) {
            std::cerr << "usage: neo4j_bench PORT USER PASSWORD (see bench/neo4j_python.py)\n";
            return 2;
        }
        measure(Server{static_cast<std::uint16_t>(std::stoul(arguments[1])), arguments[2], arguments[3]});
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "neo4j_bench: " << error.what() << '\n';
        return 1;
    }
}
