// Failures, cancellation, deadlines and lost connections: what the driver says is known of what happened.

#include "integration/bolt/bolt_support.hpp"

#include <atomic>

namespace whisperstore::test {

using namespace bolt;
using bolt::Session; // not the one of the contexts
using bolt::Value;
using R = RequestKind;

namespace {

/// Answers queries whose text is a code of failure with it.
std::optional<BoltReply> fails_by_text(const BoltRequest& request)
{
    if (request.cypher().starts_with("Neo."))
        return BoltReply::failure(request.cypher());
    return std::nullopt;
}

} // namespace

TEST(BoltFailure, AFailedQueryLeavesTheConnectionUsable)
{
    const BoltStub stub(fails_by_text);
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    const StorageError error = error_of([&] { run(ask(session, "Neo.ClientError.Statement.ParameterMissing")); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_EQ(error.backend(), "bolt");
    EXPECT_EQ(error.native_code(), "Neo.ClientError.Statement.ParameterMissing");
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    EXPECT_EQ(stub.count(R::reset), 1U);
    EXPECT_EQ(stub.accepted(), 1U);
    expect_obedience(stub);
}

TEST(BoltFailure, AFailedQueryEndsItsTransaction)
{
    const BoltStub stub(fails_by_text);
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    const auto work = [&](bool commits) -> awaitable<void> {
        Transaction transaction = co_await session.begin_transaction();
        bool failed = false;
        try {
            co_await transaction.run("Neo.ClientError.Statement.SyntaxError");
        } catch (const StorageError& error) {
            failed = error.errc() == StorageErrc::syntax;
        }
        EXPECT_TRUE(failed);
        if (commits)
            co_await transaction.commit();
        else
            co_await transaction.rollback();
    };
    const StorageError error = error_of([&] { run(work(true)); });
    EXPECT_EQ(error.errc(), StorageErrc::closed);
    EXPECT_NE(error.message().find("SyntaxError"), std::string::npos);
    run(work(false));
    EXPECT_EQ(stub.count(R::commit), 0U);
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    expect_obedience(stub);
}

TEST(BoltFailure, ManagedTransactionsAreRunAgainWhereThatHelps)
{
    std::atomic<int> failures{2};
    const auto script = [&](const BoltRequest& request) -> std::optional<BoltReply> {
        if (request.kind == R::run && failures.fetch_sub(1) > 0)
            return BoltReply::failure("Neo.TransientError.Transaction.DeadlockDetected");
        return std::nullopt;
    };
    const BoltStub stub(script);
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    EXPECT_EQ(run(session.execute_write(one_query("RETURN 1"))), Value(1));
    EXPECT_EQ(stub.count(R::begin), 3U);
    EXPECT_EQ(stub.count(R::commit), 1U);
    expect_obedience(stub);
}

TEST(BoltFailure, ManagedTransactionsAreNotRunAgainWhereItDoesNotHelp)
{
    for (const std::string code : {"Neo.ClientError.Statement.SyntaxError", "Neo.TransientError.Transaction.Terminated",
                                   "Neo.TransientError.Transaction.LockClientStopped"}) {
        const BoltStub stub(fails_by_text);
        Driver driver(config_for(stub.url()));
        Session session = driver.session();
        const StorageError error = error_of([&] { run(session.execute_write(one_query(code))); });
        EXPECT_EQ(error.native_code(), code);
        EXPECT_EQ(stub.count(R::begin), 1U) << code;
    }
}

TEST(BoltFailure, TheCallsRetryBudgetBoundsTheAttempts)
{
    const BoltStub stub(fails_by_text);
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    OperationContext context;
    context.retry_budget = std::make_shared<RetryBudget>(2);
    const auto work = one_query("Neo.TransientError.Transaction.DeadlockDetected");
    EXPECT_STORAGE_ERROR(run(session.execute_write(work, TransactionConfig(), context)), conflict);
    EXPECT_EQ(stub.count(R::begin), 3U);
    EXPECT_EQ(context.retry_budget->left(), 0);
}

TEST(BoltFailure, TheDeadlineBoundsTheAttempts)
{
    const BoltStub stub(fails_by_text);
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    const auto work = one_query("Neo.TransientError.Transaction.DeadlockDetected");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_STORAGE_ERROR(run(session.execute_write(work, TransactionConfig(), within(std::chrono::milliseconds(300)))),
                         conflict);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
    EXPECT_GT(stub.count(R::begin), 1U);
}

TEST(BoltFailure, CancelledBetweenTwoAttemptsItIsToldSo)
{
    const BoltStub stub(fails_by_text);
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    const auto work = one_query("Neo.TransientError.Transaction.DeadlockDetected");
    Cancellable<Value> write(session.execute_write(work));
    ASSERT_TRUE(eventually([&] { return stub.count(R::reset) >= 3; }));
    write.cancel();
    EXPECT_STORAGE_ERROR(write.get(), cancelled);
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
}

TEST(BoltFailure, OtherExceptionsOfTheWorkRollBackAndPass)
{
    const BoltStub stub;
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    const auto work = [](Transaction& transaction) -> awaitable<void> {
        co_await transaction.run("CREATE (n)");
        throw std::range_error("the application's own");
    };
    EXPECT_THROW(run(session.execute_write(work)), std::range_error);
    EXPECT_EQ(stub.count(R::commit), 0U);
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
}

TEST(BoltFailure, ACancelledQueryIsEndedByReset)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.silent = request.cypher() == "for ever";
        return reply.silent ? std::optional(reply) : std::nullopt;
    };
    const BoltStub stub(script);
    Driver driver(config_for(stub.url()));
    Session session = driver.session(reading());
    Cancellable<Value> query(ask(session, "for ever"));
    ASSERT_TRUE(eventually([&] { return stub.count(R::run) == 1; }));
    query.cancel();
    EXPECT_STORAGE_ERROR(query.get(), cancelled);
    EXPECT_TRUE(eventually([&] { return stub.count(R::reset) == 1; }));
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    EXPECT_EQ(stub.open(), stub.accepted()) << "the connection was closed";
    expect_obedience(stub);
}

TEST(BoltFailure, ADeadlineEndsAQueryAndSaysWhatIsKnown)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.silent = request.kind == R::run;
        return reply.silent ? std::optional(reply) : std::nullopt;
    };
    const BoltStub stub(script);
    Driver driver(config_for(stub.url()));
    Session reader = driver.session(reading());
    Session writer = driver.session();
    run(driver.verify_connectivity());
    const auto limit = std::chrono::milliseconds(100);
    const StorageError read = error_of([&] { run(ask(reader, "for ever", within(limit))); });
    EXPECT_EQ(read.errc(), StorageErrc::timeout);
    EXPECT_EQ(read.outcome(), Outcome::not_applied);
    const StorageError write = error_of([&] { run(ask(writer, "for ever", within(limit))); });
    EXPECT_EQ(write.errc(), StorageErrc::timeout);
    EXPECT_EQ(write.outcome(), Outcome::unknown);
    const auto work = one_query("for ever");
    const StorageError managed = error_of([&] { run(writer.execute_write(work, TransactionConfig(), within(limit))); });
    EXPECT_EQ(managed.errc(), StorageErrc::timeout);
    EXPECT_EQ(managed.outcome(), Outcome::not_applied);
    EXPECT_STORAGE_ERROR(run(ask(reader, "too late", within(std::chrono::milliseconds(-1)))), timeout);
    EXPECT_EQ(stub.count(R::run), 3U);
}

