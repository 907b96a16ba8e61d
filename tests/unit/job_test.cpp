#include "core/job.hpp"
#include "support/run.hpp"

#include <atomic>
#include <future>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

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

struct Waiting
{
    std::vector<std::shared_ptr<Job>> jobs;
    std::size_t resumed = 0;

    void start(asio::io_context& io, std::size_t count)
    {
        for (std::size_t i = 0; i < count; ++i) {
            jobs.push_back(std::make_shared<Job>());
            std::function<void(std::shared_ptr<Job>)> submit = [](const std::shared_ptr<Job>& job) {
                EXPECT_TRUE(job->begin());
            };
            asio::co_spawn(io, Job::wait(jobs.back(), std::move(submit), OperationContext()),
                           [this](std::exception_ptr error) {
                               EXPECT_EQ(error, nullptr);
                               if (++resumed == 2)
                                   throw std::runtime_error("the second one's handler throws");
                           });
        }
        io.poll();
    }
};

TEST(Job, OneThatThrowsDoesNotKeepOthersFromTheirTurn)
{
    asio::io_context first;
    asio::io_context second;
    Waiting four;
    Waiting one;
    four.start(first, 4);
    one.start(second, 1);
    std::vector<std::shared_ptr<Job>> jobs = four.jobs;
    jobs.insert(jobs.begin() + 2, one.jobs.front());
    Job::complete_together(std::move(jobs));
    first.restart();
    EXPECT_THROW(first.run(), std::runtime_error);
    first.run();
    EXPECT_EQ(four.resumed, 4U);
    second.restart();
    second.run();
    EXPECT_EQ(one.resumed, 1U);
}

// The last coroutine ends its event loop while the worker may still be in it.
TEST(Job, SeveralEndTogetherWithTheirEventLoop)
{
    for (int round = 0; round < 200; ++round) {
        auto io = std::make_unique<asio::io_context>();
        std::atomic<std::size_t> submitted = 0;
        std::vector<std::shared_ptr<Job>> jobs;
        std::vector<std::future<void>> ends;
        for (int i = 0; i < 3; ++i) {
            jobs.push_back(std::make_shared<Job>());
            std::function<void(std::shared_ptr<Job>)> submit = [&](const std::shared_ptr<Job>& job) {
                job->begin();
                ++submitted;
            };
            ends.push_back(
                asio::co_spawn(*io, Job::wait(jobs.back(), std::move(submit), OperationContext()), asio::use_future));
        }
        std::thread worker([&] {
            while (submitted != jobs.size())
                std::this_thread::yield();
            Job::complete_together(std::move(jobs));
        });
        io->run();
        io.reset();
        for (auto& end : ends)
            end.get();
        worker.join();
    }
}

} // namespace
} // namespace whisperstore::test
