#pragma once
// Which commit of a store is the last, so that a reader may keep its snapshot until there is another.

#include <atomic>
#include <cstdint>

namespace whisperstore::sqlite {

/// Written by the store's writer, asked by its readers. A commit shows in the file some microseconds before it is
/// counted. Who has seen it in between must say so with seen(), or a later read of theirs in a kept snapshot would not
/// see it any more.
class Commits
{
public:
    /// Those so far, and perhaps more: only whether it has changed means something.
    std::uint64_t count() const noexcept { return count_.load(std::memory_order_seq_cst); }
    /// Whether one, or other work that changes the file, is going on.
    bool under_way() const noexcept { return under_way_.load(std::memory_order_seq_cst); }

    /// Whether snapshots may be kept: not during a checkpoint, which would not come to the end of the log.
    bool may_keep() const noexcept { return may_keep_.load(std::memory_order_seq_cst); }
    void let_keep(bool may) noexcept { may_keep_.store(may, std::memory_order_seq_cst); }

    /// Writer: before anything can be seen.
    void begin() noexcept { under_way_.store(true, std::memory_order_seq_cst); }
    /// Writer: before anybody hears of it. Also makes kept snapshots old where nothing was committed.
    void end() noexcept
    {
        count_.fetch_add(1, std::memory_order_seq_cst);
        under_way_.store(false, std::memory_order_seq_cst);
    }

    /// After a read in a snapshot of its own, before its answer is given; and after a commit within other work of the
    /// writer, before its caller hears of it.
    void seen() noexcept
    {
        if (under_way())
            count_.fetch_add(1, std::memory_order_seq_cst);
    }

private:
    std::atomic<std::uint64_t> count_{1};
    std::atomic<bool> under_way_{false};
    std::atomic<bool> may_keep_{true};
};

} // namespace whisperstore::sqlite
