// Connections cut at every byte, in every way: every call ends in time with a right code, what was acknowledged is
// there, what was refused is not, and the adapter works again afterwards.

#include "integration/postgresql/postgresql_support.hpp"
#include "servers/chaos_proxy.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <set>
#include <string>

namespace whisperstore::test {

namespace {

using std::chrono::milliseconds;

struct Chaos
{
    const char* name;
    ChaosRule::Cut cut;
    bool of_requests;    ///< or of answers
    milliseconds limit;  ///< the deadline of each call
    std::uint64_t quick; ///< every so many bytes
    std::uint64_t thorough;
    friend std::ostream& operator<<(std::ostream& out, const Chaos& chaos) { return out << chaos.name; }
};

// A connection that is silent costs its deadline, so there are fewer of those.
constexpr std::array all_chaos{
    Chaos{"CloseRequests", ChaosRule::Cut::close, true, milliseconds(3000), 37, 1},
    Chaos{"CloseAnswers", ChaosRule::Cut::close, false, milliseconds(3000), 41, 1},
    Chaos{"ResetRequests", ChaosRule::Cut::reset, true, milliseconds(3000), 43, 1},
    Chaos{"ResetAnswers", ChaosRule::Cut::reset, false, milliseconds(3000), 47, 1},
    Chaos{"HalfCloseRequests", ChaosRule::Cut::half_close, true, milliseconds(400), 83, 3},
    Chaos{"HalfCloseAnswers", ChaosRule::Cut::half_close, false, milliseconds(400), 89, 3},
    Chaos{"BlackHoleRequests", ChaosRule::Cut::black_hole, true, milliseconds(150), 281, 5},
    Chaos{"BlackHoleAnswers", ChaosRule::Cut::black_hole, false, milliseconds(150), 283, 5},
};

// What a call may end with when its connection breaks. A server that gets half a password calls it a wrong one.
const std::set<StorageErrc> allowed_for_connecting{StorageErrc::unavailable, StorageErrc::timeout,
                                                   StorageErrc::authentication};
const std::set<StorageErrc> allowed_for_reads{StorageErrc::unavailable, StorageErrc::timeout, StorageErrc::closed};
const std::set<StorageErrc> allowed_for_writes{StorageErrc::unavailable, StorageErrc::timeout, StorageErrc::closed,
                                               StorageErrc::outcome_unknown};

class PostgresqlChaos : public testing::TestWithParam<Chaos>
{
protected:
    PostgresqlChaos() { server.script("CREATE TABLE kept (id BIGINT PRIMARY KEY)"); }

    ConnectionUrl url(std::uint16_t port) const { return PostgresqlServers::get().url(port, database.name()); }

    OperationContext soon() const { return OperationContext::within(GetParam().limit); }

    /// Calls, and checks how it failed if it did. The error's outcome; none when it did not fail.
    std::optional<Outcome> attempt(const std::set<StorageErrc>& allowed, const std::function<void()>& call)
    {
        const bool writes = &allowed == &allowed_for_writes;
        const auto begun = std::chrono::steady_clock::now();
        std::optional<Outcome> outcome;
        try {
            call();
        } catch (const StorageError& error) {
            outcome = error.outcome();
            EXPECT_TRUE(allowed.contains(error.errc())) << error.what();
            EXPECT_EQ(error.errc() == StorageErrc::outcome_unknown,
                      error.outcome() == Outcome::unknown && error.errc() != StorageErrc::timeout)
                << error.what();
            EXPECT_TRUE(writes || error.outcome() != Outcome::unknown) << error.what();
            EXPECT_EQ(std::string(error.what()).find(PostgresqlServers::get().password()), std::string::npos);
        }
        // The adapter gives a silent server two seconds to say what became of a call that is over.
        EXPECT_LT(std::chrono::steady_clock::now() - begun, GetParam().limit + std::chrono::seconds(5));
        return outcome;
    }

    void write(const std::vector<std::int64_t>& ids, const std::function<void()>& call)
    {
        const std::optional<Outcome> outcome = attempt(allowed_for_writes, call);
        for (const std::int64_t id : ids)
            (!outcome ? present : *outcome == Outcome::not_applied ? absent : together_or_not).insert(id);
        if (outcome == Outcome::unknown)
            groups.push_back(ids);
        if (outcome == Outcome::applied)
            ADD_FAILURE() << "nothing here can be known to have happened and fail";
    }

