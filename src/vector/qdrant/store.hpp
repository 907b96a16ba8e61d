#pragma once
// What a Qdrant manager is made of.

#include "vector/qdrant/collections.hpp"
#include "vector/qdrant/words.hpp"
#include "vector/server/search_times.hpp"

#include <whisperstore/vector/http_qdrant_manager.hpp>

namespace whisperstore {

/// Thread safe. What it does with documents is in the coroutines of src/vector/qdrant; each holds it.
class HTTPQdrantManager::Store
{
public:
    Store(VectorDatabaseConfig configuration, std::string type)
        : config(std::move(configuration)), server(config, std::move(type)), collections(server, config)
    {
    }

    const std::string& backend() const noexcept { return server.backend(); }
    void check_open() const
    {
        if (!open.load(std::memory_order_acquire))
            throw StorageError(StorageErrc::closed, "not open: call initialize() first");
    }

    const VectorDatabaseConfig config;
    qdrant::Server server;
    qdrant::Collections collections;
    qdrant::WordMaker words;
    vector_server::SearchTimes searches;
    std::atomic<bool> open{false};
};

namespace qdrant {

using Store = HTTPQdrantManager::Store;

/// Documents whose ids differ, checked, with vectors of unit length.
awaitable<void> upsert(Store& store, std::string collection, bool with_words, std::vector<VectorDocument> documents,
                       OperationContext context);

awaitable<std::vector<SearchResult>> search(Store& store, std::string collection, std::vector<float> unit_vector,
                                            std::size_t limit, Filter filters, OperationContext context);
awaitable<std::vector<std::vector<SearchResult>>>
search_all(Store& store, std::string collection, std::vector<SearchQuery> queries, OperationContext context);
awaitable<SearchCandidates> candidates(Store& store, std::string collection, bool lexical, CandidateQuery query,
                                       OperationContext context);

awaitable<std::vector<VectorDocument>> retrieve(Store& store, std::string collection, std::vector<std::string> ids,
                                                bool with_vectors, OperationContext context);

/// What a scroll brings of each document.
enum class Parts
{
    ids,      ///< the id only
    metadata, ///< and the metadata
    all
};
/// Some of the documents that match, after `place` (JSON; empty: from the beginning), and the next place (empty: the
/// end). \param most of the answer
awaitable<ScrollPage> scroll(Store& store, std::string collection, std::string place, std::size_t most, Parts parts,
                             Filter filters, OperationContext context);
awaitable<std::uint64_t> count(Store& store, std::string collection, Filter filters, OperationContext context);
awaitable<std::uint64_t> remove_matching(Store& store, std::string collection, Filter filters,
                                         OperationContext context);
awaitable<void> remove_ids(Store& store, std::string collection, std::vector<std::string> ids,
                           OperationContext context);

awaitable<void> restore(Store& store, std::filesystem::path path, OperationContext context);

} // namespace qdrant

} // namespace whisperstore
