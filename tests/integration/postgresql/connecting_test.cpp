// Ways to a server: TLS, certificates, passwords, poolers, standbys.

#include "integration/postgresql/postgresql_support.hpp"
#include "servers/chaos_proxy.hpp"

#include <gtest/gtest.h>

namespace whisperstore::test {

namespace {

const PostgresqlServers& servers() { return PostgresqlServers::get(); }

StorageError refusal(const ConnectionUrl& url)
{
    PostgreSQLAdapter db(postgresql_config(url, 1));
    const StorageError error = error_of([&] { run(db.connect(OperationContext::within(std::chrono::seconds(10)))); });
    EXPECT_EQ(std::string(error.what()).find(servers().password()), std::string::npos) << error.what();
    EXPECT_EQ(error.backend(), "postgresql");
    EXPECT_STORAGE_ERROR(run(db.execute_query("SELECT 1")), closed);
    return error;
}

std::string user(const ConnectionUrl& url)
{
    const auto db = connected(url, 1);
    const QueryResult result = run(db->execute_query("SELECT current_user AS name"));
    run(db->disconnect());
    return std::string(result.rows[0]["name"].as_text());
}

bool is_encrypted(const ConnectionUrl& url)
{
    const auto db = connected(url, 1);
    const QueryResult result = run(db->execute_query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"));
    run(db->disconnect());
    return result.rows[0]["ssl"].as_bool();
}

TEST(PostgresqlConnecting, TlsIsVerified)
{
    EXPECT_TRUE(is_encrypted(servers().tls()));
    EXPECT_TRUE(is_encrypted(with(servers().tls(), "sslmode", "require")));
    const StorageError stranger = refusal(with(servers().tls(), "sslrootcert", servers().stranger().string()));
    EXPECT_EQ(stranger.errc(), StorageErrc::authentication) << stranger.what();
    EXPECT_FALSE(stranger.retryable());
    EXPECT_NE(stranger.message().find("certificate"), std::string::npos) << stranger.what();
    ConnectionUrl other_name = servers().tls();
    other_name.hosts.front().host = "127.0.0.1";
    const StorageError unnamed = refusal(other_name);
    EXPECT_EQ(unnamed.errc(), StorageErrc::authentication) << unnamed.what();
    EXPECT_NE(unnamed.message().find("127.0.0.1"), std::string::npos) << unnamed.what();
    EXPECT_TRUE(is_encrypted(with(other_name, "sslmode", "verify-ca")));
}

TEST(PostgresqlConnecting, WithoutTlsWhereItIsNeededIsRefused)
{
    const StorageError error = refusal(with(servers().tls(), "sslmode", "disable"));
    EXPECT_EQ(error.errc(), StorageErrc::authentication) << error.what();
    // And a server without TLS is not used by somebody who wants it.
    EXPECT_EQ(refusal(with(servers().primary(), "sslmode", "require")).errc(), StorageErrc::authentication);
}

TEST(PostgresqlConnecting, ClientCertificates)
{
    EXPECT_EQ(user(servers().certified()), "certified");
    EXPECT_EQ(refusal(as_user(servers().tls(), "certified", servers().password())).errc(), StorageErrc::authentication);
    const ConnectionUrl strange =
        with(with(servers().certified(), "sslcert", servers().strange_client_certificate().string()), "sslkey",
             servers().strange_client_key().string());
    const StorageError error = refusal(strange);
    EXPECT_TRUE(error.errc() == StorageErrc::authentication || error.errc() == StorageErrc::unavailable)
        << error.what();
}

TEST(PostgresqlConnecting, PasswordsOfEveryKind)
{
    EXPECT_EQ(user(servers().primary()), "postgres"); // a@b/c:d and worse
    EXPECT_EQ(user(as_user(servers().primary(), "guest", "guest's")), "guest");
    EXPECT_EQ(user(as_user(servers().primary(), "veteran", "veteran's")), "veteran"); // MD5
}

TEST(PostgresqlConnecting, WrongPasswordsAreAuthenticationAndNotTriedAgain)
{
    for (const auto& [name, password] : {std::pair("guest", "very wrong"), std::pair("nobody", "x"),
                                         std::pair("veteran", ""), std::pair("guest", "")}) {
        const StorageError error = refusal(as_user(servers().primary(), name, password));
        EXPECT_EQ(error.errc(), StorageErrc::authentication) << error.what();
        EXPECT_FALSE(error.retryable());
        EXPECT_NE(error.message().find(name), std::string::npos) << error.what();
        EXPECT_EQ(error.message().find("very wrong"), std::string::npos) << error.what();
    }
}

TEST(PostgresqlConnecting, AnUnknownDatabaseIsNotFound)
{
    const StorageError error = refusal(servers().primary("no such database"));
    EXPECT_EQ(error.errc(), StorageErrc::not_found) << error.what();
    EXPECT_NE(error.message().find("no such database"), std::string::npos) << error.what();
}

TEST(PostgresqlConnecting, NobodyThereIsUnavailableAndSaysWhere)
{
    PostgresqlCluster cluster(1);
    cluster.kill(0);
    const StorageError error = refusal(cluster.url(0));
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_NE(error.message().find("127.0.0.1:" + std::to_string(cluster.port(0))), std::string::npos) << error.what();
    ConnectionUrl unknown = servers().primary();
    unknown.hosts.front().host = "no-such-host.invalid";
    EXPECT_EQ(refusal(unknown).errc(), StorageErrc::unavailable);
}

TEST(PostgresqlConnecting, AServerThatSaysNothingEndsWithTheDeadline)
{
    ChaosProxy proxy(static_cast<std::uint16_t>(*servers().primary().hosts.front().port));
    ChaosRule rule;
    rule.cut_answer_at = 0;
    rule.cut = ChaosRule::Cut::black_hole;
    proxy.set_rule(rule);
    PostgreSQLAdapter db(postgresql_config(servers().url(proxy.port()), 1));
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_STORAGE_ERROR(run(db.connect(OperationContext::within(std::chrono::milliseconds(200)))), timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
    PostgreSQLAdapter patient(postgresql_config(with(servers().url(proxy.port()), "connect_timeout", "1"), 1));
    const StorageError error = error_of([&] { run(patient.connect()); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable) << error.what();
    proxy.clear();
    run(db.connect());
    EXPECT_EQ(run(db.execute_query("SELECT 1 AS v")).rows[0]["v"], 1);
    run(db.disconnect());
}

TEST(PostgresqlConnecting, TheApplicationsNameIsSeen)
{
    const auto db = connected(with(servers().primary(), "application_name", "it's \"me\" \\"), 1);
    const QueryResult result = run(db->execute_query("SHOW application_name"));
    EXPECT_EQ(result.rows[0][0], "it's \"me\" \\");
    run(db->disconnect());
}

TEST(PostgresqlConnecting, AStandbyReadsAndRefusesWrites)
{
    const TestDatabase database;
    PlainConnection(database.url()).script("CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (7)");
    const auto db = connected(database.standby_url(), 2);
    EXPECT_EQ(run(db->execute_query("SELECT a FROM t")).rows[0]["a"], 7);
    const StorageError error = error_of([&] { run(db->execute_query("INSERT INTO t VALUES (1)")); });
    EXPECT_EQ(error.errc(), StorageErrc::permission) << error.what();
    EXPECT_EQ(error.native_code(), "25006");
    EXPECT_FALSE(error.retryable());
    EXPECT_STORAGE_ERROR(run(db->execute_query("CREATE TABLE u (a BIGINT)")), permission);
    EXPECT_STORAGE_ERROR(run(db->execute_transaction(queries(query("DELETE FROM t")))), permission);
    RowStream stream = run(db->stream_query("SELECT a FROM t"));
    EXPECT_EQ(run(stream.next()).size(), 1U);
    stream.close();
    run(db->disconnect());
}

TEST(PostgresqlConnecting, ReadOnlyAdaptersRefuseWrites)
{
    const TestDatabase database;
    PlainConnection(database.url()).script("CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (7)");
    DatabaseConfig config = postgresql_config(database.url(), 2);
    config.read_only = true;
    PostgreSQLAdapter db(config);
    run(db.connect());
    EXPECT_EQ(run(db.execute_query("SELECT a FROM t")).rows[0]["a"], 7);
    EXPECT_STORAGE_ERROR(run(db.execute_query("INSERT INTO t VALUES (1)")), permission);
    EXPECT_STORAGE_ERROR(run(db.execute_transaction(queries(query("DELETE FROM t")))), permission);
    EXPECT_STORAGE_ERROR(
        run(db.execute_transaction(queries(query("SET TRANSACTION READ WRITE"), query("INSERT INTO t VALUES (1)")))),
        invalid_argument);
    EXPECT_EQ(run(db.execute_query("SELECT count(*) AS n FROM t")).rows[0]["n"], 1);
    run(db.disconnect());
}

class PostgresqlPgBouncer : public testing::Test
{
protected:
    ConnectionUrl url() const { return with(database.pgbouncer_url(), "prepared_statements", "false"); }

    TestDatabase database;
};

TEST_F(PostgresqlPgBouncer, EverythingWorksInTransactionMode)
{
    const auto db = connected(url(), 8); // PgBouncer has four connections to the server
    run(db->setup_schema(WhisperEngineSchema::get_core_schema()));
    std::vector<std::future<QueryResult>> all;
    for (int i = 0; i < 200; ++i)
        all.push_back(start(db->execute_query("INSERT INTO users (user_id, username) VALUES (:id, :name)",
                                              params(arg("id", i % 150), arg("name", "x")))));
    int refused = 0;
    for (std::future<QueryResult>& one : all) {
        try {
            EXPECT_EQ(wait(std::move(one)).row_count, 1);
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::constraint_violation) << error.what();
            ++refused;
        }
    }
    EXPECT_EQ(refused, 50);
    for (int i = 0; i < 20; ++i) {
        run(db->execute_transaction(
            queries(query("UPDATE users SET message_count = message_count + 1 WHERE user_id = ?", params(arg(i))),
                    query("SELECT user_id FROM users WHERE user_id = ?", params(arg(i))))));
        Transaction transaction = run(db->begin_transaction());
        run(transaction.execute_query("UPDATE users SET message_count = ? WHERE user_id = ?", params(arg(i), arg(i))));
        if (i % 2 == 0)
            run(transaction.commit());
    }
    RowStream stream = run(db->stream_query("SELECT user_id FROM users"));
    std::size_t streamed = 0;
    for (Rows rows = run(stream.next()); !rows.empty(); rows = run(stream.next()))
        streamed += rows.size();
    EXPECT_EQ(streamed, 150U);
    const QueryResult result = run(db->execute_query("SELECT message_count FROM users WHERE user_id = '18'"));
    EXPECT_EQ(result.rows[0][0], 18);
    run(db->disconnect());
}

TEST_F(PostgresqlPgBouncer, ServersAreHandedBackAsTheyWere)
{
    const auto db = connected(url(), 4);
    PlainConnection neighbour(database.pgbouncer_url());
    const std::string before = neighbour.value("SHOW statement_timeout");
    std::vector<std::future<QueryResult>> all;
    for (int i = 0; i < 20; ++i)
        all.push_back(start(db->execute_query("SELECT pg_sleep(0.01)", Parameters(),
                                              OperationContext::within(std::chrono::seconds(5)))));
    for (std::future<QueryResult>& one : all)
        wait(std::move(one));
    // Whichever server the neighbour gets.
    std::vector<std::unique_ptr<PlainConnection>> others;
    for (int i = 0; i < 4; ++i) {
        others.push_back(std::make_unique<PlainConnection>(database.pgbouncer_url()));
        others.back()->script("BEGIN");
        EXPECT_EQ(others.back()->value("SHOW statement_timeout"), before);
        EXPECT_EQ(others.back()->value("SELECT count(*) FROM pg_prepared_statements"), "0");
    }
    others.clear();
    run(db->disconnect());
}

TEST_F(PostgresqlPgBouncer, DeadlinesAndCancellationReachTheServer)
{
    const auto db = connected(url(), 4);
    EXPECT_STORAGE_ERROR(run(db->execute_query("SELECT pg_sleep(60)", Parameters(),
                                               OperationContext::within(std::chrono::milliseconds(200)))),
                         timeout);
    PlainConnection server(database.url());
    EXPECT_TRUE(eventually([&] {
        return server.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                            "state = 'active' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()") == "0";
    }));
    EXPECT_EQ(run(db->execute_query("SELECT 1 AS v")).rows[0]["v"], 1);
    run(db->disconnect());
}

} // namespace

} // namespace whisperstore::test