    Query insert() { return query("INSERT INTO kept VALUES (?)", params(arg(++last_id))); }

    /// Everything a caller can do, over one connection.
    void work(PostgreSQLAdapter& db)
    {
        attempt(allowed_for_reads, [&] { run(db.execute_query("SELECT id FROM kept LIMIT 5", Parameters(), soon())); });
        Query one = insert();
        write({last_id}, [&] { run(db.execute_query(one.sql, one.params, soon())); });
        std::vector<Query> list = queries(insert(), insert());
        write({last_id - 1, last_id}, [&] { run(db.execute_transaction(list, soon())); });
        attempt(allowed_for_reads, [&] {
            RowStream stream = run(db.stream_query("SELECT id FROM kept LIMIT 5", Parameters(), soon()));
            run(stream.next());
        });
        Query scoped = insert();
        write({last_id}, [&] {
            Transaction transaction = run(db.begin_transaction(soon()));
            run(transaction.execute_query(scoped.sql, scoped.params, soon()));
            run(transaction.commit(soon()));
        });
        std::vector<std::int64_t> rows{++last_id, ++last_id, ++last_id};
        write(rows, [&] {
            std::size_t given = 0;
            const auto next = [&]() -> std::optional<std::vector<Value>> {
                if (given == rows.size())
                    return std::nullopt;
                return std::vector<Value>(1, Value(rows[given++]));
            };
            run(db.bulk_load("kept", std::vector<std::string>(1, "id"), next, soon()));
        });
    }

    /// One adapter through a proxy whose first connection is cut there.
    void cut_at(std::uint64_t position)
    {
        ChaosProxy proxy(static_cast<std::uint16_t>(*PostgresqlServers::get().primary().hosts.front().port));
        ChaosRule rule;
        (GetParam().of_requests ? rule.cut_request_at : rule.cut_answer_at) = position;
        rule.cut = GetParam().cut;
        rule.connections = 1;
        proxy.set_rule(rule);
        PostgreSQLAdapter db(postgresql_config(url(proxy.port()), 1));
        if (!attempt(allowed_for_connecting, [&] { run(db.connect(soon())); }))
            work(db);
        proxy.clear();
        run(db.connect()); // does nothing when it is
        EXPECT_TRUE(eventually([&] {
            try {
                return run(db.execute_query("SELECT 1 AS v", Parameters(), soon())).rows[0]["v"] == 1;
            } catch (const StorageError&) {
                return false; // a connection that was silent is given up by and by
            }
        }));
        work_again(db);
        EXPECT_TRUE(eventually([&] { return run(db.get_active_connections()) == 0; }));
        run(db.disconnect());
    }

    /// And now nothing may fail.
    void work_again(PostgreSQLAdapter& db)
    {
        const Query one = insert();
        EXPECT_NO_THROW(run(db.execute_query(one.sql, one.params)));
        present.insert(last_id);
    }

    void check_rows()
    {
        std::set<std::int64_t> found;
        for (const PlainRow& row : server.execute("SELECT id FROM kept"))
            found.insert(std::stoll(row.front().value()));
        for (const std::int64_t id : present)
            EXPECT_TRUE(found.contains(id)) << "acknowledged and lost: " << id;
        for (const std::int64_t id : absent)
            EXPECT_FALSE(found.contains(id)) << "refused and there: " << id;
        for (const std::vector<std::int64_t>& group : groups)
            for (const std::int64_t id : group)
                EXPECT_EQ(found.contains(id), found.contains(group.front())) << "half a transaction: " << id;
    }

