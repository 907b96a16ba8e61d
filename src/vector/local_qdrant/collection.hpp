#pragma once
// One open collection: its file, its index, and the operations on both.

#include "sqlite/store.hpp"
#include "vector/local_qdrant/graph_keeper.hpp"
#include "vector/local_qdrant/index_reading.hpp"
#include "vector/local_qdrant/live_index.hpp"
#include "vector/local_qdrant/search_pool.hpp"
#include "vector/local_qdrant/store_directory.hpp"
#include "vector/local_qdrant/word_index.hpp"

namespace whisperstore::local_qdrant {

class Collection
{
public:
    struct Options
    {
        std::filesystem::path file;
        FileIdentity identity; ///< of the file as found
        bool read_only = false;
        std::string synchronous = "FULL";
        std::shared_ptr<SearchPool> pool;
        std::size_t breadth = 64; ///< of graph searches, at least
        std::size_t graph_threshold = 20'000;
        bool graph_codes = true;
        std::shared_ptr<BuildThread> build_thread; ///< none when read-only
        int attempts = 3; ///< of reads beside writers, before they wait for a state in which nothing changes
    };

    /// Opens and loads; blocks. Throws StorageError corrupt, version_mismatch, not_found, ….
    Collection(std::string name, Options options, const CheckPoint& check);
    ~Collection();
    Collection(const Collection&) = delete;
    Collection& operator=(const Collection&) = delete;

    /// As far as this process knows.
    CollectionConfig config() const;
    /// As the file has it: another process may have made the collection ready for texts.
    awaitable<CollectionConfig> current_config(OperationContext context);
    const FileIdentity& identity() const noexcept { return options_.identity; }

    awaitable<void> store(std::vector<VectorDocument> documents, OperationContext context);
    awaitable<bool> remove(std::string id, OperationContext context);
    awaitable<std::uint64_t> remove_matching(Filter filter, OperationContext context);

    awaitable<std::vector<SearchResult>> search(std::span<const float> embedding, std::size_t limit, Filter filter,
                                                OperationContext context);
    awaitable<SearchCandidates> candidates(CandidateQuery query, OperationContext context);
    /// See VectorDatabaseManager::prepare_for_texts(); `lexical`: whether an index of words is made.
    awaitable<void> prepare_for_texts(std::string embedding_model, bool lexical, OperationContext context);
    awaitable<std::vector<VectorDocument>> get(std::vector<std::string> ids, OperationContext context);
    awaitable<Page<VectorDocument>> scroll(std::size_t page_size, std::optional<PageCursor> cursor, Filter filter,
                                           OperationContext context);
    awaitable<std::uint64_t> count(Filter filter, OperationContext context);
    /// Bytes in memory, estimated.
    std::uint64_t memory() const { return index_->get()->memory(); }
    /// Why the last graph or its file failed; empty when it did not.
    /// "none", "ready", "building" or "failed".
    std::string index_state() const
    {
        return graphs_->busy()                    ? "building"
               : !graphs_->last_failure().empty() ? "failed"
               : index_->get()->has_graphs()      ? "ready"
                                                  : "none";
    }
    std::string index_failure() const { return graphs_->last_failure(); }

    /// Ends after running work; later operations are `closed`. Blocks.
    void close() noexcept;

    /// Keeps the graphs; for tests and measurements.
    const GraphKeeper& graphs() const noexcept { return *graphs_; }

private:
    void erase_words() noexcept;
    awaitable<void> catch_up(OperationContext context);
    void take_changes(sqlite::Connection& connection);
    awaitable<void> read(std::shared_ptr<IndexReading> reading, OperationContext context);
    awaitable<void> read_settled(std::shared_ptr<IndexReading> reading, OperationContext context);
    bool page_by_index(const Filter& filter, std::size_t page_size) const;
    std::vector<VectorDocument> page_by_rows(sqlite::Connection& connection, const Filter& filter,
                                             const std::string& after, std::size_t limit) const;

    const std::string name_;
    const Options options_;
    std::size_t dimension_ = 0;
    mutable std::mutex config_mutex_;
    CollectionConfig config_;
    std::shared_ptr<LiveIndex> index_;
    std::shared_ptr<WordIndex> words_ = std::make_shared<WordIndex>();
    std::shared_ptr<GraphKeeper> graphs_;
    std::mutex catching_up_; // read-only: one at a time brings the index up to date
    std::atomic<std::uint64_t> inline_reads_{0};
    std::unique_ptr<sqlite::Store> store_; // last: its threads end before what they use goes
};

} // namespace whisperstore::local_qdrant