TEST(BoltFailure, ALostConnectionSaysWhatIsKnown)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.close_before = request.kind == R::run;
        return reply.close_before ? std::optional(reply) : std::nullopt;
    };
    const BoltStub stub(script);
    Driver driver(config_for(stub.url()));
    Session reader = driver.session(reading());
    Session writer = driver.session();
    const StorageError read = error_of([&] { run(ask(reader, "RETURN 1")); });
    EXPECT_EQ(read.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(read.retryable());
    EXPECT_EQ(read.outcome(), Outcome::not_applied);
    const StorageError write = error_of([&] { run(ask(writer, "CREATE (n)")); });
    EXPECT_EQ(write.errc(), StorageErrc::outcome_unknown);
    EXPECT_FALSE(write.retryable());
    EXPECT_EQ(write.outcome(), Outcome::unknown);
    const auto explicitly = [&]() -> awaitable<void> {
        Transaction transaction = co_await writer.begin_transaction();
        co_await transaction.run("CREATE (n)");
    };
    const StorageError in_transaction = error_of([&] { run(explicitly()); });
    EXPECT_EQ(in_transaction.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(in_transaction.retryable());
    EXPECT_EQ(in_transaction.outcome(), Outcome::not_applied);
}

TEST(BoltFailure, AnIncompleteCommitIsUnknownAndNeverTriedAgain)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.close_before = request.kind == R::commit;
        return reply.close_before ? std::optional(reply) : std::nullopt;
    };
    const BoltStub stub(script);
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    const StorageError error = error_of([&] { run(session.execute_write(one_query("CREATE (n)"))); });
    EXPECT_EQ(error.errc(), StorageErrc::outcome_unknown);
    EXPECT_EQ(error.outcome(), Outcome::unknown);
    EXPECT_FALSE(error.retryable());
    EXPECT_EQ(stub.count(R::commit), 1U);
    EXPECT_EQ(stub.count(R::begin), 1U);
}

TEST(BoltFailure, AConnectionThatTheServerClosedAtRestIsReplaced)
{
    BoltStub stub;
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    stub.close_connections();
    ASSERT_TRUE(eventually([&] { return stub.open() == 0; }));
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    EXPECT_EQ(stub.accepted(), 2U);
}