    TestDatabase database;
    PlainConnection server{database.url()};
    std::int64_t last_id = 0;
    std::set<std::int64_t> present;
    std::set<std::int64_t> absent;
    std::set<std::int64_t> together_or_not;
    std::vector<std::vector<std::int64_t>> groups;
};

INSTANTIATE_TEST_SUITE_P(Everywhere, PostgresqlChaos, testing::ValuesIn(all_chaos),
                         [](const auto& chaos) { return std::string(chaos.param.name); });

TEST_P(PostgresqlChaos, EveryByte)
{
    std::uint64_t length = 0;
    {
        ChaosProxy proxy(static_cast<std::uint16_t>(*PostgresqlServers::get().primary().hosts.front().port));
        PostgreSQLAdapter db(postgresql_config(url(proxy.port()), 1));
        run(db.connect());
        work(db);
        ASSERT_EQ(absent.size() + together_or_not.size(), 0U) << "work fails unharmed";
        length = GetParam().of_requests ? proxy.request_bytes() : proxy.answer_bytes();
        run(db.disconnect());
    }
    const std::uint64_t step = thorough() ? GetParam().thorough : GetParam().quick;
    std::size_t rounds = 0;
    for (std::uint64_t position = 0; position < length; position += step, ++rounds) {
        SCOPED_TRACE("cut at byte " + std::to_string(position) + " of " + std::to_string(length));
        cut_at(position);
        if (HasFailure())
            break;
    }
    check_rows();
    EXPECT_GE(rounds, 5U);
    EXPECT_TRUE(eventually([&] { return database.connections() == 1; })) << "connections are left"; // the test's own
    std::cout << rounds << " cuts of " << length << " bytes: " << present.size() << " rows acknowledged, "
              << absent.size() << " refused, " << together_or_not.size() << " unknown\n";
}

/// A proxy with one connection, whose answers stop now; later connections are unharmed.
void fall_silent(ChaosProxy& proxy)
{
    ChaosRule rule;
    rule.cut_answer_at = proxy.answer_bytes();
    rule.cut = ChaosRule::Cut::black_hole;
    rule.connections = 1;
    proxy.set_rule(rule);
}

TEST(PostgresqlChaosBeyond, ARollbackThatIsNotAnsweredFreesTheConnection)
{
    const TestDatabase database;
    ChaosProxy proxy(static_cast<std::uint16_t>(*PostgresqlServers::get().primary().hosts.front().port));
    const auto db = connected(PostgresqlServers::get().url(proxy.port(), database.name()), 1);
    run(db->execute_query("CREATE TABLE t (a BIGINT)"));
    for (const bool dropped : {true, false}) {
        Transaction transaction = run(db->begin_transaction());
        run(transaction.execute_query("INSERT INTO t VALUES (1)"));
        fall_silent(proxy);
        if (dropped)
            transaction = Transaction();
        else
            EXPECT_STORAGE_ERROR(run(transaction.rollback()), unavailable);
        EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM t", Parameters(),
                                        OperationContext::within(std::chrono::seconds(20))))
                      .rows[0]["n"],
                  0);
    }
    EXPECT_TRUE(eventually([&] { return run(db->get_active_connections()) == 0; }));
    run(db->disconnect());
}

