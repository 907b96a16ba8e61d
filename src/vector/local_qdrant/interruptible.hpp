#pragma once
// Lets a caller's cancellation or deadline reach blocking work on another thread.

#include "sqlite/store.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

namespace whisperstore::local_qdrant {

class Interruptible
{
public:
    /// Any thread.
    void interrupt() noexcept;
    /// The work: throws when it was interrupted.
    void check() const;

    /// Makes interrupt() stop what runs on a connection, while the object lives.
    class Running
    {
    public:
        Running(Interruptible& owner, sqlite::Connection& connection);
        ~Running();
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;

    private:
        Interruptible& owner_;
        sqlite::Connection* const before_;
    };

private:
    std::atomic<bool> interrupted_{false};
    std::mutex mutex_;
    sqlite::Connection* connection_ = nullptr;
};

/// sqlite::run_on_thread with an Interruptible.
awaitable<void> run_interruptible(std::function<void(Interruptible&)> work, OperationContext context);

} // namespace whisperstore::local_qdrant
