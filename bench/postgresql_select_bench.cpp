// Point selects of the PostgreSQL adapter under measurement, one side of bench/postgresql_asyncpg.py.
//
//   postgresql_select_bench FOLDER POOL_SIZE IN_FLIGHT < counts
//
// Starts a server below FOLDER (or takes the one of WHISPERSTORE_BENCH_POSTGRESQL_URL), makes the table and prints the
// server's URL as a line. Then a count a line; each is answered, when so many rows have been read by that many
// coroutines of one thread, by a line of JSON: seconds, cpu_seconds.

#include "harness.hpp"
#include "postgresql_points.hpp"
#include "postgresql_server.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/database/postgresql_adapter.hpp>

#include <filesystem>
#include <iostream>

namespace {

using namespace whisperstore;

void measure(const std::filesystem::path& folder, std::size_t pool_size, std::size_t in_flight)
{
    const bench::PostgresqlServer server(folder);
    bench::RawPostgresql raw(server.url());
    bench::make_points(raw);
    DatabaseConfig config;
    config.type = "postgresql";
    config.connection_string = server.url();
    config.pool_size = pool_size;
    PostgreSQLAdapter database(config);
    blocking::run(database.connect());
    std::cout << server.url() << std::endl;
    std::string line;
    while (std::getline(std::cin, line)) {
        const std::size_t count = std::stoul(line);
        json::object answer;
        const double cpu = bench::cpu_seconds();
        answer["seconds"] =
            bench::milliseconds([&] { bench::select_points_in_flight(database, in_flight, count); }) / 1000;
        answer["cpu_seconds"] = bench::cpu_seconds() - cpu;
        std::cout << json::serialize(answer) << std::endl;
    }
    blocking::run(database.disconnect());
}

} // namespace

int main(int count, char** arguments)
{
    try {
        if (count != 4) {
            std::cerr
                << "usage: postgresql_select_bench FOLDER POOL_SIZE IN_FLIGHT (see bench/postgresql_asyncpg.py)\n";
            return 2;
        }
        measure(arguments[1], std::stoul(arguments[2]), std::stoul(arguments[3]));
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "postgresql_select_bench: " << error.what() << '\n';
        return 1;
    }
}
