#include "support/run.hpp"

#include <whisperstore/core/operation_context.hpp>

#include <thread>
#include <vector>

namespace whisperstore {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(OperationContext, WithoutADeadlineItNeverExpires)
{
    const OperationContext context;
    EXPECT_FALSE(context.expired());
    EXPECT_NO_THROW(context.check_deadline("sqlite", "execute_query"));
}

TEST(OperationContext, DeadlinesAreAbsoluteAndOnlyGetEarlier)
{
    const OperationContext past = OperationContext::within(milliseconds(-1));
    EXPECT_TRUE(past.expired());
    const StorageError error = test::error_of([&] { past.check_deadline("sqlite", "execute_query"); });
    EXPECT_EQ(error.errc(), StorageErrc::timeout);
    EXPECT_EQ(error.backend(), "sqlite");
    EXPECT_EQ(error.operation(), "execute_query");
    EXPECT_EQ(error.outcome(), Outcome::not_applied);

    EXPECT_FALSE(OperationContext::within(hours(1)).expired());
    EXPECT_TRUE(past.limited_to(hours(1)).expired());
    EXPECT_TRUE(OperationContext::within(hours(1)).limited_to(milliseconds(-1)).expired());
    EXPECT_FALSE(OperationContext().limited_to(hours(1)).expired());
    EXPECT_TRUE(OperationContext().limited_to(hours(1)).deadline.has_value());
}

TEST(Session, ATokenIsReplacedByWhatIsMadeOfItInOneStep)
{
    Session session;
    const auto count_up = [](const std::string& token) {
        return std::to_string(token.empty() ? 1 : std::stoi(token) + 1);
    };
    session.update_token("a", count_up);
    EXPECT_EQ(session.token("a"), "1");
    EXPECT_EQ(session.token("b"), "");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int step = 0; step < 1000; ++step)
                session.update_token("a", count_up);
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(session.token("a"), "4001");
}

TEST(OperationContext, CopiesShareBudgetAndSession)
{
    OperationContext context;
    context.retry_budget = std::make_shared<RetryBudget>(2);
    context.session = std::make_shared<Session>();
    context.tenant = "one of many tenants";
    const OperationContext copy = context.limited_to(hours(1));
    EXPECT_TRUE(copy.retry_budget->try_take());
    EXPECT_TRUE(context.retry_budget->try_take());
    EXPECT_FALSE(copy.retry_budget->try_take());
    copy.session->set_token("postgresql", "0/1A2B");
    EXPECT_EQ(context.session->token("postgresql"), "0/1A2B");
    EXPECT_EQ(context.session->token("neo4j"), "");
    EXPECT_EQ(copy.tenant, context.tenant);
}

TEST(RetryBudget, IsNeverOverdrawn)
{
    RetryBudget budget(1000);
    std::atomic<int> taken{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            while (budget.try_take())
                ++taken;
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(taken, 1000);
    EXPECT_EQ(budget.left(), 0);
    RetryBudget none(0);
    EXPECT_FALSE(none.try_take());
}

} // namespace
} // namespace whisperstore
