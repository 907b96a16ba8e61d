#pragma once
// The real Chroma server that tests/servers/chroma starts: one for a whole run of tests (the CTest fixture "chroma"),
// of which each test has a database of its own.

#include <cstdint>
#include <filesystem>
#include <string>

namespace whisperstore::test {

struct ChromaAnswer
{
    int status = 0;
    std::string body = {};
};

/// A tenant and database of one test, empty at first. The database is deleted with the object.
class ChromaDatabase
{
public:
    /// \throws std::runtime_error saying how to start a server when this test runs without.
    ChromaDatabase();
    ~ChromaDatabase();
    ChromaDatabase(const ChromaDatabase&) = delete;
    ChromaDatabase& operator=(const ChromaDatabase&) = delete;

    /// Of 127.0.0.1.
    std::uint16_t port() const noexcept { return port_; }
    const std::string& tenant() const noexcept { return tenant_; }
    const std::string& database() const noexcept { return database_; }

    /// Asks the server by nothing but a socket: what a test looks at it with, or does to it as another program would.
    /// Blocks. \param path within the database: "/collections"
    ChromaAnswer ask(const std::string& method, const std::string& path, const std::string& body = {}) const;

private:
    std::string base() const;

    std::uint16_t port_ = 0;
    std::string tenant_;
    std::string database_;
};

/// Where `chroma` is, for a server of a test's own; it needs no fixture.
std::filesystem::path chroma_program();

} // namespace whisperstore::test
