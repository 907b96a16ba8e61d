#include "qdrant_server.hpp"

#include "run_program.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace whisperstore::bench {

namespace {

constexpr const char* script = WHISPERSTORE_QDRANT_SERVERS;

std::string read_port(const std::filesystem::path& environment)
{
    constexpr std::string_view name = "PORTS=";
    std::ifstream file(environment);
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(name))
            return line.substr(name.size());
    throw std::runtime_error("there is no port in " + environment.string());
}

} // namespace

QdrantServer::QdrantServer(const std::filesystem::path& folder)
{
    if (const char* given = std::getenv("WHISPERSTORE_BENCH_QDRANT_URL")) {
        url_ = given;
        return;
    }
    folder_ = folder / "server";
    run_program({script, "start", folder_});
    url_ = "http://127.0.0.1:" + read_port(folder_ / "environment");
}

QdrantServer::~QdrantServer()
{
    if (folder_.empty())
        return;
    try {
        run_program({script, "stop", folder_});
    } catch (const std::exception& error) {
        std::fputs(error.what(), stderr);
    }
}

} // namespace whisperstore::bench
