#pragma once
/// \file
/// The vector interface that every vector backend implements.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/core/page.hpp>
#include <whisperstore/vector/filter.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore {

/// Shape of a collection. Cosine is the one metric.
struct CollectionConfig
{
    std::string description;
    std::size_t embedding_dimension = 384; ///< 1-65536
    std::string distance_metric = "cosine";
    /// Name of the model whose vectors it holds (EmbeddingProvider::model_name()); empty: not known yet. Once known it
    /// stays, and the vectors of another model are refused.
    std::string embedding_model = {};
    /// Whether its texts are searched by their words as well (VectorCapabilities::lexical); once it is, it stays so.
    bool lexical = false;
    json::object metadata = {}; ///< any further facts, returned as stored; not part of the shape

    /// From the reference's dictionary (`description`, `embedding_dimension`, `distance_metric`, and `embedding_model`
    /// and `lexical`; other keys go to metadata). \throws StorageError invalid_argument.
    static CollectionConfig from_json(const json::object& metadata);
    json::object to_json() const;
};

/// The three collections of WhisperEngine: user_memories, global_facts, emotional_contexts;
/// 384 dimensions (sentence-transformers/all-MiniLM-L6-v2), cosine.
extern const std::vector<std::pair<std::string, CollectionConfig>> VECTOR_COLLECTIONS;

/// A document with its vector. `embedding` is stored and returned with unit length.
struct VectorDocument
{
    std::string id; ///< any non-empty UTF-8, at most 1,024 bytes
    std::string content;
    std::vector<float> embedding;
    json::object metadata; ///< any JSON object; comes back exactly

    friend bool operator==(const VectorDocument&, const VectorDocument&) = default;
};

/// A hit; `score` is the cosine similarity in [-1, 1].
struct SearchResult
{
    std::string id;
    std::string content;
    json::object metadata;
    double score = 0;
};

/// One query of search_batch().
struct SearchQuery
{
    std::vector<float> embedding;
    std::size_t limit = 10;
    Filter filters;
};

/// What a backend can do beyond what all must.
struct VectorCapabilities
{
    bool lexical = false; ///< it keeps an index of words, so that texts are found by them
};

/// What search_candidates() looks for.
struct CandidateQuery
{
    std::vector<float> embedding;
    /// Words to look for, at most 64; each as a person writes it: forms of a word are the backend's matter. Never a
    /// query language: whatever they contain is a word, or several.
    std::vector<std::string> words;
    std::size_t dense_limit = 30;   ///< the most similar documents
    std::size_t lexical_limit = 30; ///< those that contain the rarest of the words
    Filter filters;
};

/// A document that may answer a query.
struct SearchCandidate
{
    VectorDocument document;
    double similarity = 0; ///< cosine, in [-1, 1]
};

/// The answer of search_candidates(): what a ranking (rank_hybrid()) starts from.
struct SearchCandidates
{
    std::vector<SearchCandidate> candidates; ///< each once, by similarity, ties by id
    bool lexical = false;                    ///< whether words were looked up
    std::uint64_t documents = 0;             ///< of the collection
    /// How many documents of the whole collection contain each word, in the order of the query; empty unless `lexical`.
    std::vector<std::uint64_t> word_documents;
};

/// Counts of one collection.
struct CollectionStats
{
    std::string name;
    std::uint64_t document_count = 0;
    std::size_t embedding_dimension = 0;
    std::string distance_metric;
    std::uint64_t disk_bytes = 0;   ///< 0 where the backend does not tell
    std::uint64_t memory_bytes = 0; ///< of vectors and indexes; 0 where the backend does not tell
    /// "none" (every document is compared), "ready", "building", or "failed"; empty where the backend does not tell.
    std::string index_state;
    /// Why the last work on the index in the background failed (searches may be slower, nothing is missing); empty
    /// when it did not, or where the backend does not tell.
    std::string index_failure;
    json::object to_json() const;
};

/// A whole collection in memory; for large ones scroll() instead.
struct CollectionExport
{
    std::string name;
    CollectionConfig metadata;
    std::vector<VectorDocument> documents; ///< ordered by id
};

