#include "servers/neo4j_servers.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

namespace whisperstore::test {

std::string Neo4jAddress::uri(const std::string& scheme) const
{
    std::string uri = scheme;
    uri.append("://127.0.0.1:").append(std::to_string(port));
    return uri;
}

Neo4jAddress neo4j_address()
{
    const char* folder = std::getenv("WHISPERSTORE_TEST_NEO4J");
    std::map<std::string, std::string> values;
    if (folder && *folder) {
        std::ifstream file(std::filesystem::path(folder) / "environment");
        for (std::string line; std::getline(file, line);) {
            const std::size_t equals = line.find('=');
            values[line.substr(0, equals)] = line.substr(equals + 1);
        }
    }
    if (!values.contains("PORT"))
        throw std::runtime_error("this test needs a Neo4j server. ctest starts it; by hand: tests/servers/neo4j start "
                                 "FOLDER, and WHISPERSTORE_TEST_NEO4J=FOLDER in the environment");
    Neo4jAddress address;
    address.port = static_cast<std::uint16_t>(std::stoul(values.at("PORT")));
    address.username = values.at("USERNAME");
    address.password = values.at("PASSWORD");
    address.authority = values.at("AUTHORITY");
    return address;
}

std::string unique_graph_name()
{
    static std::atomic<int> number{0};
    std::ostringstream name;
    name << "test-" << ::getpid() << '-' << std::chrono::system_clock::now().time_since_epoch().count() << '-'
         << ++number;
    return name.str();
}

} // namespace whisperstore::test
