// Statements that share connections, beside transactions that must not.
#include "servers/postgresql_servers.hpp"
#include "support/run.hpp"

#include <whisperstore/database/postgresql_adapter.hpp>

namespace whisperstore::test {
namespace {

using Adapter = std::shared_ptr<PostgreSQLAdapter>;

awaitable<void> write_alone(Adapter adapter, std::int64_t first, std::int64_t count)
{
    for (std::int64_t i = first; i < first + count; ++i) {
        Parameters read = params(arg(i));
        co_await adapter->execute_query("SELECT a FROM kept WHERE a = ?", std::move(read));
        Parameters values = params(arg(i));
        co_await adapter->execute_query("INSERT INTO kept VALUES (?)", std::move(values));
    }
}

awaitable<void> roll_back(Adapter adapter, int count)
{
    for (int i = 0; i < count; ++i) {
        Transaction transaction = co_await adapter->begin_transaction();
        co_await transaction.execute_query("INSERT INTO undone VALUES (1)");
        co_await transaction.rollback();
    }
}

awaitable<void> fail(Adapter adapter, int count)
{
    for (int i = 0; i < count; ++i) {
        std::vector<Query> list =
            queries(query("INSERT INTO undone VALUES (2)"), query("INSERT INTO undone VALUES (NULL)"));
        try {
            co_await adapter->execute_transaction(std::move(list));
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::constraint_violation)
                throw;
        }
    }
}

// A statement that was on its way to a connection while somebody got that connection for a transaction became part of
// the transaction, and was undone or refused with it.
TEST(PostgresqlSharing, NobodysStatementGetsIntoAnothersTransaction)
{
    TestDatabase database;
    PlainConnection plain(database.url());
    plain.script("CREATE TABLE kept (a bigint); CREATE TABLE undone (a integer NOT NULL)");
    DatabaseConfig config;
    config.type = "postgresql";
    config.connection_string = database.url().to_string();
    config.pool_size = 3;
    const auto adapter = std::make_shared<PostgreSQLAdapter>(config);
    run(adapter->connect());
    constexpr std::int64_t writers = 12;
    constexpr std::int64_t each = 60;
    std::vector<std::future<void>> running;
    for (std::int64_t i = 0; i < writers; ++i)
        running.push_back(start(write_alone(adapter, i * each, each)));
    for (int i = 0; i < 4; ++i) {
        running.push_back(start(roll_back(adapter, 40)));
        running.push_back(start(fail(adapter, 40)));
    }
    for (std::future<void>& one : running)
        EXPECT_NO_THROW(wait(std::move(one)));
    EXPECT_EQ(plain.value("SELECT count(DISTINCT a) FROM kept"), std::to_string(writers * each));
    EXPECT_EQ(plain.value("SELECT count(*) FROM undone"), "0");
    run(adapter->disconnect());
}

} // namespace
} // namespace whisperstore::test
