#include "vector/local_qdrant/search_pool.hpp"

#include <whisperstore/core/error.hpp>

#include <boost/asio/post.hpp>

namespace whisperstore::local_qdrant {

namespace {

class SearchJob final : public Job
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

} // namespace

SearchPool::SearchPool(std::size_t threads) : threads_(threads) {}

SearchPool::~SearchPool() { stop(); }

void SearchPool::stop() noexcept
{
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    threads_.join();
}

awaitable<void> SearchPool::run(std::function<void(const CheckPoint&)> work, OperationContext context)
{
    auto job = std::make_shared<SearchJob>(std::move(work));
    std::function<void(std::shared_ptr<Job>)> submit = [this, job](const std::shared_ptr<Job>&) {
        const std::lock_guard lock(mutex_); // what is queued before a stop still runs
        if (stopping_)
            throw StorageError(StorageErrc::closed, "the vector store was closed");
        asio::post(threads_, [job] {
            if (job->begin())
                job->run();
        });
    };
    co_await Job::wait(job, std::move(submit), std::move(context));
}

} // namespace whisperstore::local_qdrant
