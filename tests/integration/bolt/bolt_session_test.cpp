// Sessions, results and transactions against a server that says what a test wants.

#include "integration/bolt/bolt_support.hpp"

namespace whisperstore::test {

using namespace bolt;
using bolt::Session; // not the one of the contexts
using bolt::Value;
using bolt::Version;
using R = RequestKind;

namespace {

/// A result of so many records, in batches as they are asked for.
class ManyRecords
{
public:
    explicit ManyRecords(std::int64_t count) : left_(count) {}

    std::optional<BoltReply> operator()(const BoltRequest& request)
    {
        if (request.kind != R::pull && request.kind != R::discard)
            return std::nullopt;
        const std::int64_t asked = request.extra().at("n").as_int();
        BoltReply reply;
        if (request.kind == R::discard)
            left_ = 0;
        for (std::int64_t i = 0; left_ > 0 && (asked < 0 || i < asked); ++i)
            reply.records.push_back(List{left_--});
        if (left_ > 0)
            reply.metadata.set("has_more", true);
        else
            reply.metadata.set("type", "r").set("bookmark", "last");
        return reply;
    }

private:
    std::int64_t left_;
};

/// Answers queries whose text is a code of failure with it.
std::optional<BoltReply> fails_by_text(const BoltRequest& request)
{
    if (request.cypher().starts_with("Neo."))
        return BoltReply::failure(request.cypher());
    return std::nullopt;
}

} // namespace

TEST(BoltSession, EveryVersionFrom44To58IsAgreedOn)
{
    const std::vector<Version> all = {{4, 4}, {5, 0}, {5, 1}, {5, 2}, {5, 3}, {5, 4}, {5, 5}, {5, 6}, {5, 7}, {5, 8}};
    for (const Version version : all)
        for (const bool manifest : {true, false}) {
            BoltStubOptions options;
            options.versions = {version};
            options.manifest = manifest;
            const BoltStub stub(fails_by_text, options);
            Driver driver(config_for(stub.url()));
            Session session = driver.session();
            EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
            EXPECT_EQ(run(driver.verify_connectivity()).protocol_version, version.to_string());
            EXPECT_STORAGE_ERROR(run(ask(session, "Neo.ClientError.Statement.SyntaxError")), syntax);
            EXPECT_EQ(run(session.execute_write(one_query("RETURN 1"))), Value(1));
            const bool separate = version >= Version{5, 1};
            EXPECT_EQ(stub.count(R::logon), separate ? stub.count(R::hello) : 0U) << version.to_string();
            const Map credentials = separate ? stub.last(R::logon).extra() : stub.last(R::hello).extra();
            EXPECT_EQ(credentials.at("credentials"), Value("secret"));
            expect_obedience(stub);
        }
}

TEST(BoltSession, TheNewestOfSeveralVersionsIsChosen)
{
    BoltStubOptions options;
    options.versions = {{4, 4}, {5, 0}, {5, 4}};
    const BoltStub stub({}, options);
    Driver driver(config_for(stub.url()));
    EXPECT_EQ(run(driver.verify_connectivity()).protocol_version, "5.4");
}

TEST(BoltSession, ServersOfOtherKindsAreNamed)
{
    const auto message_of = [](const BoltStubOptions& options) {
        const BoltStub stub({}, options);
        Driver driver(config_for(stub.url()));
        const StorageError error = error_of([&] { run(driver.verify_connectivity()); });
        EXPECT_EQ(error.errc(), StorageErrc::unavailable);
        EXPECT_FALSE(error.retryable());
        return error.message();
    };
    BoltStubOptions too_new;
    too_new.versions = {{6, 0}};
    EXPECT_NE(message_of(too_new).find("4.4, 5.0 to 5.8"), std::string::npos);
    too_new.manifest = false;
    EXPECT_NE(message_of(too_new).find("4.4, 5.0 to 5.8"), std::string::npos);
    BoltStubOptions http;
    http.raw_handshake = "HTTP/1.1 400 Bad Request\r\n\r\n";
    EXPECT_NE(message_of(http).find("7687"), std::string::npos);
}

TEST(BoltSession, RunAndPullTravelTogether)
{
    const BoltStub stub;
    Driver driver(config_for(stub.url()));
    SessionConfig config;
    config.database = "graph";
    config.bookmarks = {"earlier"};
    config.impersonated_user = "somebody";
    config.fetch_size = 7;
    Session session = driver.session(config);
    const auto work = [&]() -> awaitable<Value> {
        Map parameters;
        parameters.set("x", 1);
        TransactionConfig settings;
        settings.timeout = std::chrono::milliseconds(1500);
        settings.metadata.set("app", "tests");
        Result result = co_await session.run("RETURN $x", std::move(parameters), std::move(settings));
        Record record = co_await result.single();
        co_return record.get("n");
    };
    EXPECT_EQ(run(work()), Value(1));
    const BoltRequest sent = stub.last(R::run);
    EXPECT_EQ(sent.read, stub.last(R::pull).read) << "RUN and PULL came in two pieces";
    EXPECT_EQ(stub.last(R::pull).extra(), Map().set("n", 7));
    EXPECT_EQ(sent.fields.at(1), Value(Map().set("x", 1)));
    EXPECT_EQ(sent.extra(), Map()
                                .set("bookmarks", List{"earlier"})
                                .set("tx_timeout", 1500)
                                .set("tx_metadata", Map().set("app", "tests"))
                                .set("db", "graph")
                                .set("imp_user", "somebody"));
    EXPECT_EQ(session.last_bookmarks(), Bookmarks(1, "bookmark:1"));
    EXPECT_EQ(run(ask(session, "RETURN 2")), Value(1));
    EXPECT_EQ(stub.last(R::run).extra().at("bookmarks"), Value(List{"bookmark:1"}));
    EXPECT_EQ(stub.accepted(), 1U) << "the connection was not used again";
    expect_obedience(stub);
}

TEST(BoltSession, ATransactionCostsOneRoundTripForEachQueryAndOneForItsCommit)
{
    const BoltStub stub;
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    run(driver.verify_connectivity());
    const auto work = [&]() -> awaitable<void> {
        Transaction transaction = co_await session.begin_transaction();
        co_await transaction.run("CREATE (n)");
        Result result = co_await transaction.run("RETURN 1");
        Record record = co_await result.single();
        co_await transaction.commit();
        EXPECT_FALSE(transaction.active());
    };
    run(work());
    const auto requests = stub.requests();
    std::vector<std::pair<R, std::size_t>> sent;
    for (const BoltRequest& request : requests)
        sent.emplace_back(request.kind, request.read - requests.back().read + 3);
    const std::vector<std::pair<R, std::size_t>> expected = {{R::begin, 1}, {R::run, 1},  {R::pull, 1},
                                                             {R::run, 2},   {R::pull, 2}, {R::commit, 3}};
    ASSERT_GE(sent.size(), expected.size());
    EXPECT_EQ(std::vector(sent.end() - static_cast<std::ptrdiff_t>(expected.size()), sent.end()), expected);
    EXPECT_EQ(session.last_bookmarks().size(), 1U);
    expect_obedience(stub);
}

TEST(BoltSession, RecordsComeInBatchesAsTheyAreTaken)
{
    BoltStub stub{ManyRecords(25)};
    DriverConfig config = config_for(stub.url());
    config.fetch_size = 10;
    Driver driver(config);
    Session session = driver.session();
    const auto work = [&]() -> awaitable<void> {
        Result result = co_await session.run("RETURN n");
        for (int i = 0; i < 10; ++i) {
            const std::optional<Record> record = co_await result.next();
            EXPECT_EQ(record->get(0), Value(25 - i));
        }
        EXPECT_EQ(stub.count(R::pull), 1U) << "more was asked for than was taken";
        for (int i = 10; i < 25; ++i)
            co_await result.next();
        EXPECT_EQ(stub.count(R::pull), 3U);
        for (int i = 0; i < 2; ++i) {
            const std::optional<Record> none = co_await result.next();
            EXPECT_FALSE(none);
        }
        const Summary summary = co_await result.consume();
        EXPECT_EQ(summary.query_type, "r");
        EXPECT_EQ(summary.server_agent, "Neo4j/5.26.0");
        EXPECT_EQ(summary.protocol_version, "5.8");
        EXPECT_EQ(summary.server.port, stub.port());
    };
    run(work());
    EXPECT_EQ(session.last_bookmarks(), Bookmarks(1, "last"));
    expect_obedience(stub);
}

TEST(BoltSession, WhatIsNotReadIsDroppedByTheServer)
{
    BoltStub stub{ManyRecords(1000)};
    SessionConfig config;
    config.fetch_size = 10;
    Driver driver(config_for(stub.url()));
    Session session = driver.session(config);
    const auto consume = [&]() -> awaitable<void> {
        Result result = co_await session.run("RETURN n");
        const std::optional<Record> first = co_await result.next();
        EXPECT_TRUE(first);
        co_await result.consume();
    };
    run(consume());
    EXPECT_EQ(stub.count(R::pull), 1U);
    EXPECT_EQ(stub.last(R::discard).extra().at("n"), Value(-1));
    // Let go, it is ended by RESET, and the connection serves the next query.
    stub.set_script(ManyRecords(1000));
    const auto drop = [&]() -> awaitable<void> { co_await session.run("RETURN n"); };
    run(drop());
    EXPECT_TRUE(eventually([&] { return stub.count(R::reset) == 1; }));
    stub.set_script({});
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    EXPECT_EQ(stub.accepted(), 1U);
    expect_obedience(stub);
}

TEST(BoltSession, AnEarlierResultStaysReadableBesideTheNextQuery)
{
    BoltStub stub{ManyRecords(25)};
    SessionConfig config;
    config.fetch_size = 10;
    Driver driver(config_for(stub.url()));
    Session session = driver.session(config);
    const auto work = [&](bool in_transaction) -> awaitable<void> {
        Transaction transaction;
        if (in_transaction)
            transaction = co_await session.begin_transaction();
        stub.set_script(ManyRecords(25));
        Result first;
        if (in_transaction)
            first = co_await transaction.run("RETURN n");
        else
            first = co_await session.run("RETURN n");
        const std::optional<Record> taken = co_await first.next();
        EXPECT_EQ(taken->get(0), Value(25));
        const auto detach_then_usual = [many = ManyRecords(24 - 9)](const BoltRequest& request) mutable {
            return request.kind == R::pull && request.extra().at("n") == Value(10) ? many(request) : std::nullopt;
        };
        stub.set_script(detach_then_usual);
        Result second;
        if (in_transaction)
            second = co_await transaction.run("RETURN 1");
        else
            second = co_await session.run("RETURN 1");
        co_await second.consume();
        const std::vector<Record> rest = co_await first.collect();
        EXPECT_EQ(rest.size(), 24U);
        if (in_transaction)
            co_await transaction.commit();
    };
    run(work(false));
    run(work(true));
    expect_obedience(stub);
}

TEST(BoltSession, AQueryWithoutColumnsHasEndedWhenItReturns)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        if (request.kind == R::run) {
            reply.metadata.set("fields", List());
            return reply;
        }
        if (request.kind == R::pull)
            return BoltReply::failure("Neo.ClientError.Schema.ConstraintValidationFailed");
        return std::nullopt;
    };
    const BoltStub stub(script);
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    const auto work = [&]() -> awaitable<void> { co_await session.run("CREATE (n)"); };
    EXPECT_STORAGE_ERROR(run(work()), constraint_violation);
}

