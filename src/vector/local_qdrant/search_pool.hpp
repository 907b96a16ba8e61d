#pragma once
// Threads for the searches that would keep a caller's thread too long.

#include "core/job.hpp"
#include "vector/local_qdrant/index_search.hpp"

#include <condition_variable>
#include <deque>
#include <thread>

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
    class SearchJob;
    void loop();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<SearchJob>> queue_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

} // namespace whisperstore::local_qdrant
