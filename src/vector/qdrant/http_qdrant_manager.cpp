#include "core/failure.hpp"
#include "vector/qdrant/store.hpp"
#include "vector/server/archive_stream.hpp"

#include <whisperstore/vector/http_qdrant_manager.hpp>

#include <unordered_map>

namespace whisperstore {

using Store = HTTPQdrantManager::Store;

namespace {

constexpr std::size_t largest_page = 10'000;
constexpr std::size_t backup_page = 512;

/// For `catch (...)`: the current exception as the caller should see it.
[[noreturn]] void fail(Store& store, std::string_view operation, const std::string& collection)
{
    try {
        throw;
    } catch (const StorageError& error) {
        // What was known of the collection may be why.
        if (error.errc() == StorageErrc::not_found || error.errc() == StorageErrc::invalid_argument)
            store.collections.forget(collection);
        if (error.errc() == StorageErrc::not_found && !collection.empty())
            throw StorageError(
                StorageErrc::not_found, "there is no collection '" + collection + "'",
                ErrorDetails{store.backend(), std::string(operation), error.native_code(), error.outcome(), false});
        throw error.within(store.backend(), operation);
    } catch (...) {
        rethrow_as_storage_error(store.backend(), operation);
    }
}

/// Of equal ids the last counts.
void keep_last(std::vector<VectorDocument>& documents)
{
    std::unordered_map<std::string_view, std::size_t> last;
    for (std::size_t i = 0; i < documents.size(); ++i)
        last[documents[i].id] = i;
    if (last.size() == documents.size())
        return;
    std::vector<VectorDocument> kept;
    kept.reserve(last.size());
    std::vector<bool> keep(documents.size());
    for (const auto& [id, place] : last)
        keep[place] = true;
    last.clear(); // it borrows
    for (std::size_t i = 0; i < documents.size(); ++i)
        if (keep[i])
            kept.push_back(std::move(documents[i]));
    documents = std::move(kept);
}

std::string listing(std::string_view collection) { return std::string("vectors/").append(collection); }

/// One page of scroll().
awaitable<Page<VectorDocument>> page_of(Store& store, std::string collection, std::size_t page_size,
                                        std::optional<PageCursor> cursor, Filter filters, OperationContext context)
{
    std::string place;
    if (cursor)
        place = cursor->position(listing(collection));
    qdrant::ScrollPage found = co_await qdrant::scroll(store, collection, std::move(place), page_size,
                                                       qdrant::Parts::all, std::move(filters), std::move(context));
    Page<VectorDocument> page;
    for (qdrant::Point& point : found.points)
        page.items.push_back(std::move(point.document));
    if (!found.next.empty())
        page.next = PageCursor::make(listing(collection), found.next);
    co_return page;
}

} // namespace

HTTPQdrantManager::HTTPQdrantManager(VectorDatabaseConfig config) : HTTPQdrantManager(std::move(config), "http_qdrant")
{
}

HTTPQdrantManager::HTTPQdrantManager(VectorDatabaseConfig config, std::string type)
{
    try {
        store_ = std::make_shared<Store>(std::move(config), type);
    } catch (const StorageError& error) {
        throw error.within(type, "configure");
    }
}

HTTPQdrantManager::~HTTPQdrantManager() = default;

awaitable<void> HTTPQdrantManager::initialize(OperationContext context)
{
    const auto store = store_;
    try {
        context.check_deadline(store->backend(), "initialize");
        if (store->open)
            co_return;
        store->server.open();
        co_await store->collections.open(std::move(context));
        store->open = true;
    } catch (...) {
        fail(*store, "initialize", {});
    }
}

awaitable<void> HTTPQdrantManager::cleanup()
{
    const auto store = store_;
    store->open = false;
    store->server.close();
    co_return;
}

awaitable<void> HTTPQdrantManager::create_collection(std::string collection_name, CollectionConfig config,
                                                     OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "create_collection");
        check_collection_name(collection_name);
        check_collection_config(config);
        co_await store->collections.create(collection_name, std::move(config), std::move(context));
    } catch (...) {
        fail(*store, "create_collection", collection_name);
    }
}

