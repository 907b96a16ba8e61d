#pragma once
// The SQLite database of the power-loss tests.

#include "crash/power_loss/power_store.hpp"

#include <whisperstore/database/sqlite_adapter.hpp>

namespace whisperstore::test {

class DatabaseStore final : public PowerStore
{
public:
    DatabaseStore(const std::filesystem::path& folder, const std::string& synchronous);
    awaitable<void> write(Oracle& oracle, std::size_t writer, std::uint64_t seed, int operations) override;
    std::vector<SlotState> read(std::size_t writers) override;
    awaitable<void> back_up(std::filesystem::path path) override;
    awaitable<void> restore(std::filesystem::path path) override;
    void close() override;
    AbstractDatabaseAdapter& adapter() noexcept { return adapter_; }

private:
    awaitable<void> write_statement(Oracle& oracle, std::size_t writer, std::mt19937_64& random);
    awaitable<void> write_list(Oracle& oracle, std::size_t writer, std::mt19937_64& random);
    awaitable<void> write_scoped(Oracle& oracle, std::size_t writer, std::mt19937_64& random);
    awaitable<void> write_refused(Oracle& oracle, std::size_t writer, std::mt19937_64& random);

    SQLiteAdapter adapter_;
};

} // namespace whisperstore::test