TEST(BoltSession, ATransactionLetGoIsRolledBack)
{
    const BoltStub stub;
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    const auto drop = [&]() -> awaitable<void> {
        Transaction transaction = co_await session.begin_transaction();
        co_await transaction.run("CREATE (n)");
    };
    run(drop());
    EXPECT_TRUE(eventually([&] { return stub.count(R::reset) == 1; }));
    const auto roll_back = [&]() -> awaitable<void> {
        Transaction transaction = co_await session.begin_transaction();
        Result result = co_await transaction.run("CREATE (n)");
        co_await result.consume();
        co_await transaction.rollback();
        co_await transaction.rollback();
    };
    run(roll_back());
    EXPECT_EQ(stub.count(R::rollback), 1U);
    EXPECT_EQ(stub.count(R::commit), 0U);
    EXPECT_TRUE(session.last_bookmarks().empty());
    const auto nothing = [&]() -> awaitable<void> {
        Transaction transaction = co_await session.begin_transaction();
        co_await transaction.commit();
    };
    run(nothing());
    EXPECT_EQ(stub.count(R::begin), 2U) << "an empty transaction is none";
    expect_obedience(stub);
}

TEST(BoltSession, ASessionHasOneTransactionAtATime)
{
    const BoltStub stub;
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    const auto work = [&]() -> awaitable<void> {
        Transaction transaction = co_await session.begin_transaction();
        co_await session.run("RETURN 1");
    };
    EXPECT_STORAGE_ERROR(run(work()), invalid_argument);
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
}

