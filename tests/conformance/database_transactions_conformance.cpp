#include "conformance/database_fixture.hpp"

namespace whisperstore::test {
namespace {

// Seen in an earlier implementation: transactions that never committed.
TEST_P(Database, TransactionListIsAllOrNothing)
{
    setup_schema();
    const auto insert = [](const char* id) {
        return whisperstore::query("INSERT INTO users (user_id, username) VALUES (?, 'x')", params(arg(id)));
    };
    run(db->execute_transaction(queries(insert("a"), insert("b"))));
    EXPECT_EQ(count("users"), 2);
    const StorageError error =
        error_of([&] { run(db->execute_transaction(queries(insert("c"), insert("a"), insert("d")))); });
    EXPECT_EQ(error.errc(), StorageErrc::constraint_violation);
    EXPECT_NE(std::string(error.what()).find("query 2 of 3"), std::string::npos) << error.what();
    EXPECT_EQ(count("users"), 2);
}

awaitable<void> read_then_write(std::shared_ptr<AbstractDatabaseAdapter> db, bool commit)
{
    Transaction tx = co_await db->begin_transaction();
    const QueryResult found = co_await tx.execute_query("SELECT count(*) AS n FROM users");
    Parameters values = params(arg("user-" + std::to_string(found.rows[0]["n"].as_int())));
    co_await tx.execute_query("INSERT INTO users (user_id, username) VALUES (?, 'x')", std::move(values));
    if (commit)
        co_await tx.commit();
}

TEST_P(Database, ScopedTransactionCommits)
{
    setup_schema();
    run(read_then_write(db, true));
    EXPECT_EQ(count("users"), 1);
}

TEST_P(Database, DroppedTransactionIsRolledBack)
{
    setup_schema();
    run(read_then_write(db, false));
    EXPECT_EQ(count("users"), 0);
    run(read_then_write(db, true)); // and the connection is free again
    EXPECT_EQ(count("users"), 1);
}

/// Where transactions run side by side, one of two that do not go together is to run again.
awaitable<void> read_then_write_until_done(std::shared_ptr<AbstractDatabaseAdapter> db)
{
    while (true) {
        bool again = false;
        try {
            co_await read_then_write(db, true);
        } catch (const StorageError& error) {
            again =
                error.errc() == StorageErrc::conflict && error.retryable() && error.outcome() == Outcome::not_applied;
            if (!again)
                throw;
        }
        if (!again)
            co_return;
    }
}

TEST_P(Database, ReadsThatDecideWritesDoNotInterleave)
{
    setup_schema();
    std::vector<std::future<void>> all;
    for (int i = 0; i < 16; ++i)
        all.push_back(start(read_then_write_until_done(db)));
    for (auto& one : all)
        wait(std::move(one));
    EXPECT_EQ(count("users"), 16); // user-0 … user-15, no duplicate key
}

awaitable<void> savepoints(std::shared_ptr<AbstractDatabaseAdapter> db)
{
    Transaction tx = co_await db->begin_transaction();
    co_await tx.execute_query("INSERT INTO users (user_id, username) VALUES ('outer', 'x')");
    {
        Transaction inner = co_await tx.begin_transaction();
        co_await inner.execute_query("INSERT INTO users (user_id, username) VALUES ('undone', 'x')");
        bool refused = false;
        try {
            co_await tx.execute_query("SELECT 1");
        } catch (const StorageError& error) {
            refused = error.errc() == StorageErrc::invalid_argument;
        }
        EXPECT_TRUE(refused);
        co_await inner.rollback();
    }
    {
        Transaction inner = co_await tx.begin_transaction();
        co_await inner.execute_query("INSERT INTO users (user_id, username) VALUES ('kept', 'x')");
        co_await inner.commit();
    }
    {
        Transaction inner = co_await tx.begin_transaction();
        co_await inner.execute_query("INSERT INTO users (user_id, username) VALUES ('dropped', 'x')");
    }
    bool failed = false;
    try {
        co_await tx.execute_query("INSERT INTO users (user_id, username) VALUES ('fine', 'x'), ('kept', 'again')");
    } catch (const StorageError& error) {
        failed = error.errc() == StorageErrc::constraint_violation;
    }
    EXPECT_TRUE(failed); // the statement undid itself and the transaction goes on
    co_await tx.commit();
    EXPECT_FALSE(tx.active());
}

TEST_P(Database, NestedTransactionsAreSavepoints)
{
    setup_schema();
    run(savepoints(db));
    const QueryResult users = query("SELECT user_id FROM users ORDER BY user_id");
    ASSERT_EQ(users.rows.size(), 2U);
    EXPECT_EQ(users.rows[0]["user_id"], "kept");
    EXPECT_EQ(users.rows[1]["user_id"], "outer");
}

awaitable<Transaction> open_transaction(std::shared_ptr<AbstractDatabaseAdapter> db)
{
    Transaction tx = co_await db->begin_transaction();
    co_await tx.execute_query("INSERT INTO users (user_id, username) VALUES ('idle', 'x')");
    co_return tx;
}

awaitable<Transaction> open_transaction_empty(std::shared_ptr<AbstractDatabaseAdapter> db)
{
    Transaction tx = co_await db->begin_transaction();
    co_return tx;
}

TEST_P(Database, IdleTransactionIsRolledBack)
{
    setup_schema();
    Transaction tx = run(open_transaction(db));
    add_user("idle"); // the same: waits until the idle limit frees the writer, or the key
    EXPECT_STORAGE_ERROR(run(tx.execute_query("SELECT 1")), timeout);
    EXPECT_EQ(count("users"), 1);
}

awaitable<StorageErrc> call_adapter_inside(std::shared_ptr<AbstractDatabaseAdapter> db, std::string sql)
{
    Transaction tx = co_await db->begin_transaction();
    StorageErrc code{};
    try {
        co_await db->execute_query(std::move(sql));
    } catch (const StorageError& error) {
        code = error.errc();
    }
    co_await tx.rollback();
    co_return code;
}

TEST_P(Database, OwnerCallingTheAdapterInsideItsTransactionIsToldAtOnce)
{
    setup_schema();
    EXPECT_EQ(run(call_adapter_inside(db, "INSERT INTO users (user_id, username) VALUES ('x', 'x')")),
              StorageErrc::invalid_argument);
    EXPECT_EQ(run(call_adapter_inside(db, "SELECT 1")), StorageErrc::invalid_argument);
    Transaction tx = run(open_transaction(db));
    EXPECT_EQ(count("users"), 0); // another caller reads on, and sees nothing of it
    run(tx.rollback());
}

TEST_P(Database, DisconnectEndsAnOpenTransaction)
{
    setup_schema();
    Transaction tx = run(open_transaction(db));
    run(db->disconnect());
    EXPECT_STORAGE_ERROR(run(tx.commit()), closed);
    run(db->connect());
    EXPECT_EQ(count("users"), 0);
}

awaitable<void> write_and_read(std::shared_ptr<AbstractDatabaseAdapter> db)
{
    Transaction tx = co_await db->begin_transaction();
    const QueryResult inserted = co_await tx.execute_query(
        "INSERT INTO users (user_id, username) VALUES ('a', 'x'), ('b', 'x') RETURNING user_id");
    EXPECT_EQ(inserted.row_count, 2);
    const QueryResult own = co_await tx.execute_query("SELECT count(*) AS n FROM users");
    EXPECT_EQ(own.rows[0]["n"], 2); // sees its own writes
    co_await tx.commit();
    EXPECT_FALSE(tx.active());
    StorageErrc code{};
    try {
        co_await tx.execute_query("SELECT 1");
    } catch (const StorageError& error) {
        code = error.errc();
    }
    EXPECT_EQ(code, StorageErrc::invalid_argument);
    co_await db->execute_query("SELECT 1"); // and the adapter is its own again
}

TEST_P(Database, TransactionsSeeTheirOwnWritesAndEnd)
{
    setup_schema();
    run(write_and_read(db));
    EXPECT_EQ(count("users"), 2);
}

TEST_P(Database, ATransactionListReturnsEveryResult)
{
    setup_schema();
    const std::vector<QueryResult> results = run(db->execute_transaction(
        queries(whisperstore::query("INSERT INTO users (user_id, username) VALUES ('a', 'x'), ('b', 'x')"),
                whisperstore::query("UPDATE users SET username = :n", params(arg("n", "y"))),
                whisperstore::query("SELECT user_id, username FROM users ORDER BY user_id"),
                whisperstore::query("DELETE FROM users WHERE user_id = ?", params(arg("zz"))))));
    ASSERT_EQ(results.size(), 4U);
    EXPECT_EQ(results[0].row_count, 2);
    EXPECT_EQ(results[1].row_count, 2);
    EXPECT_EQ(results[2].rows[1]["username"], "y");
    EXPECT_EQ(results[3].row_count, 0);
    EXPECT_TRUE(run(db->execute_transaction(std::vector<Query>())).empty());
}

TEST_P(Database, ATransactionListIsCheckedBeforeItRuns)
{
    setup_schema();
    const auto good = [] { return whisperstore::query("INSERT INTO users (user_id, username) VALUES ('a', 'x')"); };
    const StorageError error =
        error_of([&] { run(db->execute_transaction(queries(good(), whisperstore::query("SELECT ?")))); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("query 2 of 2"), std::string::npos) << error.what();
    EXPECT_STORAGE_ERROR(run(db->execute_transaction(queries(good(), whisperstore::query("COMMIT")))),
                         invalid_argument);
    EXPECT_EQ(count("users"), 0);
}

TEST_P(Database, TransactionsKeepForeignKeys)
{
    setup_schema();
    EXPECT_STORAGE_ERROR(
        run(db->execute_transaction(
            queries(whisperstore::query("INSERT INTO users (user_id, username) VALUES ('a', 'x')"),
                    whisperstore::query(
                        "INSERT INTO facts (user_id, fact_type, subject, content) VALUES ('ghost', 't', 's', 'c')")))),
        constraint_violation);
    EXPECT_EQ(count("users"), 0);
}

awaitable<StorageErrc> commit_an_orphan(std::shared_ptr<AbstractDatabaseAdapter> db)
{
    Transaction tx = co_await db->begin_transaction();
    co_await tx.execute_query("INSERT INTO child VALUES (7)");
    try {
        co_await tx.commit();
    } catch (const StorageError& error) {
        EXPECT_EQ(error.outcome(), Outcome::not_applied);
        EXPECT_FALSE(tx.active());
        co_return error.errc();
    }
    co_return StorageErrc{};
}

TEST_P(Database, DeferredForeignKeysFailTheirOwnCommitOnly)
{
    query("CREATE TABLE parent (id BIGINT PRIMARY KEY)");
    query("CREATE TABLE child (id BIGINT REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)");
    EXPECT_EQ(run(commit_an_orphan(db)), StorageErrc::constraint_violation);
    EXPECT_EQ(count("child"), 0);
    // in whatever order, within one transaction
    run(db->execute_transaction(queries(whisperstore::query("INSERT INTO child VALUES (1)"),
                                        whisperstore::query("INSERT INTO parent VALUES (1)"))));
    EXPECT_EQ(count("child"), 1);
    // and neighbours do not pay for it
    std::vector<std::future<QueryResult>> all;
    for (int i = 0; i < 60; ++i)
        all.push_back(
            start(db->execute_query(i % 3 == 0 ? "INSERT INTO child VALUES (99)" : "INSERT INTO child VALUES (1)")));
    int refused = 0;
    for (auto& one : all) {
        try {
            wait(std::move(one));
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::constraint_violation);
            ++refused;
        }
    }
    EXPECT_EQ(refused, 20);
    EXPECT_EQ(count("child"), 41);
}

awaitable<void> nested_use(std::shared_ptr<AbstractDatabaseAdapter> db)
{
    Transaction tx = co_await db->begin_transaction();
    Transaction inner = co_await tx.begin_transaction();
    StorageErrc code{};
    try {
        co_await tx.execute_query("SELECT 1");
    } catch (const StorageError& error) {
        code = error.errc();
    }
    EXPECT_EQ(code, StorageErrc::invalid_argument); // while the inner one is open
    Transaction innermost = co_await inner.begin_transaction();
    co_await innermost.execute_query("INSERT INTO users (user_id, username) VALUES ('three', 'x')");
    co_await innermost.commit();
    co_await inner.rollback(); // and what was committed into it
    co_await tx.execute_query("INSERT INTO users (user_id, username) VALUES ('one', 'x')");
    co_await tx.commit();
}

TEST_P(Database, AnOuterRollbackUndoesAnInnerCommit)
{
    setup_schema();
    run(nested_use(db));
    const QueryResult users = query("SELECT user_id FROM users");
    ASSERT_EQ(users.rows.size(), 1U);
    EXPECT_EQ(users.rows[0][0], "one");
}

awaitable<StorageErrc> control_in_transaction(std::shared_ptr<AbstractDatabaseAdapter> db, std::string sql)
{
    Transaction tx = co_await db->begin_transaction();
    try {
        co_await tx.execute_query(std::move(sql));
    } catch (const StorageError& error) {
        co_return error.errc();
    }
    co_return StorageErrc{};
}

TEST_P(Database, TransactionControlIsRefusedInsideATransactionToo)
{
    for (const char* sql : {"COMMIT", "ROLLBACK", "SAVEPOINT a", "BEGIN"})
        EXPECT_EQ(run(control_in_transaction(db, sql)), StorageErrc::invalid_argument) << sql;
}

TEST_P(Database, TransactionsMayBePassedOn)
{
    setup_schema();
    Transaction tx = run(open_transaction(db));
    Transaction moved = std::move(tx);
    EXPECT_FALSE(tx.active());
    EXPECT_STORAGE_ERROR(run(tx.execute_query("SELECT 1")), invalid_argument);
    // Another coroutine uses it now, and nobody who reads meanwhile is taken for its owner.
    for (int i = 0; i < 50; ++i) {
        run(moved.execute_query("INSERT INTO users (user_id, username) VALUES (?, 'x')", params(arg(i))));
        EXPECT_EQ(count("users"), 0);
    }
    run(moved.commit());
    EXPECT_EQ(count("users"), 51);
    Transaction assigned = run(open_transaction_empty(db));
    assigned = Transaction(); // rolls back what it held
    EXPECT_FALSE(assigned.active());
    add_user("afterwards");
}

awaitable<Transaction> begin_and_use(std::shared_ptr<AbstractDatabaseAdapter> db, OperationContext context)
{
    Transaction tx = co_await db->begin_transaction(std::move(context));
    co_await tx.execute_query("SELECT 1"); // passed on only then, it has no owner any more
    co_return tx;
}

TEST_P(Database, WaitingForAnothersTransactionCanBeGivenUp)
{
    setup_schema();
    Transaction tx = run(open_transaction(db));
    const auto soon = [] { return OperationContext::within(std::chrono::milliseconds(60)); };
    // The key that the transaction has written: others wait for the one writer, or for the key.
    const std::string late = "INSERT INTO users (user_id, username) VALUES ('idle', 'late')";
    EXPECT_STORAGE_ERROR(run(db->execute_query(late, Parameters(), soon())), timeout);
    EXPECT_STORAGE_ERROR(run(db->execute_transaction(queries(whisperstore::query(late)), soon())), timeout);
    // As many as there can be at once, and one more.
    std::vector<Transaction> others;
    const StorageError error = error_of([&] {
        for (int i = 0; i < 1000; ++i)
            others.push_back(run(begin_and_use(db, soon())));
    });
    EXPECT_EQ(error.errc(), StorageErrc::timeout) << error.what();
    others.clear();
    run(tx.commit());
    EXPECT_EQ(count("users"), 1); // none of the given up writes came after all
    run(read_then_write(db, true));
}

TEST_P(Database, DisconnectEndsTransactionsThatWaitTheirTurn)
{
    setup_schema();
    Transaction tx = run(open_transaction(db));
    std::vector<std::future<Transaction>> waiting;
    for (int i = 0; i < 3; ++i)
        waiting.push_back(start(db->begin_transaction()));
    const auto begun = std::chrono::steady_clock::now();
    run(db->disconnect());
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
    for (auto& one : waiting) {
        try {
            Transaction late = wait(std::move(one));
            EXPECT_STORAGE_ERROR(run(late.commit()), closed);
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::closed);
        }
    }
    run(db->connect());
    EXPECT_EQ(count("users"), 0);
}

} // namespace
} // namespace whisperstore::test
