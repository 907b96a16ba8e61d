#pragma once
// Blocking work of a backup on a thread of its own, stoppable and watched.

#include "backup/byte_stream.hpp"
#include "backup/progress_watch.hpp"
#include "sqlite/store.hpp"

#include <boost/asio/this_coro.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace whisperstore::backup {

/// Work that gives a result. The thread shares what it works on, so that it may outlive a coroutine that is dropped.
template <typename T>
awaitable<T> on_thread(std::function<T(const Watched&)> work, std::shared_ptr<std::atomic<std::uint64_t>> bytes,
                       OperationContext context)
{
    auto result = std::make_shared<std::optional<T>>();
    auto stopper = std::make_shared<sqlite::Stopper>();
    std::function<void()> job = [work = std::move(work), result, stopper, bytes] {
        const Watched watched{*stopper, *bytes};
        result->emplace(work(watched));
    };
    std::function<void()> interrupt = [stopper] { stopper->stop(); };
    co_await sqlite::run_on_thread(std::move(job), std::move(context), std::move(interrupt));
    co_return std::move(**result);
}

} // namespace whisperstore::backup
