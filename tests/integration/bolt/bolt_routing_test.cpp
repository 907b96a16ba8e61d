// Routing (neo4j://) over clusters of scripted servers.

#include "integration/bolt/bolt_support.hpp"

#include <atomic>
#include <memory>
#include <mutex>

namespace whisperstore::test {

using namespace bolt;
using bolt::Session; // not the one of the contexts
using bolt::Value;
using bolt::Version;
using R = RequestKind;

namespace {

/// Servers that answer ROUTE with a table the test sets, and everything else by a script that knows which server it is.
class Cluster
{
public:
    using Script = std::function<std::optional<BoltReply>(std::size_t server, const BoltRequest& request)>;

    explicit Cluster(std::size_t size, Script script = {}, BoltStubOptions options = {}) : script_(std::move(script))
    {
        for (std::size_t i = 0; i < size; ++i) {
            const auto answer = [this, i](const BoltRequest& request) { return reply(i, request); };
            servers_.push_back(std::make_unique<BoltStub>(answer, options));
        }
        std::vector<std::uint16_t> all;
        for (const auto& server : servers_)
            all.push_back(server->port());
        BoltTable table;
        table.writers = {all.front()};
        table.readers = {all.begin() + 1, all.end()};
        table.routers = all;
        set_table(table);
    }
    ~Cluster()
    {
        for (const auto& server : servers_)
            expect_obedience(*server);
        servers_.clear();
    }
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    BoltStub& operator[](std::size_t i) { return *servers_.at(i); }
    std::uint16_t port(std::size_t i) const { return servers_.at(i)->port(); }
    std::string url(const std::string& query = "") const { return servers_.front()->url("neo4j") + query; }

    BoltTable table() const
    {
        const std::lock_guard lock(mutex_);
        return table_;
    }
    void set_table(BoltTable table)
    {
        const std::lock_guard lock(mutex_);
        table_ = std::move(table);
    }
    std::size_t count(R kind) const
    {
        std::size_t sum = 0;
        for (const auto& server : servers_)
            sum += server->count(kind);
        return sum;
    }

private:
    std::optional<BoltReply> reply(std::size_t server, const BoltRequest& request)
    {
        if (script_)
            if (auto scripted = script_(server, request))
                return scripted;
        if (request.kind != R::route)
            return std::nullopt;
        BoltReply routes;
        BoltTable known = table();
        // A database that was asked for by name is that one.
        if (const Value* database = request.extra().find("db"))
            known.database = database->as_string();
        routes.metadata = known.reply();
        return routes;
    }

    const Script script_;
    mutable std::mutex mutex_;
    BoltTable table_;
    std::vector<std::unique_ptr<BoltStub>> servers_;
};

SessionConfig database(const std::string& name, AccessMode mode = AccessMode::write)
{
    SessionConfig config;
    config.database = name;
    config.access_mode = mode;
    return config;
}

/// A managed read or write of one query.
Value managed(Driver& driver, AccessMode mode, OperationContext context = OperationContext())
{
    const auto work = [&]() -> awaitable<Value> {
        Session session = driver.session(database("neo4j"));
        const auto query = one_query("RETURN 1");
        if (mode == AccessMode::read)
            co_return co_await session.execute_read(query, TransactionConfig(), context);
        co_return co_await session.execute_write(query, TransactionConfig(), context);
    };
    return run(work());
}

std::optional<BoltReply> closes_at(R kind, const BoltRequest& request)
{
    BoltReply reply;
    reply.close_before = true;
    return request.kind == kind ? std::optional(reply) : std::nullopt;
}

} // namespace

TEST(BoltRouting, WritesGoToTheLeaderAndReadsToFollowers)
{
    Cluster cluster(3);
    Driver driver(config_for(cluster.url("?region=north")));
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(managed(driver, AccessMode::write), Value(1));
        EXPECT_EQ(managed(driver, AccessMode::read), Value(1));
    }
    EXPECT_EQ(cluster[0].count(R::commit), 4U);
    EXPECT_EQ(cluster[1].count(R::commit), 2U) << "readers are used in turn";
    EXPECT_EQ(cluster[2].count(R::commit), 2U);
    EXPECT_EQ(cluster[0].last(R::begin).extra().contains("mode"), false);
    EXPECT_EQ(cluster[1].last(R::begin).extra().at("mode"), Value("r"));
    EXPECT_EQ(cluster[1].last(R::begin).extra().at("db"), Value("neo4j"));
    EXPECT_EQ(cluster.count(R::route), 1U) << "one table served all";
    const BoltRequest route = cluster[0].last(R::route);
    EXPECT_EQ(route.fields.at(0).as_map().at("region"), Value("north"));
    EXPECT_EQ(route.fields.at(0).as_map().at("address"), Value("127.0.0.1:" + std::to_string(cluster.port(0))));
    EXPECT_EQ(cluster[0].last(R::hello).extra().at("routing"), route.fields.at(0));
}

