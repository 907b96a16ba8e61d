#include "storage/store_reopener.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>

namespace whisperstore {

namespace {

constexpr std::chrono::milliseconds first_pause{500};
constexpr std::chrono::milliseconds longest_pause{30'000};
constexpr std::chrono::seconds attempt_limit{10};

bool is_missing(const LayerStores& stores, StoreKind kind)
{
    return stores.exists(kind) && !stores.gate(kind).is_open();
}

awaitable<void> reopen(std::shared_ptr<LayerStores> stores, StoreKind kind, Logger logger)
{
    try {
        co_await open_again(stores, kind, OperationContext::within(attempt_limit));
    } catch (const StorageError& error) {
        if (error.errc() == StorageErrc::cancelled)
            throw;
        co_return; // health() tells of it
    }
    if (logger)
        logger(LogLevel::info, "storage", "the " + std::string(to_string(kind)) + ", down at the start, is there now");
}

/// Whether any is missing still.
awaitable<bool> reopen_missing(std::shared_ptr<LayerStores> stores, Logger logger)
{
    bool missing = false;
    for (const StoreKind kind : store_kinds) {
        if (is_missing(*stores, kind))
            co_await reopen(stores, kind, logger);
        missing = missing || is_missing(*stores, kind);
    }
    co_return missing;
}

/// Weak: a layer that is dropped lets go of its files at once.
awaitable<void> reopen_all(std::weak_ptr<LayerStores> weak, Logger logger)
{
    asio::steady_timer timer(co_await asio::this_coro::executor);
    std::chrono::milliseconds pause = first_pause;
    while (true) {
        timer.expires_after(pause);
        co_await timer.async_wait(asio::use_awaitable);
        std::shared_ptr<LayerStores> stores = weak.lock();
        if (!stores)
            co_return;
        const bool missing = co_await reopen_missing(std::move(stores), logger);
        if (!missing)
            co_return;
        pause = std::min(pause * 2, longest_pause);
    }
}

} // namespace

StoreReopener::StoreReopener(const std::shared_ptr<LayerStores>& stores, Logger logger)
    : task_([weak = std::weak_ptr(stores), logger = std::move(logger)] { return reopen_all(weak, logger); })
{
}

} // namespace whisperstore
