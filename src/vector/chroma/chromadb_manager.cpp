#include "vector/chroma/local/local_server.hpp"
#include "vector/chroma/store.hpp"

#include <whisperstore/vector/chromadb_manager.hpp>
#include <whisperstore/vector/distributed_chromadb_manager.hpp>
#include <whisperstore/vector/http_chromadb_manager.hpp>
#include <whisperstore/vector/local_chromadb_manager.hpp>

#include <utility>

namespace whisperstore {

// Each call holds the store, so that a manager dropped early does not take it away.

ChromaDBManager::ChromaDBManager(std::shared_ptr<chroma::Store> store) : store_(std::move(store)) {}
ChromaDBManager::~ChromaDBManager() = default;

awaitable<void> ChromaDBManager::initialize(OperationContext context)
{
    const auto store = store_;
    co_await store->initialize(std::move(context));
}

awaitable<void> ChromaDBManager::cleanup()
{
    const auto store = store_;
    co_await store->cleanup();
}

awaitable<void> ChromaDBManager::create_collection(std::string collection_name, CollectionConfig config,
                                                   OperationContext context)
{
    const auto store = store_;
    co_await store->create_collection(std::move(collection_name), std::move(config), std::move(context));
}

awaitable<bool> ChromaDBManager::delete_collection(std::string collection_name, OperationContext context)
{
    const auto store = store_;
    co_return co_await store->delete_collection(std::move(collection_name), std::move(context));
}

awaitable<std::vector<std::string>> ChromaDBManager::list_collections(OperationContext context)
{
    const auto store = store_;
    co_return co_await store->list_collections(std::move(context));
}

awaitable<CollectionConfig> ChromaDBManager::get_collection(std::string collection_name, OperationContext context)
{
    const auto store = store_;
    co_return co_await store->get_collection(std::move(collection_name), std::move(context));
}

awaitable<void> ChromaDBManager::store_documents(std::string collection, std::vector<VectorDocument> documents,
                                                 OperationContext context)
{
    const auto store = store_;
    co_await store->store_documents(std::move(collection), std::move(documents), std::move(context));
}

awaitable<std::vector<SearchResult>> ChromaDBManager::search_similar(std::string collection,
                                                                     std::span<const float> query_embedding,
                                                                     std::size_t limit, Filter filters,
                                                                     OperationContext context)
{
    const auto store = store_;
    co_return co_await store->search_similar(std::move(collection), query_embedding, limit, std::move(filters),
                                             std::move(context));
}

awaitable<void> ChromaDBManager::prepare_for_texts(std::string collection, std::string embedding_model,
                                                   OperationContext context)
{
    const auto store = store_;
    co_await store->prepare_for_texts(std::move(collection), std::move(embedding_model), std::move(context));
}

awaitable<std::vector<VectorDocument>>
ChromaDBManager::get_documents(std::string collection, std::vector<std::string> doc_ids, OperationContext context)
{
    const auto store = store_;
    co_return co_await store->get_documents(std::move(collection), std::move(doc_ids), std::move(context));
}

awaitable<bool> ChromaDBManager::delete_document(std::string collection, std::string doc_id, OperationContext context)
{
    const auto store = store_;
    co_return co_await store->delete_document(std::move(collection), std::move(doc_id), std::move(context));
}

awaitable<std::uint64_t> ChromaDBManager::delete_documents(std::string collection, Filter filters,
                                                           OperationContext context)
{
    const auto store = store_;
    co_return co_await store->delete_documents(std::move(collection), std::move(filters), std::move(context));
}

awaitable<Page<VectorDocument>> ChromaDBManager::scroll(std::string collection, std::size_t page_size,
                                                        std::optional<PageCursor> cursor, Filter filters,
                                                        OperationContext context)
{
    const auto store = store_;
    co_return co_await store->scroll(std::move(collection), page_size, std::move(cursor), std::move(filters),
                                     std::move(context));
}

awaitable<std::uint64_t> ChromaDBManager::count_documents(std::string collection, Filter filters,
                                                          OperationContext context)
{
    const auto store = store_;
    co_return co_await store->count_documents(std::move(collection), std::move(filters), std::move(context));
}

awaitable<CollectionStats> ChromaDBManager::get_collection_stats(std::string collection, OperationContext context)
{
    const auto store = store_;
    co_return co_await store->get_collection_stats(std::move(collection), std::move(context));
}

awaitable<void> ChromaDBManager::backup_collections(std::filesystem::path backup_path, OperationContext context)
{
    const auto store = store_;
    co_await store->back_up(std::move(backup_path), std::move(context));
}

awaitable<void> ChromaDBManager::restore_collections(std::filesystem::path backup_path, OperationContext context)
{
    const auto store = store_;
    co_await store->restore(std::move(backup_path), std::move(context));
}

std::string_view ChromaDBManager::vector_database_type() const noexcept { return store_->backend(); }
std::vector<std::string> ChromaDBManager::endpoints() const { return store_->endpoints(); }

json::object ChromaDBManager::get_details() const
{
    json::object out;
    if (json::array nodes = store_->nodes(); !nodes.empty())
        out["nodes"] = std::move(nodes);
    return out;
}

awaitable<std::uint64_t> ChromaDBManager::get_total_documents()
{
    const auto store = store_;
    co_return co_await store->total_documents();
}

awaitable<std::size_t> ChromaDBManager::get_collections_count()
{
    const auto store = store_;
    co_return co_await store->collections_count();
}

awaitable<double> ChromaDBManager::get_avg_search_time() { co_return store_->average_search_ms(); }
awaitable<double> ChromaDBManager::get_cache_hit_rate() { co_return 0.0; }

HTTPChromaDBManager::HTTPChromaDBManager(VectorDatabaseConfig config)
    : ChromaDBManager(std::make_shared<chroma::Store>(chroma::remote_server(config, false), config))
{
}

DistributedChromaDBManager::DistributedChromaDBManager(VectorDatabaseConfig config)
    : ChromaDBManager(std::make_shared<chroma::Store>(chroma::remote_server(config, true), config))
{
}

LocalChromaDBManager::LocalChromaDBManager(VectorDatabaseConfig config)
    : ChromaDBManager(std::make_shared<chroma::Store>(chroma::local_server(config), config, config.read_only))
{
}

} // namespace whisperstore
