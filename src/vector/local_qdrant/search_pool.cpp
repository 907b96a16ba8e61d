#include "vector/local_qdrant/search_pool.hpp"

#include <whisperstore/core/error.hpp>

namespace whisperstore::local_qdrant {

class SearchPool::SearchJob final : public Job
{
public:
    explicit SearchJob(std::function<void(const CheckPoint&)> work) : work_(std::move(work)) {}

    void run() noexcept
    {
        std::exception_ptr error;
        try {
            const CheckPoint check = [this] {
                if (abort_reason() != AbortReason::none)
                    throw abort_error(abort_reason(), "the search");
            };
            work_(check);
        } catch (...) {
            error = std::current_exception();
        }
        work_ = nullptr;
        complete(std::move(error));
    }

private:
    std::function<void(const CheckPoint&)> work_;
};

SearchPool::SearchPool(std::size_t threads)
{
    for (std::size_t i = 0; i < threads; ++i)
        threads_.emplace_back([this] { loop(); });
}

SearchPool::~SearchPool() { stop(); }

void SearchPool::stop() noexcept
{
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_)
        if (thread.joinable())
            thread.join();
}

void SearchPool::loop()
{
    while (true) {
        std::shared_ptr<SearchJob> job;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty())
                return;
            job = std::move(queue_.front());
            queue_.pop_front();
        }
        if (job->begin())
            job->run();
    }
}

awaitable<void> SearchPool::run(std::function<void(const CheckPoint&)> work, OperationContext context)
{
    auto job = std::make_shared<SearchJob>(std::move(work));
    std::function<void(std::shared_ptr<Job>)> submit = [this, job](const std::shared_ptr<Job>&) {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_)
                throw StorageError(StorageErrc::closed, "the vector store was closed");
            queue_.push_back(job);
        }
        wake_.notify_one();
    };
    co_await Job::wait(job, std::move(submit), std::move(context));
}

} // namespace whisperstore::local_qdrant