awaitable<bool> HTTPQdrantManager::delete_collection(std::string collection_name, OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "delete_collection");
        check_collection_name(collection_name);
        co_return co_await store->collections.remove(collection_name, std::move(context));
    } catch (...) {
        fail(*store, "delete_collection", collection_name);
    }
}

awaitable<std::vector<std::string>> HTTPQdrantManager::list_collections(OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "list_collections");
        co_return co_await store->collections.names(std::move(context));
    } catch (...) {
        fail(*store, "list_collections", {});
    }
}

awaitable<CollectionConfig> HTTPQdrantManager::get_collection(std::string collection_name, OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "get_collection");
        check_collection_name(collection_name);
        const qdrant::Collection found = co_await store->collections.read(collection_name, std::move(context));
        co_return found.config;
    } catch (...) {
        fail(*store, "get_collection", collection_name);
    }
}

awaitable<void> HTTPQdrantManager::store_documents(std::string collection, std::vector<VectorDocument> documents,
                                                   OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "store_documents");
        check_collection_name(collection);
        const std::size_t dimension = documents.empty() ? 0 : documents.front().embedding.size();
        const std::shared_ptr<const qdrant::Collection> known =
            co_await store->collections.known(collection, dimension, context);
        for (VectorDocument& document : documents) {
            check_document(document, known->info.dimension);
            normalize(document.embedding);
        }
        if (documents.empty())
            co_return;
        keep_last(documents);
        co_await qdrant::upsert(*store, collection, known->info.has_words, std::move(documents), std::move(context));
    } catch (...) {
        fail(*store, "store_documents", collection);
    }
}

awaitable<std::vector<SearchResult>> HTTPQdrantManager::search_similar(std::string collection,
                                                                       std::span<const float> query_embedding,
                                                                       std::size_t limit, Filter filters,
                                                                       OperationContext context)
{
    const auto store = store_;
    const auto start = std::chrono::steady_clock::now();
    try {
        store->check_open();
        context.check_deadline(store->backend(), "search_similar");
        check_collection_name(collection);
        const std::shared_ptr<const qdrant::Collection> known =
            co_await store->collections.known(collection, query_embedding.size(), context);
        check_embedding(query_embedding, known->info.dimension);
        std::vector<float> unit_vector(query_embedding.begin(), query_embedding.end());
        normalize(unit_vector);
        std::vector<SearchResult> results = co_await qdrant::search(*store, collection, std::move(unit_vector), limit,
                                                                    std::move(filters), std::move(context));
        store->searches.record(std::chrono::steady_clock::now() - start);
        co_return results;
    } catch (...) {
        fail(*store, "search_similar", collection);
    }
}

awaitable<std::vector<std::vector<SearchResult>>>
HTTPQdrantManager::search_batch(std::string collection, std::vector<SearchQuery> queries, OperationContext context)
{
    const auto store = store_;
    const auto start = std::chrono::steady_clock::now();
    try {
        store->check_open();
        context.check_deadline(store->backend(), "search_batch");
        check_collection_name(collection);
        const std::size_t dimension = queries.empty() ? 0 : queries.front().embedding.size();
        const std::shared_ptr<const qdrant::Collection> known =
            co_await store->collections.known(collection, dimension, context);
        for (SearchQuery& query : queries) {
            check_embedding(query.embedding, known->info.dimension);
            normalize(query.embedding);
        }
        std::vector<std::vector<SearchResult>> answers =
            co_await qdrant::search_all(*store, collection, std::move(queries), std::move(context));
        for (std::size_t i = 0; i < answers.size(); ++i)
            store->searches.record((std::chrono::steady_clock::now() - start) / answers.size());
        co_return answers;
    } catch (...) {
        fail(*store, "search_batch", collection);
    }
}