// It has no deadline, and the one behind it has.
TEST(PostgresqlChaosBeyond, ACallBehindASilentOneEndsInItsTime)
{
    const TestDatabase database;
    ChaosProxy proxy(static_cast<std::uint16_t>(*PostgresqlServers::get().primary().hosts.front().port));
    const auto db = connected(PostgresqlServers::get().url(proxy.port(), database.name()), 1);
    run(db->execute_query("CREATE TABLE t (a BIGINT)"));
    const auto read = [&](OperationContext context) {
        return db->execute_query("SELECT count(*) AS n FROM t", Parameters(), std::move(context));
    };
    const auto write = [&](OperationContext context) {
        return db->execute_query("INSERT INTO t VALUES (1)", Parameters(), std::move(context));
    };
    for (int i = 0; i < 20; ++i) { // so that they are known to be short
        run(read(OperationContext()));
        run(write(OperationContext()));
    }
    fall_silent(proxy);
    auto first = start(read(OperationContext()));
    ASSERT_TRUE(eventually([&] { return run(db->get_active_connections()) == 1; }));
    const auto begun = std::chrono::steady_clock::now();
    auto second = start(read(OperationContext::within(milliseconds(200))));
    auto third = start(write(OperationContext::within(milliseconds(200))));
    const StorageError of_read = error_of([&] { wait(std::move(second)); });
    EXPECT_EQ(of_read.errc(), StorageErrc::timeout);
    EXPECT_EQ(of_read.outcome(), Outcome::not_applied);
    EXPECT_STORAGE_ERROR(wait(std::move(third)), timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
    EXPECT_NE(first.wait_for(milliseconds(0)), std::future_status::ready); // it was not harmed
    proxy.cut_all();
    EXPECT_GE(wait(std::move(first)).rows[0]["n"].as_int(), 20); // read again elsewhere
    run(db->disconnect());
}

TEST(PostgresqlChaosBeyond, DelayedAnswersAreAnswers)
{
    const TestDatabase database;
    ChaosProxy proxy(static_cast<std::uint16_t>(*PostgresqlServers::get().primary().hosts.front().port));
    ChaosRule rule;
    rule.delay = milliseconds(15);
    proxy.set_rule(rule);
    const auto db = connected(PostgresqlServers::get().url(proxy.port(), database.name()), 2);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(run(db->execute_query("SELECT ? + 1 AS v", params(arg(i)))).rows[0]["v"], i + 1);
    run(db->disconnect());
}

TEST(PostgresqlChaosBeyond, AServerThatRefusesIsUnavailableAndFoundAgain)
{
    const TestDatabase database;
    ChaosProxy proxy(static_cast<std::uint16_t>(*PostgresqlServers::get().primary().hosts.front().port));
    const auto db = connected(PostgresqlServers::get().url(proxy.port(), database.name()), 2);
    ChaosRule rule;
    rule.refuse = true;
    proxy.set_rule(rule);
    proxy.cut_all();
    EXPECT_STORAGE_ERROR(run(db->execute_query("CREATE TABLE t (a BIGINT)")), unavailable);
    EXPECT_TRUE(error_of([&] { run(db->execute_query("SELECT 1")); }).retryable());
    proxy.clear();
    EXPECT_EQ(run(db->execute_query("SELECT 1 AS v")).rows[0]["v"], 1);
    run(db->disconnect());
}

// Seen as soon as several waited: for each connection that failed the next one was opened, and nobody was told.
TEST(PostgresqlChaosBeyond, AServerThatRefusesIsAskedNoMoreOftenThanThereAreCallers)
{
    const TestDatabase database;
    ChaosProxy proxy(static_cast<std::uint16_t>(*PostgresqlServers::get().primary().hosts.front().port));
    const auto db = connected(PostgresqlServers::get().url(proxy.port(), database.name()), 4);
    ChaosRule rule;
    rule.refuse = true;
    proxy.set_rule(rule);
    proxy.cut_all();
    EXPECT_STORAGE_ERROR(run(db->execute_query("SELECT 1")), unavailable); // the broken connection is noticed
    const std::size_t before = proxy.accepted();
    std::vector<std::future<QueryResult>> calls;
    for (int i = 0; i < 32; ++i)
        calls.push_back(
            start(db->execute_query("SELECT 1", Parameters(), OperationContext::within(std::chrono::seconds(10)))));
    for (auto& call : calls)
        EXPECT_STORAGE_ERROR(wait(std::move(call)), unavailable);
    EXPECT_LE(proxy.accepted() - before, 32U);
    run(db->disconnect());
}

// What began while the network was silent gets no answer, and is given up after ten seconds only.
TEST(PostgresqlChaosBeyond, AConnectionThatIsLateInOpeningKeepsNobodyWaiting)
{
    const TestDatabase database;
    ChaosProxy proxy(static_cast<std::uint16_t>(*PostgresqlServers::get().primary().hosts.front().port));
    const auto db = connected(PostgresqlServers::get().url(proxy.port(), database.name()), 1);
    ChaosRule silent;
    silent.cut_request_at = 0;
    silent.cut_answer_at = 0;
    silent.cut = ChaosRule::Cut::black_hole;
    proxy.set_rule(silent);
    proxy.cut_all();
    const auto read = [&](milliseconds limit) {
        return run(db->execute_query("SELECT 1 AS v", Parameters(), OperationContext::within(limit)));
    };
    EXPECT_TRUE(eventually([&] { // first the connection that is cut is noticed
        return error_of([&] { read(milliseconds(1200)); }).errc() == StorageErrc::timeout;
    }));
    proxy.clear();
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(read(milliseconds(5000)).rows[0]["v"], 1);
    run(db->disconnect());
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

// Each request to cancel is a connection of its own.
TEST(PostgresqlChaosBeyond, ASilentServerIsAskedToStopLessAndLess)
{
    const TestDatabase database;
    ChaosProxy proxy(static_cast<std::uint16_t>(*PostgresqlServers::get().primary().hosts.front().port));
    const auto db = connected(PostgresqlServers::get().url(proxy.port(), database.name()), 1);
    fall_silent(proxy);
    const std::size_t before = proxy.accepted();
    const OperationContext soon = OperationContext::within(milliseconds(50));
    EXPECT_STORAGE_ERROR(run(db->execute_query("SELECT pg_sleep(0)", Parameters(), soon)), timeout);
    EXPECT_GE(proxy.accepted() - before, 2U);
    EXPECT_LE(proxy.accepted() - before, 7U); // they were twenty
    run(db->disconnect());
}

} // namespace

} // namespace whisperstore::test
