#pragma once
// Blocking work on a thread of its own that gives a result.

#include "sqlite/store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace whisperstore::sqlite {

/// run_on_thread() with what `work` returns. The thread shares what it works on, so that it may outlive a coroutine that
/// is dropped.
template <typename T>
awaitable<T> result_of_thread(std::function<T()> work, OperationContext context,
                              std::function<void()> interrupt = nullptr)
{
    const auto result = std::make_shared<std::optional<T>>();
    std::function<void()> job = [work = std::move(work), result] { result->emplace(work()); };
    co_await run_on_thread(std::move(job), std::move(context), std::move(interrupt));
    co_return std::move(**result);
}

} // namespace whisperstore::sqlite