awaitable<void> HTTPQdrantManager::prepare_for_texts(std::string collection, std::string embedding_model,
                                                     OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "prepare_for_texts");
        check_collection_name(collection);
        co_await store->collections.prepare_for_texts(collection, std::move(embedding_model), std::move(context));
    } catch (...) {
        fail(*store, "prepare_for_texts", collection);
    }
}

awaitable<SearchCandidates> HTTPQdrantManager::search_candidates(std::string collection, CandidateQuery query,
                                                                 OperationContext context)
{
    const auto store = store_;
    const auto start = std::chrono::steady_clock::now();
    try {
        store->check_open();
        context.check_deadline(store->backend(), "search_candidates");
        check_collection_name(collection);
        check_candidate_query(query);
        std::shared_ptr<const qdrant::Collection> known =
            co_await store->collections.known(collection, query.embedding.size(), context);
        if (!known->config.lexical) // another process may have asked for it
            known = std::make_shared<const qdrant::Collection>(co_await store->collections.read(collection, context));
        check_embedding(query.embedding, known->info.dimension);
        normalize(query.embedding);
        SearchCandidates answer = co_await qdrant::candidates(*store, collection, known->config.lexical,
                                                              std::move(query), std::move(context));
        store->searches.record(std::chrono::steady_clock::now() - start);
        co_return answer;
    } catch (...) {
        fail(*store, "search_candidates", collection);
    }
}

awaitable<std::vector<VectorDocument>>
HTTPQdrantManager::get_documents(std::string collection, std::vector<std::string> doc_ids, OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "get_documents");
        check_collection_name(collection);
        for (const std::string& id : doc_ids)
            check_document_id(id);
        if (doc_ids.empty())
            co_await store->collections.read(collection, context); // throws where there is none
        co_return co_await qdrant::retrieve(*store, collection, std::move(doc_ids), true, std::move(context));
    } catch (...) {
        fail(*store, "get_documents", collection);
    }
}

awaitable<bool> HTTPQdrantManager::delete_document(std::string collection, std::string doc_id, OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "delete_document");
        check_collection_name(collection);
        check_document_id(doc_id);
        std::vector<std::string> ids(1, std::move(doc_id));
        const std::vector<VectorDocument> found = co_await qdrant::retrieve(*store, collection, ids, false, context);
        if (found.empty())
            co_return false;
        co_await qdrant::remove_ids(*store, collection, std::move(ids), std::move(context));
        co_return true;
    } catch (...) {
        fail(*store, "delete_document", collection);
    }
}

awaitable<std::uint64_t> HTTPQdrantManager::delete_documents(std::string collection, Filter filters,
                                                             OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "delete_documents");
        check_collection_name(collection);
        if (filters.matches_everything())
            throw StorageError(StorageErrc::invalid_argument,
                               "an empty filter would delete every document: delete the collection instead");
        co_return co_await qdrant::remove_matching(*store, collection, std::move(filters), std::move(context));
    } catch (...) {
        fail(*store, "delete_documents", collection);
    }
}

awaitable<Page<VectorDocument>> HTTPQdrantManager::scroll(std::string collection, std::size_t page_size,
                                                          std::optional<PageCursor> cursor, Filter filters,
                                                          OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "scroll");
        check_collection_name(collection);
        if (page_size == 0 || page_size > largest_page)
            throw StorageError(StorageErrc::invalid_argument, "page_size is " + std::to_string(page_size) +
                                                                  "; allowed are 1 to " + std::to_string(largest_page));
        co_return co_await page_of(*store, collection, page_size, std::move(cursor), std::move(filters),
                                   std::move(context));
    } catch (...) {
        fail(*store, "scroll", collection);
    }
}

awaitable<std::uint64_t> HTTPQdrantManager::count_documents(std::string collection, Filter filters,
                                                            OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "count_documents");
        check_collection_name(collection);
        co_return co_await qdrant::count(*store, collection, std::move(filters), std::move(context));
    } catch (...) {
        fail(*store, "count_documents", collection);
    }
}

