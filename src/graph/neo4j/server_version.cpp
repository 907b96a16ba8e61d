#include "graph/neo4j/server_version.hpp"

#include <whisperstore/core/error.hpp>

#include <charconv>
#include <string>
#include <utility>

namespace whisperstore::graph::neo4j {

namespace {

/// Major and minor; zero for what is no number.
std::pair<int, int> version_in(std::string_view text)
{
    std::pair<int, int> version{0, 0};
    const auto [dot, error] = std::from_chars(text.data(), text.data() + text.size(), version.first);
    if (error == std::errc() && dot != text.data() + text.size() && *dot == '.')
        std::from_chars(dot + 1, text.data() + text.size(), version.second);
    return version;
}

} // namespace

void require_server(std::string_view agent)
{
    constexpr std::string_view name = "Neo4j/";
    constexpr std::pair<int, int> oldest{5, 26};
    if (agent.starts_with(name) && version_in(agent.substr(name.size())) < oldest)
        throw StorageError(StorageErrc::version_mismatch,
                           "the server is " + std::string(agent) + "; the graph needs Neo4j 5.26 or newer");
}

} // namespace whisperstore::graph::neo4j