TEST(BoltFailure, ARestedConnectionIsAskedForASignOfLife)
{
    BoltStub stub;
    DriverConfig config = config_for(stub.url());
    config.liveness_check_after = std::chrono::milliseconds(0);
    config.connect_timeout = std::chrono::milliseconds(300);
    Driver driver(config);
    Session session = driver.session();
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    EXPECT_EQ(stub.count(R::reset), 0U);
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    EXPECT_EQ(stub.count(R::reset), 1U);
    // One that does not answer is replaced.
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.silent = request.kind == R::reset;
        return reply.silent ? std::optional(reply) : std::nullopt;
    };
    stub.set_script(script);
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    EXPECT_EQ(stub.accepted(), 2U);
}

TEST(BoltFailure, ASilentServerIsGivenUpAfterTheTimeItNamedItself)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        if (request.cypher() == "slow")
            reply.delay = std::chrono::milliseconds(1500); // with signs of life
        reply.silent = request.cypher() == "silent";
        if (request.cypher() == "slow")
            reply.metadata.set("fields", List{"n"});
        return request.kind == R::run && (reply.silent || reply.delay.count() > 0) ? std::optional(reply)
                                                                                   : std::nullopt;
    };
    BoltStubOptions options;
    options.hints.set("connection.recv_timeout_seconds", 1);
    const BoltStub stub(script, options);
    Driver driver(config_for(stub.url()));
    Session session = driver.session(reading());
    EXPECT_EQ(run(ask(session, "slow")), Value(1));
    const StorageError error = error_of([&] { run(ask(session, "silent")); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_NE(error.message().find("signs of life"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; }));
}

TEST(BoltFailure, WrongCredentialsAreToldAndNotRepeated)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        if (request.kind != R::logon)
            return std::nullopt;
        BoltReply reply = BoltReply::failure("Neo.ClientError.Security.Unauthorized", "no");
        reply.close_after = true;
        return reply;
    };
    const BoltStub stub(script);
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    const StorageError error = error_of([&] { run(session.execute_write(one_query("RETURN 1"))); });
    EXPECT_EQ(error.errc(), StorageErrc::authentication);
    EXPECT_EQ(error.message().find("secret"), std::string::npos);
    EXPECT_EQ(stub.accepted(), 1U);
}

TEST(BoltFailure, AnExpiredLoginRenewsTheConnections)
{
    std::atomic<bool> expired{true};
    const auto script = [&](const BoltRequest& request) -> std::optional<BoltReply> {
        if (request.kind == R::run && expired.exchange(false))
            return BoltReply::failure("Neo.ClientError.Security.AuthorizationExpired");
        return std::nullopt;
    };
    const BoltStub stub(script);
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    EXPECT_EQ(run(session.execute_write(one_query("RETURN 1"))), Value(1));
    EXPECT_EQ(stub.accepted(), 2U);
}

TEST(BoltFailure, WhoeverSpeaksNoBoltMidwayIsClosed)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.kind = ResponseKind::record; // for RUN
        reply.metadata.set("no", "record");
        return request.kind == R::run ? std::optional(reply) : std::nullopt;
    };
    const BoltStub stub(script);
    Driver driver(config_for(stub.url()));
    Session session = driver.session(reading());
    const StorageError error = error_of([&] { run(ask(session, "RETURN 1")); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_FALSE(error.retryable());
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; }));
}

TEST(BoltFailure, AnEventLoopMayEndWithQueriesUnderWay)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.silent = request.cypher() == "for ever";
        return reply.silent ? std::optional(reply) : std::nullopt;
    };
    const BoltStub stub(script);
    Driver driver(config_for(stub.url()));
    {
        asio::io_context loop;
        const auto query = [&](std::string cypher) -> awaitable<void> {
            Session session = driver.session(reading());
            co_await ask(session, std::move(cypher));
        };
        asio::co_spawn(loop, query("RETURN 1"), asio::detached);
        asio::co_spawn(loop, query("for ever"), asio::detached);
        asio::co_spawn(loop, query("for ever"), asio::detached);
        while (stub.count(R::run) < 3)
            loop.run_one_for(std::chrono::milliseconds(5));
    }
    // Connections that rested, or were in use there, are usable or gone.
    Session session = driver.session(reading());
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    EXPECT_EQ(driver.connections().at(0).in_use, 0U);
    expect_obedience(stub);
}

TEST(BoltFailure, NobodyThereIsUnavailable)
{
    std::uint16_t port = 0;
    {
        const BoltStub gone;
        port = gone.port();
    }
    Driver driver(config_for("bolt://127.0.0.1:" + std::to_string(port)));
    const StorageError error = error_of([&] { run(driver.verify_connectivity()); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_NE(error.message().find(std::to_string(port)), std::string::npos);
}

} // namespace whisperstore::test
