#include "vector/local_qdrant/interruptible.hpp"

#include <sqlite3.h>

namespace whisperstore::local_qdrant {

void Interruptible::interrupt() noexcept
{
    interrupted_.store(true);
    const std::lock_guard lock(mutex_);
    if (connection_)
        connection_->interrupt();
}

void Interruptible::check() const
{
    // In SQLite's own words: run_on_thread turns them into `timeout` or `cancelled`.
    if (interrupted_.load(std::memory_order_relaxed))
        throw sqlite::make_error(SQLITE_INTERRUPT, "interrupted", {}, "local_qdrant");
}

Interruptible::Running::Running(Interruptible& owner, sqlite::Connection& connection)
    : owner_(owner), before_(owner.connection_)
{
    {
        const std::lock_guard lock(owner_.mutex_);
        owner_.connection_ = &connection;
    }
    owner_.check();
}

Interruptible::Running::~Running()
{
    const std::lock_guard lock(owner_.mutex_);
    owner_.connection_ = before_;
}

awaitable<void> run_interruptible(std::function<void(Interruptible&)> work, OperationContext context)
{
    auto interruptible = std::make_shared<Interruptible>();
    std::function<void()> blocking = [work = std::move(work), interruptible] { work(*interruptible); };
    std::function<void()> interrupt = [interruptible] { interruptible->interrupt(); };
    co_await sqlite::run_on_thread(std::move(blocking), std::move(context), std::move(interrupt));
}

} // namespace whisperstore::local_qdrant
