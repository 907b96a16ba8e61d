#pragma once
// The real PostgreSQL servers that tests/servers/postgresql starts: one set for a whole run of tests (the CTest
// fixture "postgresql"), and clusters of a test's own to break.

#include <whisperstore/core/connection_url.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct pg_conn;

namespace whisperstore::test {

/// The servers of this run, which live longer than the test: it must leave them as it found them. They do not sync.
///
/// The superuser's password holds all that a URL, a configuration file and a connection string must escape. Roles
/// besides: "guest" (password "guest's"), "veteran" (the same, hashed by MD5: "veteran's"), and on the TLS server
/// "certified", which takes a client certificate only. max_connections is 200.
class PostgresqlServers
{
public:
    /// \throws std::runtime_error saying how to start them when this test runs without.
    static const PostgresqlServers& get();

    ConnectionUrl primary(const std::string& database = "postgres") const;
    /// A hot standby of the primary, a moment behind.
    ConnectionUrl standby(const std::string& database = "postgres") const;
    /// PgBouncer before the primary, in transaction mode.
    ConnectionUrl pgbouncer(const std::string& database = "postgres") const;
    /// Takes TLS only; its certificate is for "localhost", the URL's host, and not for 127.0.0.1. With
    /// sslmode=verify-full and the right authority.
    ConnectionUrl tls(const std::string& database = "postgres") const;
    /// As "certified", with its certificate.
    ConnectionUrl certified(const std::string& database = "postgres") const;

    const std::string& user() const { return value("USER"); }
    const std::string& password() const { return value("PASSWORD"); }
    /// PEM files: the authority of the TLS server's certificate and the clients', and one that nobody trusts, with
    /// a certificate of the same client name.
    std::filesystem::path authority() const { return value("AUTHORITY"); }
    std::filesystem::path stranger() const { return value("STRANGER"); }
    std::filesystem::path strange_client_certificate() const { return value("STRANGE_CLIENT_CERTIFICATE"); }
    std::filesystem::path strange_client_key() const { return value("STRANGE_CLIENT_KEY"); }

    /// Of any server on 127.0.0.1 that has the same superuser.
    ConnectionUrl url(std::uint16_t port, const std::string& database = "postgres") const;
    std::filesystem::path folder() const { return folder_; }

private:
    PostgresqlServers();
    const std::string& value(const std::string& key) const;
    std::uint16_t port(const std::string& key) const;

    std::filesystem::path folder_;
    std::map<std::string, std::string> values_;
};

/// A URL with another value of a parameter.
ConnectionUrl with(ConnectionUrl url, const std::string& key, const std::string& value);
/// A URL with another user.
ConnectionUrl as_user(ConnectionUrl url, const std::string& user, const std::string& password);

/// A row's cells as text; none for NULL.
using PlainRow = std::vector<std::optional<std::string>>;

/// A connection by nothing but libpq: what a test looks at the server with, and sets it up. Blocks.
class PlainConnection
{
public:
    /// \throws std::runtime_error with the server's message.
    explicit PlainConnection(const ConnectionUrl& url);
    std::vector<PlainRow> execute(const std::string& sql, std::initializer_list<std::string> parameters = {});
    /// The first cell of the first row; "NULL" for a null. \throws std::runtime_error when there is none.
    std::string value(const std::string& sql, std::initializer_list<std::string> parameters = {});
    /// Several statements, as in a script.
    void script(const std::string& sql);
    std::string quoted(const std::string& name) const; ///< as an identifier
    std::string literal(const std::string& text) const;

private:
    std::unique_ptr<pg_conn, void (*)(pg_conn*)> connection_;
};

/// An empty database of its own on the primary, dropped with the object, whoever is connected to it.
class TestDatabase
{
public:
    TestDatabase();
    ~TestDatabase();
    TestDatabase(const TestDatabase&) = delete;
    TestDatabase& operator=(const TestDatabase&) = delete;

    const std::string& name() const noexcept { return name_; }
    ConnectionUrl url() const;
    ConnectionUrl pgbouncer_url() const;
    /// Returns when the standby has it, with all that has been committed so far.
    ConnectionUrl standby_url() const;
    /// The server's connections to it, but for the caller's own.
    std::int64_t connections() const;

private:
    std::string name_;
};

/// Servers of a test's own, to be killed, promoted and restarted: a primary (number 0) and its standbys. They sync.
class PostgresqlCluster
{
public:
    /// All of them accept connections, and the standbys stream.
    explicit PostgresqlCluster(std::size_t count);
    ~PostgresqlCluster();
    PostgresqlCluster(const PostgresqlCluster&) = delete;
    PostgresqlCluster& operator=(const PostgresqlCluster&) = delete;

    std::size_t size() const noexcept { return nodes_.size(); }
    std::uint16_t port(std::size_t node) const { return nodes_.at(node).port; }
    ConnectionUrl url(std::size_t node, const std::string& database = "postgres") const;
    /// With all the hosts, in the order of their numbers.
    ConnectionUrl url_of_all(const std::string& database = "postgres") const;

    /// SIGKILL for all its processes.
    void kill(std::size_t node);
    /// Starts it again after kill(); as what it was.
    void start(std::size_t node);
    void promote(std::size_t node);
    /// A killed primary becomes a standby of `primary` (pg_rewind), and is started.
    void rejoin(std::size_t node, std::size_t primary);
    /// Changes a setting that needs no restart (`recovery_min_apply_delay`, `default_transaction_read_only`), from the
    /// next command of each connection on.
    void set(std::size_t node, const std::string& setting, const std::string& value);
    /// A commit on `primary` returns when each of `standbys` of the others has it; with remote_apply when it is seen
    /// there. 0: asynchronous again.
    void set_synchronous(std::size_t primary, std::size_t standbys, const std::string& level = "on");

private:
    struct Node
    {
        std::uint16_t port = 0;
        std::filesystem::path folder;
    };
    std::vector<Node> nodes_;
};

} // namespace whisperstore::test
