#include "servers/postgresql_servers.hpp"

#include "support/child_process.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <libpq-fe.h>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace whisperstore::test {

namespace {

std::string run_servers_script(const std::vector<std::string>& arguments)
{
    std::vector<std::string> command{WHISPERSTORE_POSTGRESQL_SERVERS};
    command.insert(command.end(), arguments.begin(), arguments.end());
    ChildProcess script(command);
    std::string output = script.read_rest(std::chrono::minutes(2));
    if (script.wait() != 0)
        throw std::runtime_error("tests/servers/postgresql " + arguments.front() + " failed; its message is above");
    return output;
}

using Result = std::unique_ptr<PGresult, decltype(&::PQclear)>;

std::string unique_name()
{
    static std::atomic<int> number{0};
    std::ostringstream name;
    name << "test_" << ::getpid() << '_' << std::chrono::system_clock::now().time_since_epoch().count() << '_'
         << ++number;
    return name.str();
}

} // namespace

PostgresqlServers::PostgresqlServers()
{
    const char* folder = std::getenv("WHISPERSTORE_TEST_POSTGRESQL");
    std::ifstream file;
    if (folder && *folder) {
        folder_ = folder;
        file.open(folder_ / "environment");
    }
    if (!file.is_open())
        throw std::runtime_error(
            "this test needs PostgreSQL servers. ctest starts them; by hand: tests/servers/postgresql start FOLDER, "
            "and WHISPERSTORE_TEST_POSTGRESQL=FOLDER in the environment");
    for (std::string line; std::getline(file, line);) {
        const std::size_t equals = line.find('=');
        values_[line.substr(0, equals)] = line.substr(equals + 1);
    }
}

const PostgresqlServers& PostgresqlServers::get()
{
    static const PostgresqlServers servers;
    return servers;
}

const std::string& PostgresqlServers::value(const std::string& key) const
{
    const auto found = values_.find(key);
    if (found == values_.end())
        throw std::runtime_error((folder_ / "environment").string() + " has no " + key);
    return found->second;
}

std::uint16_t PostgresqlServers::port(const std::string& key) const
{
    return static_cast<std::uint16_t>(std::stoul(value(key)));
}

ConnectionUrl PostgresqlServers::url(std::uint16_t port, const std::string& database) const
{
    ConnectionUrl url;
    url.scheme = "postgresql";
    url.username = user();
    url.password = password();
    url.hosts.push_back(HostPort{"127.0.0.1", port});
    url.path = "/" + database;
    return url;
}

ConnectionUrl PostgresqlServers::primary(const std::string& database) const
{
    return url(port("PRIMARY_PORT"), database);
}

ConnectionUrl PostgresqlServers::standby(const std::string& database) const
{
    return url(port("STANDBY_PORT"), database);
}

ConnectionUrl PostgresqlServers::pgbouncer(const std::string& database) const
{
    return url(port("PGBOUNCER_PORT"), database);
}

ConnectionUrl PostgresqlServers::tls(const std::string& database) const
{
    ConnectionUrl encrypted = url(port("TLS_PORT"), database);
    encrypted.hosts.front().host = "localhost";
    return with(with(std::move(encrypted), "sslmode", "verify-full"), "sslrootcert", authority().string());
}

ConnectionUrl PostgresqlServers::certified(const std::string& database) const
{
    ConnectionUrl client = tls(database);
    client.username = "certified";
    client.password.reset();
    return with(with(std::move(client), "sslcert", value("CLIENT_CERTIFICATE")), "sslkey", value("CLIENT_KEY"));
}

ConnectionUrl with(ConnectionUrl url, const std::string& key, const std::string& value)
{
    std::erase_if(url.query, [&](const auto& parameter) { return parameter.first == key; });
    url.query.emplace_back(key, value);
    return url;
}

ConnectionUrl as_user(ConnectionUrl url, const std::string& user, const std::string& password)
{
    url.username = user;
    url.password = password;
    return url;
}

PlainConnection::PlainConnection(const ConnectionUrl& url)
    : connection_(::PQconnectdb(url.to_string().c_str()), &::PQfinish)
{
    if (::PQstatus(connection_.get()) != CONNECTION_OK)
        throw std::runtime_error(::PQerrorMessage(connection_.get()));
}

std::vector<PlainRow> PlainConnection::execute(const std::string& sql, std::initializer_list<std::string> parameters)
{
    std::vector<const char*> values;
    for (const std::string& parameter : parameters)
        values.push_back(parameter.c_str());
    const Result result(::PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                                       values.data(), nullptr, nullptr, 0),
                        &::PQclear);
    const ExecStatusType status = ::PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw std::runtime_error(::PQerrorMessage(connection_.get()));
    std::vector<PlainRow> rows(static_cast<std::size_t>(::PQntuples(result.get())));
    for (std::size_t row = 0; row < rows.size(); ++row)
        for (int column = 0; column < ::PQnfields(result.get()); ++column) {
            const int number = static_cast<int>(row);
            std::optional<std::string> cell;
            if (::PQgetisnull(result.get(), number, column) == 0)
                cell = ::PQgetvalue(result.get(), number, column);
            rows[row].push_back(std::move(cell));
        }
    return rows;
}