TEST(BoltSession, ThePoolIsBoundedAndServedInOrder)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        if (request.kind != R::run)
            return std::nullopt;
        reply.metadata.set("fields", List{"n"});
        reply.delay = std::chrono::milliseconds(request.cypher() == "hold" ? 400 : 10);
        return reply;
    };
    const BoltStub stub(script);
    DriverConfig config = config_for(stub.url());
    config.max_connection_pool_size = 2;
    config.max_waiting = 20;
    config.acquisition_timeout = std::chrono::milliseconds(100);
    Driver driver(config);
    const auto query = [&](std::string cypher) -> awaitable<Value> {
        Session session = driver.session(reading());
        co_return co_await ask(session, std::move(cypher));
    };
    std::vector<std::future<Value>> many;
    for (int i = 0; i < 10; ++i)
        many.push_back(start(query("RETURN 1")));
    for (auto& one : many)
        EXPECT_EQ(wait(std::move(one)), Value(1));
    EXPECT_EQ(stub.accepted(), 2U);
    EXPECT_EQ(driver.connections().at(0).idle, 2U);

    std::vector<std::future<Value>> held;
    for (int i = 0; i < 2; ++i)
        held.push_back(start(query("hold")));
    ASSERT_TRUE(eventually([&] { return driver.connections().at(0).in_use == 2; }));
    const StorageError late = error_of([&] { run(query("RETURN 1")); });
    EXPECT_EQ(late.errc(), StorageErrc::resource_exhausted);
    EXPECT_NE(late.message().find("acquisition_timeout"), std::string::npos);
    for (auto& one : held)
        EXPECT_EQ(wait(std::move(one)), Value(1));
    expect_obedience(stub);
}

