// Connections cut at every message, and within them: what the driver says happened did.

#include "integration/bolt/bolt_support.hpp"
#include "servers/chaos_proxy.hpp"

#include <atomic>
#include <set>

namespace whisperstore::test {

using namespace bolt;
using bolt::Session; // not the one of the contexts
using bolt::Value;
using R = RequestKind;
using Cut = ChaosRule::Cut;

namespace {

/// Counts what a server would have made durable.
class Oracle
{
public:
    std::optional<BoltReply> operator()(const BoltRequest& request)
    {
        if (request.kind == R::begin)
            in_transaction_.insert(request.connection);
        if (request.kind == R::commit || (request.kind == R::pull && !in_transaction_.contains(request.connection)))
            ++commits;
        if (request.kind == R::reset || request.kind == R::commit)
            in_transaction_.erase(request.connection);
        return std::nullopt;
    }
    std::atomic<int> commits{0};

private:
    std::set<std::size_t> in_transaction_; // connections
};

enum class Way
{
    auto_commit,
    transaction,
    managed,
};

awaitable<void> write(Driver& driver, Way way)
{
    Session session = driver.session();
    const OperationContext context = within(std::chrono::milliseconds(5000));
    if (way == Way::auto_commit) {
        co_await tell(session, "CREATE (n) RETURN n", context);
    } else if (way == Way::transaction) {
        Transaction transaction = co_await session.begin_transaction(TransactionConfig(), context);
        Result result = co_await transaction.run("CREATE (n) RETURN n", Map(), context);
        co_await result.consume();
        co_await transaction.commit(context);
    } else {
        co_await session.execute_write(one_query("CREATE (n) RETURN n"), TransactionConfig(), context);
    }
}

/// Where the messages of one undisturbed write end, in bytes of each direction.
struct Extent
{
    std::uint64_t request = 0;
    std::uint64_t answer = 0;
};

struct Verdicts
{
    int done = 0;
    int not_applied = 0;
    int unknown = 0;
};

/// Cuts at every `step` bytes, messages are longer; the driver's word against the server's.
void cut_everywhere(Way way, Cut cut, std::uint64_t step, Verdicts& verdicts)
{
    Oracle oracle;
    const auto script = [&](const BoltRequest& request) { return oracle(request); };
    BoltStub stub(script);
    ChaosProxy proxy(stub.port());
    Extent whole;
    {
        Driver driver(config_for("bolt://127.0.0.1:" + std::to_string(proxy.port())));
        run(write(driver, way));
        whole = Extent{proxy.request_bytes(), proxy.answer_bytes()};
    }
    for (const bool towards_server : {true, false}) {
        const std::uint64_t end = towards_server ? whole.request : whole.answer;
        // The last one is beyond the end: nothing is cut.
        for (std::uint64_t at = 0; at <= end + step; at += step) {
            ASSERT_TRUE(eventually([&] { return stub.open() == 0 && proxy.open() == 0; }));
            ChaosRule rule;
            (towards_server ? rule.cut_request_at : rule.cut_answer_at) = at;
            rule.cut = cut;
            rule.connections = 1; // a second try gets through
            proxy.set_rule(rule);
            oracle.commits = 0;
            Driver driver(config_for("bolt://127.0.0.1:" + std::to_string(proxy.port())));
            std::optional<StorageError> failure;
            try {
                run(write(driver, way));
            } catch (const StorageError& error) {
                failure = error;
            }
            const std::string where = std::string(towards_server ? "request" : "answer") + " byte " +
                                      std::to_string(at) + (failure ? ": " + failure->message() : "");
            if (!failure) {
                ++verdicts.done;
                EXPECT_EQ(oracle.commits, 1) << where;
                continue;
            }
            if (failure->outcome() == Outcome::unknown) {
                ++verdicts.unknown;
                EXPECT_LE(oracle.commits, 1) << where;
                EXPECT_FALSE(failure->errc() == StorageErrc::outcome_unknown && failure->retryable()) << where;
            } else {
                ++verdicts.not_applied;
                // What is under way may still arrive: it must not be a commit.
                EXPECT_EQ(oracle.commits, 0) << where;
                EXPECT_TRUE(failure->errc() == StorageErrc::unavailable) << where << to_string(failure->errc());
            }
            EXPECT_EQ(driver.connections().empty() ? 0U : driver.connections().front().in_use, 0U) << where;
        }
    }
    expect_obedience(stub);
}

} // namespace

TEST(BoltChaos, AutoCommitCutAtEveryMessage)
{
    for (const Cut cut : {Cut::close, Cut::reset}) {
        Verdicts verdicts;
        cut_everywhere(Way::auto_commit, cut, 3, verdicts);
        EXPECT_GT(verdicts.not_applied, 0);
        EXPECT_GT(verdicts.unknown, 0);
        EXPECT_GT(verdicts.done, 0);
    }
}

TEST(BoltChaos, TransactionCutAtEveryMessage)
{
    for (const Cut cut : {Cut::close, Cut::reset}) {
        Verdicts verdicts;
        cut_everywhere(Way::transaction, cut, 3, verdicts);
        EXPECT_GT(verdicts.not_applied, verdicts.unknown) << "only a commit leaves anything unknown";
        EXPECT_GT(verdicts.unknown, 0);
        EXPECT_GT(verdicts.done, 0);
    }
}

TEST(BoltChaos, ManagedTransactionCutAtEveryMessage)
{
    Verdicts verdicts;
    cut_everywhere(Way::managed, Cut::reset, 7, verdicts);
    EXPECT_EQ(verdicts.not_applied, 0) << "what did not happen is done again";
    EXPECT_GT(verdicts.unknown, 0);
    EXPECT_GT(verdicts.done, verdicts.unknown);
}

TEST(BoltChaos, ABlackHoleIsLeftAtTheDeadline)
{
    BoltStub stub;
    ChaosProxy proxy(stub.port());
    Driver driver(config_for("bolt://127.0.0.1:" + std::to_string(proxy.port())));
    Session session = driver.session(reading());
    EXPECT_EQ(run(ask(session, "RETURN 1")), Value(1));
    ChaosRule rule;
    rule.cut_answer_at = proxy.answer_bytes();
    rule.cut = Cut::black_hole;
    rule.connections = 1;
    proxy.set_rule(rule);
    EXPECT_STORAGE_ERROR(run(ask(session, "RETURN 1", within(std::chrono::milliseconds(150)))), timeout);
    // The silent connection is not what the next caller gets.
    EXPECT_EQ(run(ask(session, "RETURN 1", within(std::chrono::milliseconds(5000)))), Value(1));
    EXPECT_EQ(proxy.accepted(), 2U);
}

TEST(BoltChaos, ManyCallersWhileConnectionsBreak)
{
    BoltStub stub;
    ChaosProxy proxy(stub.port());
    DriverConfig config = config_for("bolt://127.0.0.1:" + std::to_string(proxy.port()));
    config.max_connection_pool_size = 4;
    Driver driver(config);
    std::atomic<bool> ends{false};
    std::atomic<int> answered{0};
    const auto caller = [&]() -> awaitable<void> {
        while (!ends) {
            Session session = driver.session();
            const Value value = co_await session.execute_read(one_query("RETURN 1"));
            EXPECT_EQ(value, Value(1));
            ++answered;
        }
    };
    std::vector<std::future<void>> callers;
    for (int i = 0; i < 8; ++i)
        callers.push_back(start(caller()));
    for (int i = 0; i < 10; ++i) {
        const int before = answered;
        EXPECT_TRUE(eventually([&] { return answered >= before + 20; }));
        proxy.cut_all();
    }
    ends = true;
    for (auto& one : callers)
        wait(std::move(one));
    EXPECT_EQ(driver.connections().front().in_use, 0U);
    expect_obedience(stub);
}

} // namespace whisperstore::test
