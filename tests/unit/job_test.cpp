#include "core/job.hpp"
#include "support/run.hpp"

#include <latch>

namespace whisperstore::test {
namespace {

awaitable<void> wait_for(std::shared_ptr<Job> job, std::function<void(std::shared_ptr<Job>)> submit,
                         OperationContext context, std::atomic<bool>& resumed)
{
    try {
        co_await Job::wait(std::move(job), std::move(submit), std::move(context));
    } catch (...) {
        resumed = true;
        throw;
    }
    resumed = true;
}

// A job that ends while it is still being handed over, by its deadline or by a quick worker, must not
// resume its coroutine yet: what hands it over may live there.
TEST(Job, CoroutinesGoOnOnlyAfterTheSubmission)
{
    std::atomic<bool> resumed = false;
    std::atomic<bool> resumed_early = false;
    auto job = std::make_shared<Job>();
    std::function<void(std::shared_ptr<Job>)> submit = [&](const std::shared_ptr<Job>& handed) {
        EXPECT_TRUE(eventually([&] { return handed->abort_reason() == AbortReason::timeout; }));
        std::latch turn(1);
        asio::post(pool(), [&] { turn.count_down(); }); // the other thread has had its turn
        turn.wait();
        resumed_early = resumed.load();
    };
    EXPECT_STORAGE_ERROR(
        run(wait_for(job, std::move(submit), OperationContext::within(std::chrono::milliseconds(-1)), resumed)),
        timeout);
    EXPECT_FALSE(resumed_early);
    EXPECT_FALSE(job->begin());
}

TEST(Job, AQuickWorkerDoesNotResumeItEarlyEither)
{
    std::atomic<bool> resumed = false;
    std::atomic<bool> resumed_early = false;
    std::function<void(std::shared_ptr<Job>)> submit = [&](const std::shared_ptr<Job>& handed) {
        std::thread([&] {
            EXPECT_TRUE(handed->begin());
            handed->complete();
        }).join();
        std::latch turn(1);
        asio::post(pool(), [&] { turn.count_down(); });
        turn.wait();
        resumed_early = resumed.load();
    };
    run(wait_for(std::make_shared<Job>(), std::move(submit), OperationContext(), resumed));
    EXPECT_TRUE(resumed);
    EXPECT_FALSE(resumed_early);
}

TEST(Job, ARefusedSubmissionIsTheWaitersError)
{
    std::atomic<bool> resumed = false;
    std::function<void(std::shared_ptr<Job>)> submit = [](const std::shared_ptr<Job>&) {
        throw StorageError(StorageErrc::closed, "the store was closed");
    };
    EXPECT_STORAGE_ERROR(run(wait_for(std::make_shared<Job>(), std::move(submit), OperationContext(), resumed)),
                         closed);
}

awaitable<void> work_elsewhere(std::vector<std::thread>& workers, bool& done)
{
    std::function<void(std::shared_ptr<Job>)> submit = [&workers](const std::shared_ptr<Job>& handed) {
        workers.emplace_back([handed] {
            if (handed->begin())
                handed->complete();
        });
    };
    co_await Job::wait(std::make_shared<Job>(), std::move(submit), OperationContext());
    done = true;
}

// Seen: a command ended, and its io_context with it, while a worker was still inside the post that had
// resumed it; one run in two hundred crashed on a busy machine.
TEST(Job, AnExecutorMayEndAsSoonAsTheCoroutineHas)
{
    std::vector<std::thread> workers;
    for (int i = 0; i < 500; ++i) {
        bool done = false;
        asio::io_context io(1);
        asio::co_spawn(io, work_elsewhere(workers, done), asio::detached);
        while (!done)
            io.run_one();
    }
    for (std::thread& worker : workers)
        worker.join();
}

} // namespace
} // namespace whisperstore::test