TEST(BoltRouting, TheServerWithTheFewestConnectionsInUseIsChosen)
{
    const auto script = [](std::size_t, const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.silent = request.cypher() == "hold";
        return reply.silent ? std::optional(reply) : std::nullopt;
    };
    Cluster cluster(3, script);
    Driver driver(config_for(cluster.url()));
    const auto query = [&](std::string cypher) -> awaitable<Value> {
        Session session = driver.session(database("neo4j", AccessMode::read));
        co_return co_await ask(session, std::move(cypher));
    };
    Cancellable<Value> held(query("hold"));
    ASSERT_TRUE(eventually([&] { return cluster.count(R::run) == 1; }));
    const std::size_t busy = cluster[1].count(R::run) == 1 ? 1 : 2;
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(run(query("RETURN 1")), Value(1));
    EXPECT_EQ(cluster[busy].count(R::run), 1U);
    EXPECT_EQ(cluster[3 - busy].count(R::run), 4U);
    held.cancel();
    EXPECT_STORAGE_ERROR(held.get(), cancelled);
}

TEST(BoltRouting, LeaderSwitch)
{
    std::atomic<std::size_t> leader{0};
    const auto script = [&](std::size_t server, const BoltRequest& request) -> std::optional<BoltReply> {
        const bool writes = request.kind == R::begin && !request.extra().contains("mode");
        if (writes && server != leader)
            return BoltReply::failure(server == 0 ? "Neo.ClientError.Cluster.NotALeader"
                                                  : "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase");
        return std::nullopt;
    };
    Cluster cluster(3, script);
    Driver driver(config_for(cluster.url()));
    EXPECT_EQ(managed(driver, AccessMode::write), Value(1));
    // First the servers do not know yet, then they do.
    leader = 1;
    BoltTable table = cluster.table();
    table.writers = {cluster.port(2)};
    cluster.set_table(table);
    std::future<Value> write = std::async(std::launch::async, [&] { return managed(driver, AccessMode::write); });
    ASSERT_TRUE(eventually([&] { return cluster[2].count(R::begin) > 0; }));
    table.writers = {cluster.port(1)};
    cluster.set_table(table);
    EXPECT_EQ(write.get(), Value(1));
    EXPECT_EQ(cluster[1].count(R::commit), 1U);
    EXPECT_EQ(cluster[2].count(R::commit), 0U);
    // An auto-commit query is told, and the next one goes to the new leader.
    leader = 2;
    table.writers = {cluster.port(2)};
    cluster.set_table(table);
    const auto script_of_run = [&](std::size_t) {
        Session session = driver.session(database("neo4j"));
        return run(session.execute_write(one_query("RETURN 1")));
    };
    EXPECT_EQ(script_of_run(0), Value(1));
    EXPECT_EQ(cluster[2].count(R::commit), 1U);
}

