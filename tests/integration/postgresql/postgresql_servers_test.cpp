// The servers that the other tests rely on are what they are said to be.

#include "servers/postgresql_servers.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

namespace whisperstore::test {

namespace {

const PostgresqlServers& servers() { return PostgresqlServers::get(); }

bool is_refused(const ConnectionUrl& url, const std::string& reason)
{
    try {
        const PlainConnection connection(url);
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
        return true;
    }
    return false;
}

TEST(PostgresqlServers, PrimaryTakesWrites)
{
    PlainConnection primary(servers().primary());
    EXPECT_EQ(primary.value("SELECT pg_is_in_recovery()"), "f");
    EXPECT_EQ(primary.value("SHOW server_encoding"), "UTF8");
    EXPECT_GE(std::stoi(primary.value("SHOW max_connections")), 150);
}

TEST(PostgresqlServers, PasswordsAreChecked)
{
    EXPECT_TRUE(is_refused(as_user(servers().primary(), "postgres", "wrong"), "password authentication failed"));
    EXPECT_TRUE(is_refused(as_user(servers().pgbouncer(), "postgres", "wrong"), "SASL authentication failed"));
    EXPECT_EQ(PlainConnection(as_user(servers().primary(), "guest", "guest's")).value("SELECT current_user"), "guest");
    EXPECT_EQ(PlainConnection(as_user(servers().primary(), "veteran", "veteran's")).value("SELECT current_user"),
              "veteran");
}

TEST(PostgresqlServers, StandbyFollowsAndRefusesWrites)
{
    const TestDatabase database;
    PlainConnection primary(database.url());
    primary.script("CREATE TABLE things (name text); INSERT INTO things VALUES ('kettle')");
    PlainConnection standby(database.standby_url());
    EXPECT_EQ(standby.value("SELECT name FROM things"), "kettle");
    EXPECT_EQ(standby.value("SELECT pg_is_in_recovery()"), "t");
    EXPECT_THROW(standby.execute("DELETE FROM things"), std::runtime_error);
}

TEST(PostgresqlServers, TlsServerTakesNothingElseAndIsKnownByName)
{
    EXPECT_EQ(PlainConnection(servers().tls()).value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t");
    EXPECT_TRUE(is_refused(with(servers().tls(), "sslmode", "disable"), "no pg_hba.conf entry"));
    EXPECT_TRUE(is_refused(with(servers().tls(), "sslrootcert", servers().stranger().string()), "certificate verify"));
    ConnectionUrl other_name = servers().tls();
    other_name.hosts.front().host = "127.0.0.1";
    EXPECT_TRUE(is_refused(other_name, "does not match host name"));
    EXPECT_NO_THROW(PlainConnection(with(other_name, "sslmode", "verify-ca")));
}

TEST(PostgresqlServers, ClientCertificateIsAskedFor)
{
    EXPECT_EQ(PlainConnection(servers().certified()).value("SELECT current_user"), "certified");
    EXPECT_TRUE(is_refused(as_user(servers().tls(), "certified", servers().password()), "client certificate"));
    const ConnectionUrl strange =
        with(with(servers().certified(), "sslcert", servers().strange_client_certificate().string()), "sslkey",
             servers().strange_client_key().string());
    EXPECT_TRUE(is_refused(strange, "unknown ca"));
}

TEST(PostgresqlServers, PgbouncerPoolsByTransaction)
{
    const TestDatabase database;
    PlainConnection first(database.pgbouncer_url());
    PlainConnection second(database.pgbouncer_url());
    const std::string process = "SELECT pg_backend_pid()";
    EXPECT_EQ(first.value(process), second.value(process));
    first.script("BEGIN");
    EXPECT_NE(first.value(process), second.value(process));
    first.script("COMMIT");
}

TEST(PostgresqlServers, TestDatabaseGoesWithItsObject)
{
    std::string name;
    {
        const TestDatabase database;
        name = database.name();
        const PlainConnection open(database.url());
        EXPECT_EQ(database.connections(), 1);
    }
    PlainConnection primary(servers().primary());
    EXPECT_EQ(primary.value("SELECT count(*) FROM pg_database WHERE datname = $1", {name}), "0");
}

TEST(PostgresqlServers, ClusterFailsOverAndTakesTheOldPrimaryBack)
{
    PostgresqlCluster cluster(2);
    {
        PlainConnection primary(cluster.url(0));
        primary.script("CREATE TABLE things (name text); INSERT INTO things VALUES ('kettle')");
        cluster.set_synchronous(0, 1, "remote_apply");
        primary.script("INSERT INTO things VALUES ('pot')");
        EXPECT_EQ(PlainConnection(cluster.url(1)).value("SELECT count(*) FROM things"), "2");
        cluster.set_synchronous(0, 0);

        cluster.kill(0);
        EXPECT_THROW(primary.execute("SELECT 1"), std::runtime_error);
        EXPECT_TRUE(is_refused(cluster.url(0), "onnection refused"));
    }
    cluster.promote(1);
    PlainConnection promoted(with(cluster.url_of_all(), "target_session_attrs", "read-write"));
    EXPECT_EQ(promoted.value("SELECT inet_server_port()"), std::to_string(cluster.port(1)));
    promoted.script("INSERT INTO things VALUES ('pan')");

    cluster.rejoin(0, 1);
    PlainConnection rejoined(cluster.url(0));
    EXPECT_TRUE(eventually([&] { return rejoined.value("SELECT count(*) FROM things") == "3"; }));
    EXPECT_EQ(rejoined.value("SELECT pg_is_in_recovery()"), "t");
}

TEST(PostgresqlServers, KilledServerComesBackWithWhatItAcknowledged)
{
    PostgresqlCluster cluster(1);
    PlainConnection(cluster.url(0)).script("CREATE TABLE things (name text); INSERT INTO things VALUES ('kettle')");
    EXPECT_EQ(PlainConnection(cluster.url(0)).value("SHOW fsync"), "on");
    cluster.kill(0);
    cluster.start(0);
    EXPECT_EQ(PlainConnection(cluster.url(0)).value("SELECT name FROM things"), "kettle");
}

TEST(PostgresqlServers, StandbyCanBeMadeToLag)
{
    PostgresqlCluster cluster(2);
    cluster.set(1, "recovery_min_apply_delay", "1h");
    PlainConnection(cluster.url(0)).script("CREATE TABLE things (name text)");
    PlainConnection standby(cluster.url(1));
    EXPECT_TRUE(eventually(
        [&] { return standby.value("SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()") == "t"; }));
    EXPECT_EQ(standby.value("SELECT to_regclass('things') IS NULL"), "t");
    cluster.set(1, "recovery_min_apply_delay", "0");
    EXPECT_TRUE(eventually([&] { return standby.value("SELECT to_regclass('things') IS NULL") == "f"; }));
}

} // namespace

} // namespace whisperstore::test