/// Universal interface for vector operations.
///
/// Thread safe. Embeddings must have the collection's dimension, be finite and not all zero, else
/// `invalid_argument`. Collection names are `[A-Za-z0-9_-]{1,63}`, else `invalid_argument`; an
/// unknown collection is `not_found`. An acknowledged write is found by the next search and
/// survives a crash of the process and power loss. Deadlines and cancellation as everywhere.
/// Spans passed in must stay valid until the awaited call returns.
class VectorDatabaseManager
{
public:
    virtual ~VectorDatabaseManager() = default;

    /// Opens the store. A second call does nothing.
    virtual awaitable<void> initialize(OperationContext context = OperationContext()) = 0;
    /// Closes it. A second call does nothing.
    virtual awaitable<void> cleanup() = 0;

    /// Creates a collection. The same shape (dimension and metric) again changes nothing but this: a model that was not
    /// known yet is remembered, and an index of words is added where one is asked for. Another shape is
    /// `already_exists`, another model than the known one `version_mismatch`.
    virtual awaitable<void> create_collection(std::string collection_name, CollectionConfig config,
                                              OperationContext context = OperationContext()) = 0;
    /// The reference's form, from a dictionary.
    awaitable<void> create_collection(std::string collection_name, json::object metadata,
                                      OperationContext context = OperationContext());
    /// Returns whether it existed.
    virtual awaitable<bool> delete_collection(std::string collection_name,
                                              OperationContext context = OperationContext()) = 0;
    /// Names, sorted.
    virtual awaitable<std::vector<std::string>> list_collections(OperationContext context = OperationContext()) = 0;
    /// The collection's shape. \throws StorageError not_found.
    virtual awaitable<CollectionConfig> get_collection(std::string collection_name,
                                                       OperationContext context = OperationContext()) = 0;

    /// Inserts or replaces one document, content and metadata included.
    awaitable<void> store_document(std::string collection, std::string doc_id, std::string content,
                                   std::span<const float> embedding, json::object metadata = json::object(),
                                   OperationContext context = OperationContext());
    /// Inserts or replaces several: all or none where the backend is local; on servers split into
    /// batches, an error then says how many were stored. Of equal ids the last counts.
    virtual awaitable<void> store_documents(std::string collection, std::vector<VectorDocument> documents,
                                            OperationContext context = OperationContext()) = 0;

    /// The `limit` most similar documents that match, best first, ties by id.
    virtual awaitable<std::vector<SearchResult>> search_similar(std::string collection,
                                                                std::span<const float> query_embedding,
                                                                std::size_t limit, Filter filters = Filter(),
                                                                OperationContext context = OperationContext()) = 0;
    /// Several searches at once; answers in order.
    virtual awaitable<std::vector<std::vector<SearchResult>>>
    search_batch(std::string collection, std::vector<SearchQuery> queries,
                 OperationContext context = OperationContext());

    /// What the backend can do beyond what all must.
    virtual VectorCapabilities capabilities() const noexcept { return {}; }
    /// Makes a collection ready for texts: remembers the model that its vectors come from (empty: as it was) and, where
    /// the backend can, makes an index of the words of its documents, which all later writes keep. Making it reads
    /// all of them, during which writes wait. Again with the same model: nothing.
    /// \throws StorageError version_mismatch: the collection holds vectors of another model (the message names both).
    virtual awaitable<void> prepare_for_texts(std::string collection, std::string embedding_model,
                                              OperationContext context = OperationContext()) = 0;
    /// Documents that may answer a query: the most similar ones, and those that contain the rarest of the words; only
    /// such that match. Where the backend or the collection has no index of words: the most similar ones, and the
    /// answer says so. The filter holds inside both searches, so each brings its limit wherever that many match.
    virtual awaitable<SearchCandidates> search_candidates(std::string collection, CandidateQuery query,
                                                          OperationContext context = OperationContext());

    /// One document, or nothing.
    awaitable<std::optional<VectorDocument>> get_document(std::string collection, std::string doc_id,
                                                          OperationContext context = OperationContext());
    /// Those of the ids that exist, in the order asked.
    virtual awaitable<std::vector<VectorDocument>> get_documents(std::string collection,
                                                                 std::vector<std::string> doc_ids,
                                                                 OperationContext context = OperationContext()) = 0;