awaitable<CollectionStats> HTTPQdrantManager::get_collection_stats(std::string collection, OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "get_collection_stats");
        check_collection_name(collection);
        const qdrant::Collection found = co_await store->collections.read(collection, context);
        CollectionStats stats;
        stats.name = collection;
        stats.embedding_dimension = found.config.embedding_dimension;
        stats.distance_metric = found.config.distance_metric;
        stats.index_state = found.info.index_state;
        stats.index_failure = found.info.index_failure;
        stats.document_count = co_await qdrant::count(*store, collection, Filter(), std::move(context));
        co_return stats;
    } catch (...) {
        fail(*store, "get_collection_stats", collection);
    }
}

awaitable<void> HTTPQdrantManager::backup_collections(std::filesystem::path backup_path, OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "backup_collections");
        vector_server::BackupSource source;
        source.names = [&] { return store->collections.names(context); };
        source.config = [&](std::string name) -> awaitable<CollectionConfig> {
            const qdrant::Collection found = co_await store->collections.read(std::move(name), context);
            co_return found.config;
        };
        source.page = [&](std::string name, std::optional<PageCursor> cursor) {
            return page_of(*store, std::move(name), backup_page, std::move(cursor), Filter(), context);
        };
        co_await vector_server::back_up(std::move(backup_path), store->backend(), std::move(source), context);
        if (store->config.server_snapshots)
            co_await create_snapshots(context);
    } catch (...) {
        fail(*store, "backup_collections", {});
    }
}

awaitable<void> HTTPQdrantManager::restore_collections(std::filesystem::path backup_path, OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "restore_collections");
        co_await qdrant::restore(*store, std::move(backup_path), std::move(context));
    } catch (...) {
        fail(*store, "restore_collections", {});
    }
}

awaitable<std::vector<QdrantSnapshot>> HTTPQdrantManager::create_snapshots(OperationContext context)
{
    const auto store = store_;
    try {
        store->check_open();
        context.check_deadline(store->backend(), "create_snapshots");
        std::vector<QdrantSnapshot> snapshots;
        for (std::string& name : co_await store->collections.names(context)) {
            qdrant::Call call{"POST", qdrant::Server::target(name, "/snapshots?wait=true"), {}, http::Effect::write};
            qdrant::Snapshot made = qdrant::parse_snapshot(co_await store->server.send(std::move(call), context));
            snapshots.push_back(
                QdrantSnapshot{std::move(name), std::move(made.name), made.size, std::move(made.checksum)});
        }
        co_return snapshots;
    } catch (...) {
        fail(*store, "create_snapshots", {});
    }
}

std::string_view HTTPQdrantManager::vector_database_type() const noexcept { return store_->backend(); }
std::vector<std::string> HTTPQdrantManager::endpoints() const { return store_->server.client()->endpoints(); }

json::object HTTPQdrantManager::get_details() const
{
    json::object out;
    out["nodes"] = http::to_json(store_->server.client()->health());
    return out;
}

awaitable<std::uint64_t> HTTPQdrantManager::get_total_documents()
{
    const auto store = store_;
    std::uint64_t total = 0;
    for (std::string& name : co_await list_collections()) {
        try {
            total += co_await qdrant::count(*store, name, Filter(), OperationContext());
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::not_found) // deleted meanwhile, it has no documents
                throw error.within(store->backend(), "get_total_documents");
        }
    }
    co_return total;
}

awaitable<std::size_t> HTTPQdrantManager::get_collections_count()
{
    const std::vector<std::string> names = co_await list_collections();
    co_return names.size();
}

awaitable<double> HTTPQdrantManager::get_avg_search_time() { co_return store_->searches.average_ms(); }
awaitable<double> HTTPQdrantManager::get_cache_hit_rate() { co_return 0.0; }

} // namespace whisperstore
