#pragma once
// Blocking work of a backup on a thread of its own, stoppable and watched.

#include "backup/byte_stream.hpp"
#include "backup/progress_watch.hpp"
#include "sqlite/thread_result.hpp"

#include <boost/asio/this_coro.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace whisperstore::backup {

/// Work that gives a result.
template <typename T>
awaitable<T> on_thread(std::function<T(const Watched&)> work, std::shared_ptr<std::atomic<std::uint64_t>> bytes,
                       OperationContext context)
{
    auto stopper = std::make_shared<sqlite::Stopper>();
    std::function<T()> job = [work = std::move(work), stopper, bytes] { return work(Watched{*stopper, *bytes}); };
    std::function<void()> interrupt = [stopper] { stopper->stop(); };
    return sqlite::result_of_thread<T>(std::move(job), std::move(context), std::move(interrupt));
}

} // namespace whisperstore::backup