    /// Returns whether the document existed.
    virtual awaitable<bool> delete_document(std::string collection, std::string doc_id,
                                            OperationContext context = OperationContext()) = 0;
    /// Deletes every match, however many, and returns their number. An empty filter is
    /// `invalid_argument`: delete the collection instead.
    virtual awaitable<std::uint64_t> delete_documents(std::string collection, Filter filters,
                                                      OperationContext context = OperationContext()) = 0;

    /// Documents page by page, in bounded memory, in an order of the backend's own. What is there from the first page
    /// to the last comes exactly once, whatever is stored and deleted meanwhile; what comes or goes meanwhile, at most
    /// once.
    /// \param page_size 1-10,000. \param cursor `next` of the page before.
    virtual awaitable<Page<VectorDocument>> scroll(std::string collection, std::size_t page_size = 256,
                                                   std::optional<PageCursor> cursor = std::nullopt,
                                                   Filter filters = Filter(),
                                                   OperationContext context = OperationContext()) = 0;
    /// Number of matching documents.
    virtual awaitable<std::uint64_t> count_documents(std::string collection, Filter filters = Filter(),
                                                     OperationContext context = OperationContext()) = 0;
    /// Everything in one object.
    awaitable<CollectionExport> export_collection(std::string collection,
                                                  OperationContext context = OperationContext());

    virtual awaitable<CollectionStats> get_collection_stats(std::string collection,
                                                            OperationContext context = OperationContext()) = 0;

    /// Writes every collection into one SQLite file (docs/archive-format.md), which appears whole or not at all: a
    /// local backend each from one consistent snapshot, a server page by page, as scroll() has it.
    /// \throws StorageError already_exists.
    virtual awaitable<void> backup_collections(std::filesystem::path backup_path,
                                               OperationContext context = OperationContext()) = 0;
    /// Replaces all collections by the backup's. The backup is checked first; on failure the old
    /// collections are still there.
    virtual awaitable<void> restore_collections(std::filesystem::path backup_path,
                                                OperationContext context = OperationContext()) = 0;

    /// "local_qdrant", "http_qdrant", …
    virtual std::string_view vector_database_type() const noexcept = 0;
    /// Where it connects, without secrets.
    virtual std::vector<std::string> endpoints() const = 0;

    /// \name Accessors for metrics
    /// Milliseconds and rates 0-1 since initialize(). The hit rate is that of the embedding cache: 0 without one.
    ///@{
    virtual awaitable<std::uint64_t> get_total_documents() = 0;
    virtual awaitable<std::size_t> get_collections_count() = 0;
    virtual awaitable<double> get_avg_search_time() = 0;
    virtual awaitable<double> get_cache_hit_rate() = 0;
    /// What this backend tells about itself beyond its statistics, without asking a server: see docs/metrics.md. Empty
    /// where there is nothing.
    virtual json::object get_details() const { return json::object(); }
    ///@}
};

/// \throws StorageError invalid_argument unless `[A-Za-z0-9_-]{1,63}`.
void check_collection_name(std::string_view name);
/// \throws StorageError invalid_argument: dimension outside 1-65536, another metric than cosine.
void check_collection_config(const CollectionConfig& config);
/// \throws StorageError invalid_argument unless UTF-8 without NUL, 1-1,024 bytes.
void check_document_id(std::string_view id);
/// Checks id, content, metadata and embedding. \throws StorageError invalid_argument.
void check_document(const VectorDocument& document, std::size_t dimension);
/// \throws StorageError invalid_argument: wrong dimension, NaN, infinity, all zero.
void check_embedding(std::span<const float> embedding, std::size_t dimension);
/// \throws StorageError invalid_argument: more than 64 words, or one that is no UTF-8 without NUL.
void check_candidate_query(const CandidateQuery& query);
/// \throws StorageError version_mismatch naming both unless they are the same or one of them is empty.
void check_embedding_model(std::string_view collection, std::string_view known, std::string_view wanted);
/// Divides by the length. The embedding must have passed check_embedding().
void normalize(std::span<float> embedding) noexcept;

} // namespace whisperstore
