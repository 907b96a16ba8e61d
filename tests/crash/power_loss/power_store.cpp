#include "crash/power_loss/power_store.hpp"

namespace whisperstore::test {

namespace {

constexpr std::uint64_t slots = 6;
constexpr std::uint64_t versions = 1'000'000;

} // namespace

SlotChange change_slot(SlotState& state, std::mt19937_64& random)
{
    SlotChange change{static_cast<std::int64_t>(random() % slots), false, std::nullopt};
    const auto found = state.find(change.slot);
    change.existed = found != state.end();
    if (change.existed && random() % 4 == 0) {
        state.erase(found);
        return change;
    }
    change.version = static_cast<std::int64_t>(random() % versions);
    state[change.slot] = *change.version;
    return change;
}

std::vector<SlotChange> change_slots(SlotState& state, std::mt19937_64& random)
{
    std::vector<SlotChange> changes;
    for (std::uint64_t count = 2 + random() % 4; count > 0; --count)
        changes.push_back(change_slot(state, random));
    return changes;
}

} // namespace whisperstore::test
