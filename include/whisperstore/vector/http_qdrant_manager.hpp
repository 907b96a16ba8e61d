#pragma once
/// \file
/// Vectors in a Qdrant server.

#include <whisperstore/vector/vector_database_config.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <memory>

namespace whisperstore {

/// A snapshot that a Qdrant server made of a collection, and keeps in its own folder.
struct QdrantSnapshot
{
    std::string collection;
    std::string name;
    std::uint64_t bytes = 0;
    std::string checksum; ///< SHA-256; empty where the server does not tell
};

/// Vectors in a Qdrant server, over its REST interface (1.10 or newer; an older one is `version_mismatch`).
///
/// Uses `url` (or `host` and `port`; 6333), `api_key`, `tls`, `exact_search`, `search_ef`, `consistency`, `ordering`,
/// and of collections it creates `shard_number`, `replication_factor` and `write_consistency_factor`.
///
/// A document is a point whose id is the UUID (version 5, in the namespace of URLs) of the document's id; id, content
/// and metadata are its payload, as docs/qdrant.md describes. Every collection has a payload index on `user_id` (its
/// tenant), `channel_id` and `memory_type`, and a sparse vector of the words of each document, so that its texts can be
/// searched from the moment somebody asks for that. Collections that something else made can be searched where their
/// points have such payloads.
///
/// Writes are acknowledged when the server has applied them (`wait=true`). Upserts and deletions by id are sent again,
/// to another node where there is one, when their answer is lost: twice is as good as once. A batch is split by size
/// (4 MiB a request), two requests at a time; when one fails the error says how many documents were stored.
///
/// Filters are translated into Qdrant's; what its conditions cannot say exactly (numbers and times, above all) is
/// checked again here, and more is fetched until `limit` documents match. delete_documents() by such a filter deletes
/// the ids it found; by others the server deletes what matches, and the number is what it counted just before.
/// delete_document() looks first: of two callers that delete one document at the same time both may be told that it was
/// there. Searches by the server's graphs may miss documents; `exact_search` does not.
///
/// restore_collections() fills new collections, and then puts them in the places of all others by aliases. A crash
/// before that leaves everything as it was (the next restore removes what was filled); a crash after it is made good by
/// the next initialize(). While collections are switched, operations on them may fail with `not_found`.
///
/// Thread safe. A cancelled or late call closes its connection; the server may do a write that was sent.
class HTTPQdrantManager : public VectorDatabaseManager
{
public:
    /// \throws StorageError invalid_argument naming the setting. Does not connect.
    explicit HTTPQdrantManager(VectorDatabaseConfig config);
    ~HTTPQdrantManager() override;

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
    /// In one request.
    awaitable<std::vector<std::vector<SearchResult>>>
    search_batch(std::string collection, std::vector<SearchQuery> queries,
                 OperationContext context = OperationContext()) override;
    VectorCapabilities capabilities() const noexcept override { return {.lexical = true}; }
    awaitable<void> prepare_for_texts(std::string collection, std::string embedding_model,
                                      OperationContext context = OperationContext()) override;
    /// `word_documents` are estimates: they are told from the weights the server gives to words.
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

    awaitable<void> backup_collections(std::filesystem::path backup_path,
                                       OperationContext context = OperationContext()) override;
    awaitable<void> restore_collections(std::filesystem::path backup_path,
                                        OperationContext context = OperationContext()) override;

    /// Has the server make a snapshot of each collection, in its own format and folder: for its own tools.
    awaitable<std::vector<QdrantSnapshot>> create_snapshots(OperationContext context = OperationContext());

    std::string_view vector_database_type() const noexcept override;
    std::vector<std::string> endpoints() const override;
    /// `nodes`: for each server its connections, traffic and circuit breaker.
    json::object get_details() const override;

    awaitable<std::uint64_t> get_total_documents() override;
    awaitable<std::size_t> get_collections_count() override;
    awaitable<double> get_avg_search_time() override;
    awaitable<double> get_cache_hit_rate() override;

    class Store;

protected:
    HTTPQdrantManager(VectorDatabaseConfig config, std::string type);
    const std::shared_ptr<Store>& store() const noexcept { return store_; }

private:
    // Shared with running operations, so that a manager dropped early does not pull connections from under them.
    std::shared_ptr<Store> store_;
};

} // namespace whisperstore
