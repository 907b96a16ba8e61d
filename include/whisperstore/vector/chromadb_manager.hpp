#pragma once
/// \file
/// What the three Chroma managers have in common.

#include <whisperstore/vector/vector_database_config.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <memory>

namespace whisperstore {

namespace chroma {
class Store;
}

/// Documents on a Chroma server (REST API v2, Chroma 1.0 or newer, tested with 1.5.9). One of HTTPChromaDBManager,
/// DistributedChromaDBManager and LocalChromaDBManager; docs/chroma.md tells how documents lie on the server.
///
/// Searches go through Chroma's graphs, which miss about one in a hundred of the most similar documents and more where
/// many are alike (`chroma_ef_search`); a search that gets fewer than asked for is checked and, where documents are
/// missing, answered by comparing one by one. Scores differ from exact ones by less than 1e-6. Filters are narrowed by
/// Chroma as far as its own conditions go and checked here; a filter that Chroma cannot narrow at all ($ne, $nin, $not,
/// $exists and comparisons with null alone) may read much of the collection.
///
/// Writes: batches of at most 500 documents and 4 MiB, three at a time; each is stored whole or not at all. An
/// acknowledged batch is on disk. Documents are replaced in one step, and no crash loses the older version before the
/// newer one is there. Deleting by a filter goes by pieces: a document that is replaced meanwhile may go although its
/// new version does not match.
///
/// Capabilities: no index of words (Chroma finds substrings, without a ranking), so search_candidates() answers with
/// the most similar documents only.
///
/// Backups are the portable archive (docs/archive-format.md), documents by pages: what is written meanwhile may be in
/// it or not. A restore fills new collections beside the old ones and then switches; a crash in between is finished, or
/// has not happened, with the next initialize() of anybody. What others write while a restore switches may be lost.
///
/// Collections and records of other programs are read as they are: numbers in lists, and times, are not found by
/// filters in such records. Collections that compare by l2 or ip are listed and read, but neither searched nor written.
///
/// Thread safe. Calls under way keep what they need when the manager goes.
class ChromaDBManager : public VectorDatabaseManager
{
public:
    ~ChromaDBManager() override;

    /// Reaches the server, checks its version and the database, and finishes a restore that a crash interrupted.
    /// \throws StorageError unavailable, saying how to start a server; version_mismatch for Chroma before 1.0;
    /// not_found for a tenant or database that is not there.
    awaitable<void> initialize(OperationContext context = OperationContext()) override;
    awaitable<void> cleanup() override;

    using VectorDatabaseManager::create_collection;
    awaitable<void> create_collection(std::string collection_name, CollectionConfig config,
                                      OperationContext context = OperationContext()) override;
    awaitable<bool> delete_collection(std::string collection_name,
                                      OperationContext context = OperationContext()) override;
    awaitable<std::vector<std::string>> list_collections(OperationContext context = OperationContext()) override;
    awaitable<CollectionConfig> get_collection(std::string collection_name,
                                               OperationContext context = OperationContext()) override;

    awaitable<void> store_documents(std::string collection, std::vector<VectorDocument> documents,
                                    OperationContext context = OperationContext()) override;
    awaitable<std::vector<SearchResult>> search_similar(std::string collection, std::span<const float> query_embedding,
                                                        std::size_t limit, Filter filters = Filter(),
                                                        OperationContext context = OperationContext()) override;
    awaitable<void> prepare_for_texts(std::string collection, std::string embedding_model,
                                      OperationContext context = OperationContext()) override;
    awaitable<std::vector<VectorDocument>> get_documents(std::string collection, std::vector<std::string> doc_ids,
                                                         OperationContext context = OperationContext()) override;
    awaitable<bool> delete_document(std::string collection, std::string doc_id,
                                    OperationContext context = OperationContext()) override;
    awaitable<std::uint64_t> delete_documents(std::string collection, Filter filters,
                                              OperationContext context = OperationContext()) override;
    awaitable<Page<VectorDocument>> scroll(std::string collection, std::size_t page_size = 256,
                                           std::optional<PageCursor> cursor = std::nullopt, Filter filters = Filter(),
                                           OperationContext context = OperationContext()) override;
    awaitable<std::uint64_t> count_documents(std::string collection, Filter filters = Filter(),
                                             OperationContext context = OperationContext()) override;
    awaitable<CollectionStats> get_collection_stats(std::string collection,
                                                    OperationContext context = OperationContext()) override;

    awaitable<void> backup_collections(std::filesystem::path backup_path,
                                       OperationContext context = OperationContext()) override;
    awaitable<void> restore_collections(std::filesystem::path backup_path,
                                        OperationContext context = OperationContext()) override;

    std::string_view vector_database_type() const noexcept override;
    std::vector<std::string> endpoints() const override;
    /// `nodes`: for each server its connections, traffic and circuit breaker.
    json::object get_details() const override;

    awaitable<std::uint64_t> get_total_documents() override;
    awaitable<std::size_t> get_collections_count() override;
    awaitable<double> get_avg_search_time() override;
    awaitable<double> get_cache_hit_rate() override;

protected:
    explicit ChromaDBManager(std::shared_ptr<chroma::Store> store);

private:
    // Shared with running operations.
    std::shared_ptr<chroma::Store> store_;
};

} // namespace whisperstore