TEST(BoltRouting, LeaderSwitchIsToldToAnAutoCommitQuery)
{
    const auto script = [](std::size_t server, const BoltRequest& request) -> std::optional<BoltReply> {
        if (request.kind == R::run && server == 0)
            return BoltReply::failure("Neo.ClientError.Cluster.NotALeader");
        return std::nullopt;
    };
    Cluster cluster(2, script);
    Driver driver(config_for(cluster.url()));
    Session session = driver.session(database("neo4j"));
    BoltTable table = cluster.table();
    const StorageError error = error_of([&] { run(ask(session, "CREATE (n)")); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_EQ(cluster.count(R::run), 1U) << "it is never tried again by itself";
    table.writers = {cluster.port(1)};
    cluster.set_table(table);
    EXPECT_EQ(run(ask(session, "CREATE (n)")), Value(1));
    EXPECT_EQ(cluster[1].count(R::run), 1U);
    EXPECT_EQ(cluster.count(R::route), 2U);
}

TEST(BoltRouting, RouterDown)
{
    Cluster cluster(3);
    DriverConfig config = config_for("neo4j://127.0.0.1:" + std::to_string(cluster.port(0)) +
                                     ",127.0.0.1:" + std::to_string(cluster.port(1)));
    BoltTable table = cluster.table();
    table.writers = table.readers = {cluster.port(2)};
    table.routers = {cluster.port(2)};
    table.ttl = 0; // so that each query asks
    cluster.set_table(table);
    Driver driver(config);
    EXPECT_EQ(managed(driver, AccessMode::write), Value(1));
    EXPECT_EQ(cluster[0].count(R::route), 1U);
    EXPECT_EQ(managed(driver, AccessMode::write), Value(1));
    EXPECT_EQ(cluster[2].count(R::route), 1U) << "the table's routers come first";
    // The table's router is gone, and the first seed: the second seed is asked.
    cluster[0].stop();
    table.writers = table.readers = {cluster.port(1)};
    table.routers = {cluster.port(1)};
    cluster.set_table(table);
    cluster[2].stop();
    EXPECT_EQ(managed(driver, AccessMode::write), Value(1));
    EXPECT_GE(cluster[1].count(R::route), 1U);
    cluster[1].stop();
    const StorageError error =
        error_of([&] { managed(driver, AccessMode::read, within(std::chrono::milliseconds(300))); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_NE(error.message().find("no router"), std::string::npos) << error.message();
}

TEST(BoltRouting, RouterThatHangsIsPassedOver)
{
    const auto script = [](std::size_t server, const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.silent = server == 0 && request.kind == R::route;
        return reply.silent ? std::optional(reply) : std::nullopt;
    };
    Cluster cluster(2, script);
    DriverConfig config = config_for("neo4j://127.0.0.1:" + std::to_string(cluster.port(0)) +
                                     ",127.0.0.1:" + std::to_string(cluster.port(1)));
    config.connect_timeout = std::chrono::milliseconds(200);
    Driver driver(config);
    EXPECT_EQ(managed(driver, AccessMode::read), Value(1));
    EXPECT_EQ(cluster[1].count(R::route), 1U);
}

TEST(BoltRouting, EmptyTable)
{
    Cluster cluster(2);
    const BoltTable good = cluster.table();
    BoltTable empty = good;
    empty.writers.clear();
    empty.readers.clear();
    empty.routers.clear();
    cluster.set_table(empty);
    Driver driver(config_for(cluster.url()));
    const StorageError error =
        error_of([&] { managed(driver, AccessMode::read, within(std::chrono::milliseconds(200))); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_NE(error.message().find("knows neither routers nor readers"), std::string::npos) << error.message();
    // Meanwhile it fills again.
    std::future<Value> read = std::async(std::launch::async, [&] { return managed(driver, AccessMode::read); });
    const std::size_t before = cluster.count(R::route);
    ASSERT_TRUE(eventually([&] { return cluster.count(R::route) > before; }));
    cluster.set_table(good);
    EXPECT_EQ(read.get(), Value(1));
}

TEST(BoltRouting, TableWithoutALeader)
{
    Cluster cluster(3);
    const BoltTable good = cluster.table();
    BoltTable leaderless = good;
    leaderless.writers.clear();
    cluster.set_table(leaderless);
    Driver driver(config_for(cluster.url()));
    EXPECT_EQ(managed(driver, AccessMode::read), Value(1)) << "reads need no leader";
    const StorageError error =
        error_of([&] { managed(driver, AccessMode::write, within(std::chrono::milliseconds(200))); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_NE(error.message().find("leader"), std::string::npos) << error.message();
    EXPECT_GT(cluster[1].count(R::route), 0U) << "another router might know the leader";
    std::future<Value> write = std::async(std::launch::async, [&] { return managed(driver, AccessMode::write); });
    const std::size_t before = cluster.count(R::route);
    ASSERT_TRUE(eventually([&] { return cluster.count(R::route) > before; }));
    cluster.set_table(good);
    EXPECT_EQ(write.get(), Value(1));
}

TEST(BoltRouting, TableExpires)
{
    Cluster cluster(3);
    BoltTable table = cluster.table();
    table.ttl = 1;
    cluster.set_table(table);
    Driver driver(config_for(cluster.url()));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(managed(driver, AccessMode::write), Value(1));
    EXPECT_EQ(managed(driver, AccessMode::write), Value(1));
    if (std::chrono::steady_clock::now() - begin < std::chrono::seconds(1)) {
        EXPECT_EQ(cluster.count(R::route), 1U);
    }
    table.writers = {cluster.port(1)};
    table.ttl = 300;
    cluster.set_table(table);
    EXPECT_TRUE(eventually([&] {
        managed(driver, AccessMode::write);
        return cluster[1].count(R::commit) > 0;
    }));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1)) << "it was asked before its time";
    EXPECT_EQ(cluster.count(R::route), 2U);
}

TEST(BoltRouting, WriterLostMidTransaction)
{
    std::atomic<bool> dies{true};
    const auto script = [&](std::size_t server, const BoltRequest& request) -> std::optional<BoltReply> {
        if (server == 0 && dies && request.kind == R::pull && dies.exchange(false))
            return closes_at(R::pull, request);
        return std::nullopt;
    };
    Cluster cluster(3, script);
    Driver driver(config_for(cluster.url()));
    EXPECT_EQ(managed(driver, AccessMode::write), Value(1));
    EXPECT_EQ(cluster.count(R::begin), 2U) << "it was run again";
    EXPECT_EQ(cluster.count(R::commit), 1U);
    EXPECT_EQ(cluster.count(R::route), 2U) << "the table of a lost server is asked for anew";
    // An explicit transaction is told that nothing happened.
    dies = true;
    const auto work = [&]() -> awaitable<void> {
        Session session = driver.session(database("neo4j"));
        Transaction transaction = co_await session.begin_transaction();
        Result result = co_await transaction.run("CREATE (n)");
        co_await result.consume();
        co_await transaction.commit();
    };
    const StorageError error = error_of([&] { run(work()); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(error.outcome(), Outcome::not_applied);
    EXPECT_EQ(cluster.count(R::commit), 1U);
}

TEST(BoltRouting, IncompleteCommit)
{
    const auto script = [](std::size_t, const BoltRequest& request) { return closes_at(R::commit, request); };
    Cluster cluster(3, script);
    Driver driver(config_for(cluster.url()));
    const StorageError error = error_of([&] { managed(driver, AccessMode::write); });
    EXPECT_EQ(error.errc(), StorageErrc::outcome_unknown);
    EXPECT_EQ(error.outcome(), Outcome::unknown);
    EXPECT_FALSE(error.retryable());
    EXPECT_EQ(cluster.count(R::commit), 1U) << "it was tried again";
    EXPECT_EQ(cluster.count(R::begin), 1U);
}

TEST(BoltRouting, BookmarksAreSent)
{
    Cluster cluster(3);
    Driver driver(config_for(cluster.url()));
    const auto work = [&]() -> awaitable<void> {
        SessionConfig config = database("neo4j");
        config.bookmarks = {"earlier:1", "earlier:2"};
        Session session = driver.session(config);
        const auto query = one_query("RETURN 1");
        co_await session.execute_write(query);
        EXPECT_EQ(cluster[0].last(R::begin).extra().at("bookmarks"), Value(List{"earlier:1", "earlier:2"}));
        EXPECT_EQ(cluster[0].last(R::route).fields.at(1), Value(List{"earlier:1", "earlier:2"}));
        const Bookmarks after_write = session.last_bookmarks();
        EXPECT_EQ(after_write.size(), 1U);
        co_await session.execute_read(query);
        const std::size_t reader = cluster[1].count(R::begin) > 0 ? 1 : 2;
        EXPECT_EQ(cluster[reader].last(R::begin).extra().at("bookmarks"), Value(List{after_write.front()}));
        // A failed one leaves them as they are.
        SessionConfig other = database("neo4j", AccessMode::read);
        other.bookmarks = session.last_bookmarks();
        Session next = driver.session(other);
        EXPECT_EQ(next.last_bookmarks(), session.last_bookmarks());
        Transaction transaction = co_await next.begin_transaction();
        co_await transaction.run("RETURN 1");
        co_await transaction.rollback();
        EXPECT_EQ(next.last_bookmarks(), session.last_bookmarks());
    };
    run(work());
}

TEST(BoltRouting, ReaderDown)
{
    Cluster cluster(3);
    Driver driver(config_for(cluster.url()));
    cluster[1].stop();
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(managed(driver, AccessMode::read), Value(1));
    EXPECT_EQ(cluster[2].count(R::commit), 4U);
    cluster[2].stop();
    const StorageError error =
        error_of([&] { managed(driver, AccessMode::read, within(std::chrono::milliseconds(300))); });
    EXPECT_EQ(error.errc(), StorageErrc::unavailable);
    EXPECT_NE(error.message().find("no server takes reads of the database 'neo4j'"), std::string::npos)
        << error.message();
    EXPECT_EQ(managed(driver, AccessMode::write), Value(1));
}

TEST(BoltRouting, DatabaseUnavailableOnOneServer)
{
    const auto script = [](std::size_t server, const BoltRequest& request) -> std::optional<BoltReply> {
        if (server == 1 && request.kind == R::begin)
            return BoltReply::failure("Neo.TransientError.General.DatabaseUnavailable");
        return std::nullopt;
    };
    Cluster cluster(3, script);
    Driver driver(config_for(cluster.url()));
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(managed(driver, AccessMode::read), Value(1));
    EXPECT_EQ(cluster[1].count(R::begin), 1U) << "it is left out until the table is new";
    EXPECT_EQ(cluster[2].count(R::commit), 4U);
}

TEST(BoltRouting, HomeDatabaseIsAskedForAndKeptByTheSession)
{
    BoltStubOptions options;
    options.versions = {{5, 7}}; // no server says by itself where it ran
    Cluster cluster(2, {}, options);
    BoltTable table = cluster.table();
    table.database = "home";
    cluster.set_table(table);
    Driver driver(config_for(cluster.url()));
    const auto work = [&]() -> awaitable<void> {
        SessionConfig config;
        config.impersonated_user = "somebody";
        Session session = driver.session(config);
        const auto query = one_query("RETURN 1");
        co_await session.execute_write(query);
        co_await session.execute_write(query);
    };
    run(work());
    const BoltRequest route = cluster[0].last(R::route);
    EXPECT_EQ(route.extra(), Map().set("imp_user", "somebody"));
    EXPECT_EQ(cluster.count(R::route), 1U);
    EXPECT_EQ(cluster[0].last(R::begin).extra().at("db"), Value("home"));
    // Another session asks again: the home may have changed.
    table.database = "elsewhere";
    cluster.set_table(table);
    run(work());
    EXPECT_EQ(cluster.count(R::route), 2U);
    EXPECT_EQ(cluster[0].last(R::begin).extra().at("db"), Value("elsewhere"));
}

TEST(BoltRouting, HomeDatabaseIsGuessedWhereServersRouteThemselves)
{
    std::mutex mutex;
    std::string home = "home";
    const auto script = [&](std::size_t, const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        const std::lock_guard lock(mutex);
        if (request.kind == R::begin) {
            reply.metadata.set("db", home);
            return reply;
        }
        return std::nullopt;
    };
    for (const bool routes_itself : {true, false}) {
        home = "home";
        BoltStubOptions options;
        options.hints.set("ssr.enabled", routes_itself);
        Cluster cluster(2, script, options);
        BoltTable table = cluster.table();
        table.database = "home";
        cluster.set_table(table);
        Driver driver(config_for(cluster.url()));
        const auto work = [&]() -> awaitable<void> {
            Session session = driver.session();
            const auto query = one_query("RETURN 1");
            co_await session.execute_write(query);
            co_await session.execute_write(query);
        };
        run(work());
        EXPECT_EQ(cluster.count(R::route), 1U);
        run(work());
        EXPECT_EQ(cluster.count(R::route), routes_itself ? 1U : 2U);
        const auto begins = [&] {
            std::vector<bool> named;
            for (const BoltRequest& request : cluster[0].requests())
                if (request.kind == R::begin)
                    named.push_back(request.extra().contains("db"));
            return named;
        };
        // Guessed, the server says which one is home; then the session stays with it.
        const std::vector<bool> expected = {true, true, !routes_itself, true};
        EXPECT_EQ(begins(), expected) << routes_itself;
    }
}

TEST(BoltRouting, UnknownDatabase)
{
    const auto script = [](std::size_t, const BoltRequest& request) -> std::optional<BoltReply> {
        if (request.kind == R::route)
            return BoltReply::failure("Neo.ClientError.Database.DatabaseNotFound", "no such database");
        return std::nullopt;
    };
    Cluster cluster(2, script);
    Driver driver(config_for(cluster.url()));
    EXPECT_STORAGE_ERROR(managed(driver, AccessMode::write), not_found);
    EXPECT_EQ(cluster.count(R::route), 1U) << "another router would say the same";
}

TEST(BoltRouting, ManyCallersWaitForOneTable)
{
    const auto script = [](std::size_t, const BoltRequest& request) -> std::optional<BoltReply> {
        if (request.kind != R::route)
            return std::nullopt;
        return std::nullopt;
    };
    Cluster cluster(3, script);
    Driver driver(config_for(cluster.url()));
    const auto query = [&]() -> awaitable<Value> {
        Session session = driver.session(database("neo4j", AccessMode::read));
        co_return co_await ask(session, "RETURN 1");
    };
    std::vector<std::future<Value>> many;
    for (int i = 0; i < 20; ++i)
        many.push_back(start(query()));
    for (auto& one : many)
        EXPECT_EQ(wait(std::move(one)), Value(1));
    EXPECT_EQ(cluster.count(R::route), 1U);
}

TEST(BoltRouting, ACancelledCallerLeavesTheTableToTheOthers)
{
    std::atomic<bool> hangs{true};
    const auto script = [&](std::size_t, const BoltRequest& request) -> std::optional<BoltReply> {
        BoltReply reply;
        reply.silent = request.kind == R::route && hangs;
        return reply.silent ? std::optional(reply) : std::nullopt;
    };
    Cluster cluster(2, script);
    Driver driver(config_for(cluster.url()));
    const auto query = [&]() -> awaitable<Value> {
        Session session = driver.session(database("neo4j", AccessMode::read));
        co_return co_await ask(session, "RETURN 1");
    };
    Cancellable<Value> first(query());
    ASSERT_TRUE(eventually([&] { return cluster.count(R::route) == 1; }));
    std::future<Value> second = start(query());
    hangs = false;
    first.cancel();
    EXPECT_STORAGE_ERROR(first.get(), cancelled);
    EXPECT_EQ(wait(std::move(second)), Value(1));
}

TEST(BoltRouting, SeveralDatabasesHaveTheirOwnTables)
{
    const auto script = [](std::size_t server, const BoltRequest& request) -> std::optional<BoltReply> {
        if (request.kind == R::begin && request.extra().at("db") == Value("two") && server == 0)
            return BoltReply::failure("Neo.ClientError.Cluster.NotALeader");
        return std::nullopt;
    };
    Cluster cluster(2, script);
    Driver driver(config_for(cluster.url()));
    const auto write = [&](const std::string& name) {
        Session session = driver.session(database(name));
        OperationContext context;
        context.retry_budget = std::make_shared<RetryBudget>(0);
        const auto query = one_query("RETURN 1");
        return run(session.execute_write(query, TransactionConfig(), context));
    };
    EXPECT_EQ(write("one"), Value(1));
    EXPECT_STORAGE_ERROR(write("two"), unavailable);
    EXPECT_EQ(cluster.count(R::route), 2U);
    EXPECT_EQ(write("one"), Value(1));
    EXPECT_EQ(cluster.count(R::route), 2U) << "the other database's leader is the same";
}

} // namespace whisperstore::test
