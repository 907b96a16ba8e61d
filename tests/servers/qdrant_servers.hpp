#pragma once
// The stand-in for Qdrant that tests/servers/qdrant starts: one for a whole run of tests (the CTest fixture "qdrant"),
// of which each test sees a part of its own, and others of a test's own to break.

#include "support/test_directory.hpp"

#include <whisperstore/core/connection_url.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace whisperstore::test {

struct QdrantAnswer
{
    int status = 0;
    std::string body = {};
};

/// How to reach a stand-in.
struct QdrantAddress
{
    std::vector<std::uint16_t> ports = {}; ///< of 127.0.0.1: one for each node
    std::string api_key = {};              ///< empty: it takes everybody
    bool tls = false;
    std::string base_path = {}; ///< before every endpoint: "/t/TOKEN", or empty

    /// With all its nodes; without the key, which is sent as a header.
    ConnectionUrl url() const;
    /// Asks the first node by nothing but a socket: what a test looks at the server with. Blocks. Not over TLS.
    /// \param path of the endpoint, "/collections"
    QdrantAnswer ask(const std::string& method, const std::string& path, const std::string& body = {}) const;
};

/// What one test sees of this run's stand-in, which takes a key: no collections at first, and nobody else's ever.
/// Removed with the object.
class QdrantUniverse
{
public:
    /// \throws std::runtime_error saying how to start a stand-in when this test runs without.
    QdrantUniverse();
    ~QdrantUniverse();
    QdrantUniverse(const QdrantUniverse&) = delete;
    QdrantUniverse& operator=(const QdrantUniverse&) = delete;

    const QdrantAddress& address() const noexcept { return address_; }

private:
    QdrantAddress address_;
};

/// A stand-in of a test's own, to be killed and started again. All of it goes with the object.
class QdrantServer
{
public:
    struct Options
    {
        std::string api_key = {};
        std::size_t nodes = 1;                  ///< ports that answer as the nodes of one cluster
        std::filesystem::path certificate = {}; ///< a PEM file, with its key: takes TLS only
        std::filesystem::path key = {};         ///< when it is in a file of its own
        double keep_alive_seconds = 5;          ///< how long an idle connection stays open
    };

    /// It answers.
    explicit QdrantServer(Options options);
    QdrantServer() : QdrantServer(Options{}) {}
    ~QdrantServer();
    QdrantServer(const QdrantServer&) = delete;
    QdrantServer& operator=(const QdrantServer&) = delete;

    const QdrantAddress& address() const noexcept { return address_; }
    /// SIGKILL. What it had answered with wait=true is there after start().
    void kill();
    /// Starts it again, on the same ports, after kill().
    void start();
    /// What it has printed: nothing, unless something failed in it.
    std::string log() const;

private:
    TestDirectory directory_;
    Options options_;
    QdrantAddress address_;
};

} // namespace whisperstore::test