std::string PlainConnection::value(const std::string& sql, std::initializer_list<std::string> parameters)
{
    const std::vector<PlainRow> rows = execute(sql, parameters);
    if (rows.empty() || rows.front().empty())
        throw std::runtime_error("no rows: " + sql);
    return rows.front().front().value_or("NULL");
}

void PlainConnection::script(const std::string& sql)
{
    const Result result(::PQexec(connection_.get(), sql.c_str()), &::PQclear);
    const ExecStatusType status = ::PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw std::runtime_error(::PQerrorMessage(connection_.get()));
}

std::string PlainConnection::quoted(const std::string& name) const
{
    const std::unique_ptr<char, decltype(&::PQfreemem)> text(
        ::PQescapeIdentifier(connection_.get(), name.data(), name.size()), &::PQfreemem);
    return text ? text.get() : throw std::runtime_error(::PQerrorMessage(connection_.get()));
}

std::string PlainConnection::literal(const std::string& text) const
{
    const std::unique_ptr<char, decltype(&::PQfreemem)> quoted_text(
        ::PQescapeLiteral(connection_.get(), text.data(), text.size()), &::PQfreemem);
    return quoted_text ? quoted_text.get() : throw std::runtime_error(::PQerrorMessage(connection_.get()));
}

TestDatabase::TestDatabase() : name_(unique_name())
{
    PlainConnection primary(PostgresqlServers::get().primary());
    primary.script("CREATE DATABASE " + name_);
}

TestDatabase::~TestDatabase()
{
    try {
        PlainConnection primary(PostgresqlServers::get().primary());
        primary.script("DROP DATABASE " + name_ + " WITH (FORCE)");
    } catch (const std::exception& error) {
        ADD_FAILURE() << "the test's database is left behind: " << error.what();
    }
}

ConnectionUrl TestDatabase::url() const { return PostgresqlServers::get().primary(name_); }

ConnectionUrl TestDatabase::pgbouncer_url() const { return PostgresqlServers::get().pgbouncer(name_); }

ConnectionUrl TestDatabase::standby_url() const
{
    PlainConnection primary(PostgresqlServers::get().primary());
    PlainConnection standby(PostgresqlServers::get().standby());
    const std::string written = primary.value("SELECT pg_current_wal_insert_lsn()");
    if (!eventually([&] { return standby.value("SELECT pg_last_wal_replay_lsn() >= $1", {written}) == "t"; }))
        throw std::runtime_error("the standby does not follow the primary");
    return PostgresqlServers::get().standby(name_);
}

std::int64_t TestDatabase::connections() const
{
    PlainConnection primary(PostgresqlServers::get().primary());
    return std::stoll(primary.value("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", {name_}));
}

PostgresqlCluster::PostgresqlCluster(std::size_t count)
{
    std::istringstream lines(
        run_servers_script({"cluster", PostgresqlServers::get().folder().string(), std::to_string(count)}));
    Node node;
    for (std::string folder; lines >> node.port >> folder;) {
        node.folder = folder;
        nodes_.push_back(node);
    }
    if (nodes_.size() != count)
        throw std::runtime_error("the cluster has not as many servers as it should");
}

PostgresqlCluster::~PostgresqlCluster()
{
    try {
        run_servers_script({"remove", nodes_.front().folder.parent_path().string()});
    } catch (const std::exception& error) {
        ADD_FAILURE() << "the test's cluster is left behind: " << error.what();
    }
}

ConnectionUrl PostgresqlCluster::url(std::size_t node, const std::string& database) const
{
    return PostgresqlServers::get().url(port(node), database);
}

ConnectionUrl PostgresqlCluster::url_of_all(const std::string& database) const
{
    ConnectionUrl all = url(0, database);
    for (std::size_t node = 1; node < size(); ++node)
        all.hosts.push_back(HostPort{"127.0.0.1", port(node)});
    return all;
}

void PostgresqlCluster::kill(std::size_t node) { run_servers_script({"kill", nodes_.at(node).folder.string()}); }

void PostgresqlCluster::start(std::size_t node) { run_servers_script({"start-node", nodes_.at(node).folder.string()}); }

void PostgresqlCluster::promote(std::size_t node) { run_servers_script({"promote", nodes_.at(node).folder.string()}); }

void PostgresqlCluster::rejoin(std::size_t node, std::size_t primary)
{
    run_servers_script({"rejoin", PostgresqlServers::get().folder().string(), nodes_.at(node).folder.string(),
                        nodes_.at(primary).folder.string()});
}

void PostgresqlCluster::set(std::size_t node, const std::string& setting, const std::string& value)
{
    PlainConnection server(url(node));
    const std::string before = server.value("SELECT pg_conf_load_time()");
    server.script("ALTER SYSTEM SET " + server.quoted(setting) + " = " + server.literal(value));
    server.script("SELECT pg_reload_conf()");
    // Each of the server's processes reads its files a moment later, this connection's too.
    if (!eventually([&] { return server.value("SELECT pg_conf_load_time() > $1", {before}) == "t"; }))
        throw std::runtime_error("the server does not take " + setting);
}

void PostgresqlCluster::set_synchronous(std::size_t primary, std::size_t standbys, const std::string& level)
{
    set(primary, "synchronous_commit", level);
    set(primary, "synchronous_standby_names", standbys == 0 ? "" : "ANY " + std::to_string(standbys) + " (*)");
}

} // namespace whisperstore::test