TEST(BoltSession, AFullLineIsToldAtOnceAndALeftOneIsLeft)
{
    const auto script = [](const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.silent = request.cypher() == "hold";
        return reply.silent ? std::optional(reply) : std::nullopt;
    };
    const BoltStub stub(script);
    DriverConfig config = config_for(stub.url());
    config.max_connection_pool_size = 1;
    config.max_waiting = 1;
    Driver driver(config);
    const auto query = [&](std::string cypher) -> awaitable<Value> {
        Session session = driver.session(reading());
        co_return co_await ask(session, std::move(cypher));
    };
    Cancellable<Value> holds(query("hold"));
    ASSERT_TRUE(eventually([&] { return stub.count(R::run) == 1; }));
    Cancellable<Value> waits(query("RETURN 1"));
    ASSERT_TRUE(eventually([&] { return driver.connections().at(0).waiting == 1; }));
    EXPECT_STORAGE_ERROR(run(query("RETURN 1")), resource_exhausted);
    waits.cancel();
    EXPECT_STORAGE_ERROR(waits.get(), cancelled);
    EXPECT_EQ(driver.connections().at(0).waiting, 0U);
    holds.cancel();
    EXPECT_STORAGE_ERROR(holds.get(), cancelled);
    EXPECT_EQ(run(query("RETURN 1")), Value(1));
}

TEST(BoltSession, AClosedDriverRefuses)
{
    const BoltStub stub;
    Driver driver(config_for(stub.url()));
    Session session = driver.session();
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    run(driver.close());
    run(driver.close());
    EXPECT_TRUE(eventually([&] { return stub.open() == 0; }));
    EXPECT_EQ(stub.count(R::goodbye), 1U);
    EXPECT_STORAGE_ERROR(run(ask(session, "RETURN 1")), closed);
    EXPECT_STORAGE_ERROR(run(driver.verify_connectivity()), closed);
}

TEST(BoltSession, TelemetryOnlyWhereBothSidesWantIt)
{
    for (const bool wanted : {true, false})
        for (const bool asked : {true, false}) {
            BoltStubOptions options;
            options.hints.set("telemetry.enabled", asked);
            const BoltStub stub({}, options);
            DriverConfig config = config_for(stub.url());
            config.telemetry = wanted;
            Driver driver(config);
            Session session = driver.session();
            EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
            EXPECT_EQ(run(session.execute_read(one_query("RETURN 1"))), Value(1));
            EXPECT_EQ(stub.count(R::telemetry), wanted && asked ? 2U : 0U);
            if (wanted && asked) {
                EXPECT_EQ(stub.last(R::telemetry).fields, (List{0}));
            }
            expect_obedience(stub);
        }
}

TEST(BoltDriver, SettingsThatCannotBeAreNamed)
{
    const std::string uris[] = {"http://localhost",      "bolt://",        "bolt://user:pass@localhost",
                                "bolt://localhost/db",   "bolt://one,two", "bolt://one?a=b",
                                "neo4j://one?address=x", "bolt+x://one",   "neo4j+:/one",
                                "bolt:///tmp/sock",      "localhost:7687"};
    for (const std::string& uri : uris)
        EXPECT_STORAGE_ERROR(Driver(config_for(uri)), invalid_argument) << uri;
    DriverConfig config = config_for("bolt://localhost");
    config.max_connection_pool_size = 0;
    EXPECT_STORAGE_ERROR(Driver(config), invalid_argument);
    config = config_for("bolt://localhost");
    config.fetch_size = 0;
    EXPECT_STORAGE_ERROR(Driver(config), invalid_argument);
    config = config_for("bolt://localhost");
    config.ca_file = "authority.pem";
    EXPECT_STORAGE_ERROR(Driver(config), invalid_argument);
    config = config_for("bolt+s://localhost");
    config.ca_file = "no-such-file.pem";
    EXPECT_STORAGE_ERROR(Driver(config), invalid_argument);
    Driver driver(config_for("neo4j://one,two:7000,[::1]?region=north"));
    SessionConfig session;
    session.fetch_size = 0;
    EXPECT_STORAGE_ERROR(driver.session(session), invalid_argument);
}

} // namespace whisperstore::test
