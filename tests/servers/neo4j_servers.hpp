#pragma once
// The real Neo4j server that tests/servers/neo4j starts: one for a whole run of tests (the CTest fixture "neo4j"). Its
// edition has one database for everybody, so each test keeps to nodes of its own: see unique_graph_name().

#include <cstdint>
#include <filesystem>
#include <string>

namespace whisperstore::test {

/// How to reach the server.
struct Neo4jAddress
{
    std::uint16_t port = 0; ///< of 127.0.0.1, also "localhost"; takes connections in the clear and TLS ones
    std::string username;
    std::string password;
    std::filesystem::path authority; ///< a PEM file: who signed the server's certificate

    /// \param scheme "bolt", "bolt+s", "neo4j" …; without user and password
    std::string uri(const std::string& scheme = "bolt") const;
};

/// \throws std::runtime_error saying how to start a server when this test runs without.
Neo4jAddress neo4j_address();

/// A name that no other test, nor another run, has used.
std::string unique_graph_name();

} // namespace whisperstore::test
