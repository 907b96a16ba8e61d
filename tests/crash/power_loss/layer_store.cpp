// Database and vector store together, with the backups that cover both.

#include "crash/power_loss/database_store.hpp"
#include "crash/power_loss/vector_store.hpp"
#include "support/run.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/cache/hybrid_conversation_cache.hpp>

namespace whisperstore::test {

namespace {

class LayerStore final : public PowerStore
{
public:
    explicit LayerStore(const std::filesystem::path& folder) : database_(folder, "FULL"), vectors_(folder)
    {
        run(cache_.initialize());
    }

    awaitable<void> write(Oracle& oracle, std::size_t writer, std::uint64_t seed, int operations) override
    {
        return half(writer).write(oracle, writer, seed, operations);
    }

    std::vector<SlotState> read(std::size_t writers) override
    {
        std::vector<SlotState> found = database_.read(writers);
        std::vector<SlotState> in_vectors = vectors_.read(writers);
        for (std::size_t i = 1; i < writers; i += 2)
            found[i] = std::move(in_vectors[i]);
        return found;
    }

    awaitable<void> back_up(std::filesystem::path path) override
    {
        co_await UnifiedBackupManager().create_full_backup(target(), std::move(path));
    }

    awaitable<void> restore(std::filesystem::path path) override
    {
        co_await UnifiedBackupManager().restore_from_backup(std::move(path), target());
    }

    void close() override
    {
        database_.close();
        vectors_.close();
        run(cache_.cleanup());
    }

private:
    PowerStore& half(std::size_t writer) noexcept
    {
        return writer % 2 == 0 ? static_cast<PowerStore&>(database_) : vectors_;
    }
    BackupTarget target() { return BackupTarget(database_.adapter(), vectors_.manager(), cache_); }

    DatabaseStore database_;
    VectorStore vectors_;
    HybridConversationCache cache_;
};

} // namespace

OpenPowerStore layer_store()
{
    return [](const std::filesystem::path& folder) { return std::make_unique<LayerStore>(folder); };
}

} // namespace whisperstore::test
