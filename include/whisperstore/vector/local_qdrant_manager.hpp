#pragma once
/// \file
/// The embedded vector store: the behaviour of a Qdrant server without the server.

#include <whisperstore/vector/vector_database_config.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <memory>

namespace whisperstore {

/// Vectors of a laptop: one SQLite file per collection, `<persist_directory>/<collection>.db`
/// (docs/archive-format.md), and searches over vectors in memory.
///
/// Searches compare the documents that the filter leaves one by one, or find them by graphs where that is cheaper
/// (docs/vector-search.md): in collections of more than `hnsw_threshold` documents, without a filter or with one that
/// many match. By graph about one in a hundred of the most similar documents may be missed; what is found is there,
/// matches, and has its exact score, and the newest write is found at once. Graphs are built in the background on one
/// thread of low priority and kept in files beside the collection, which may be deleted at any time.
///
/// Durability: an acknowledged write has been committed and, with `synchronous` FULL (the default),
/// synced: it survives `kill -9` and power loss, and the next search finds it. Concurrent writes
/// share a commit, each with an outcome of its own; a batch is stored whole or not at all.
/// Each search sees one state of its collection.
///
/// Filters are answered by an inverted index over every scalar in the metadata, so a search within
/// one user's documents looks at these only. Small searches run on the calling thread, broad ones
/// on threads of the manager, where cancellation and deadline stop them.
///
/// Memory: the vectors (4 bytes a dimension), the graphs (about 150 bytes a document, and with `hnsw_quantization` int8
/// a byte a dimension) and what filters can address of the metadata; content and full metadata stay in the file.
///
/// Collections of texts have an index of their words (docs/text-search.md), FTS5 in the collection's file and changed
/// together with the documents; collections that only get vectors have none and never pay for one. The words of deleted
/// texts are taken out of the file by cleanup(), or by the next initialize() after a crash.
///
/// One process writes a folder: a second writer gets `unavailable` naming the holder. With
/// `read_only` the manager opens beside it and sees its commits, and new and deleted collections,
/// on the next call. A damaged collection is `corrupt` for every operation on it but
/// delete_collection() and restore_collections(); the others work. A restore that a crash
/// interrupts is, at the next opening for writing, either finished or has not happened; read-only
/// managers may see `not_found` or `unavailable` until then. Backups lie outside of the folder.
///
/// initialize() reads the vectors of all collections (about 5 s a million of 384 dimensions; when read-only, each
/// at its first use). Threads end with cleanup() or the destructor, which wait for running work.
class LocalQdrantManager final : public VectorDatabaseManager
{
public:
    /// Uses `persist_directory`, `read_only`, `synchronous` and `hnsw_…`.
    /// \throws StorageError invalid_argument without a directory, for another `synchronous` than FULL and NORMAL,
    /// another `hnsw_quantization` than int8 and none, and an `hnsw_ef` of 0.
    explicit LocalQdrantManager(VectorDatabaseConfig config);
    ~LocalQdrantManager() override;

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
    VectorCapabilities capabilities() const noexcept override;
    awaitable<void> prepare_for_texts(std::string collection, std::string embedding_model,
                                      OperationContext context = OperationContext()) override;
    awaitable<SearchCandidates> search_candidates(std::string collection, CandidateQuery query,
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

    /// \throws StorageError invalid_argument for a path in the persist directory.
    awaitable<void> backup_collections(std::filesystem::path backup_path,
                                       OperationContext context = OperationContext()) override;
    /// Operations that run meanwhile may fail with `unavailable`, which is retryable.
    awaitable<void> restore_collections(std::filesystem::path backup_path,
                                        OperationContext context = OperationContext()) override;

    std::string_view vector_database_type() const noexcept override { return "local_qdrant"; }
    std::vector<std::string> endpoints() const override;

    awaitable<std::uint64_t> get_total_documents() override;
    awaitable<std::size_t> get_collections_count() override;
    awaitable<double> get_avg_search_time() override;
    awaitable<double> get_cache_hit_rate() override;

private:
    class Impl;
    // Shared with running operations, so that a manager dropped early does not pull files from under them.
    std::shared_ptr<Impl> impl_;
};

} // namespace whisperstore
