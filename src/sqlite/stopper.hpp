#pragma once
// Stopping a connection's work from another thread.

#include <atomic>
#include <mutex>

namespace whisperstore::sqlite {

class Connection;

/// A request to stop one piece of work. sqlite3_interrupt() by itself reaches only a statement that
/// runs at that moment: it is forgotten when it comes before or between two statements, and might hit
/// a neighbour's statement when it comes late. A stop is remembered, and reaches this work only.
class Stopper
{
public:
    Stopper() = default;
    Stopper(const Stopper&) = delete;
    Stopper& operator=(const Stopper&) = delete;

    /// Any thread.
    void stop() noexcept;
    bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }

    /// While it lives, stop() ends what the connection runs, with an `interrupted` error. Made by the
    /// thread that uses the connection. Scopes of one connection nest; a stopper has one at a time.
    class Scope
    {
    public:
        Scope(Stopper& stopper, Connection& connection) noexcept;
        ~Scope();
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Stopper& stopper_;
        const Stopper* outer_;
    };

private:
    std::atomic<bool> stopped_{false};
    std::mutex mutex_;
    Connection* connection_ = nullptr; // of the scope
};

} // namespace whisperstore::sqlite
