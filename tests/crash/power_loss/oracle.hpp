#pragma once
// What writers were told, against what a power loss has left.

#include "crash/power_loss/disk.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace whisperstore::test {

/// What one writer has stored: slot → version. The content of each follows from writer, slot and version.
using SlotState = std::map<std::int64_t, std::int64_t>;

/// The content of a slot: mostly short, sometimes of several pages.
std::string slot_content(std::size_t writer, std::int64_t slot, std::int64_t version);

/// Follows independent writers, each of which does one thing after another to slots of its own. An
/// operation leads from one state to the next as a whole, so after a power loss a writer's slots must
/// be exactly in the state of its last acknowledged operation or of the one begun after it.
///
/// The members for one writer may be called while others work.
class Oracle
{
public:
    Oracle(std::shared_ptr<Disk> disk, std::vector<SlotState> initial);

    std::size_t writers() const noexcept { return writers_.size(); }
    const SlotState& state(std::size_t writer) const { return writers_[writer].steps.back().state; }
    std::vector<SlotState> states() const;
    /// An operation begins; `after` is the state it leads to.
    void begin(std::size_t writer, SlotState after);
    /// The caller was told that it is done.
    void acknowledge(std::size_t writer);
    /// The caller was told that nothing of it was done.
    void refused(std::size_t writer);
    /// Whether an operation has begun and neither of these was told yet.
    bool is_open(std::size_t writer) const { return !writers_[writer].steps.back().acknowledged; }
    /// The caller was told that it may or may not have been done: what is found decides.
    void settle(std::size_t writer, const SlotState& found);

    /// What is wrong with `found` at a snapshot's moment; an empty text when nothing is.
    /// \param may_lose the last acknowledged operations may be missing (synchronous=NORMAL).
    std::string judge(std::size_t moment, const std::vector<SlotState>& found, bool may_lose = false) const;
    /// The time of this oracle, which goes on with each call.
    std::uint64_t tick() const noexcept { return ++clock_; }
    /// The same for a copy that was begun and ended at these ticks: any state between is right.
    std::string judge_copy(std::uint64_t begun, std::uint64_t ended, const std::vector<SlotState>& found) const;
    /// How many operations were acknowledged before a snapshot's moment.
    std::uint64_t acknowledged(std::size_t moment) const;

private:
    struct When
    {
        std::uint64_t moment = 0; // of the disk
        std::uint64_t tick = 0;
    };
    struct Step
    {
        SlotState state;
        When begun = {};
        std::optional<When> acknowledged = When();
    };
    struct Writer
    {
        std::vector<Step> steps; // of those before the last each is acknowledged
    };
    std::string judge(std::uint64_t When::* time, std::uint64_t last_acknowledged, std::uint64_t last_begun,
                      const std::vector<SlotState>& found, bool may_lose) const;

    std::shared_ptr<Disk> disk_;
    mutable std::atomic<std::uint64_t> clock_{0};
    std::vector<Writer> writers_;
};

std::string to_string(const SlotState& state);

} // namespace whisperstore::test
