#pragma once
// A store whose power the tests cut: what is written, read back, backed up and restored there.

#include "crash/power_loss/oracle.hpp"

#include <whisperstore/core/async.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace whisperstore::test {

/// A store with writers, each of which has slots of its own.
class PowerStore
{
public:
    virtual ~PowerStore() = default;
    /// One writer at work: so many operations one after another, of all kinds, and some that the
    /// store must refuse. May run beside other writers and back_up().
    virtual awaitable<void> write(Oracle& oracle, std::size_t writer, std::uint64_t seed, int operations) = 0;
    /// What is stored, writer by writer.
    /// \throws std::runtime_error for anything that nobody wrote, or for damage.
    virtual std::vector<SlotState> read(std::size_t writers) = 0;
    virtual awaitable<void> back_up(std::filesystem::path path) = 0;
    virtual awaitable<void> restore(std::filesystem::path path) = 0;
    virtual void close() = 0;
};

/// Opens a store in a folder, which may hold what is left of it.
using OpenPowerStore = std::function<std::unique_ptr<PowerStore>(const std::filesystem::path&)>;
OpenPowerStore database_store(std::string synchronous);
OpenPowerStore vector_store();
/// Both, with full backups; the writers of even numbers use the database.
OpenPowerStore layer_store();

/// What happens to one slot: no version removes it.
struct SlotChange
{
    std::int64_t slot;
    bool existed;
    std::optional<std::int64_t> version;
};
/// Chooses a change and applies it to `state`.
SlotChange change_slot(SlotState& state, std::mt19937_64& random);
std::vector<SlotChange> change_slots(SlotState& state, std::mt19937_64& random);

} // namespace whisperstore::test
