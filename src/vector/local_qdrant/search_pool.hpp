#pragma once
// Threads for the searches that would keep a caller's thread too long.

#include "core/job.hpp"
#include "vector/local_qdrant/index_search.hpp"

#include <boost/asio/thread_pool.hpp>

namespace whisperstore::local_qdrant {

class SearchPool
{
public:
    explicit SearchPool(std::size_t threads);
    ~SearchPool();

    /// Runs `work` on a thread of the pool; the check point it gets throws when the caller cancelled
    /// or its deadline passed.
    awaitable<void> run(std::function<void(const CheckPoint&)> work, OperationContext context);
    /// Ends after what is queued; later calls are `closed`.
    void stop() noexcept;

private:
    std::mutex mutex_;
    bool stopping_ = false;
    asio::thread_pool threads_;
};

} // namespace whisperstore::local_qdrant
