#pragma once
// The vector store of the power-loss tests.

#include "crash/power_loss/power_store.hpp"

#include <whisperstore/vector/local_qdrant_manager.hpp>

namespace whisperstore::test {

/// Each writer has documents in one of two collections; the slots of the first writer are collections.
class VectorStore final : public PowerStore
{
public:
    explicit VectorStore(const std::filesystem::path& folder);
    awaitable<void> write(Oracle& oracle, std::size_t writer, std::uint64_t seed, int operations) override;
    std::vector<SlotState> read(std::size_t writers) override;
    awaitable<void> back_up(std::filesystem::path path) override;
    awaitable<void> restore(std::filesystem::path path) override;
    void close() override;
    VectorDatabaseManager& manager() noexcept { return manager_; }

private:
    awaitable<void> write_document(Oracle& oracle, std::size_t writer, std::mt19937_64& random);
    awaitable<void> write_batch(Oracle& oracle, std::size_t writer, std::mt19937_64& random);
    awaitable<void> delete_matches(Oracle& oracle, std::size_t writer, std::mt19937_64& random);
    awaitable<void> write_collection(Oracle& oracle, std::size_t writer, std::mt19937_64& random);

    LocalQdrantManager manager_;
};

} // namespace whisperstore::test
