#include "core/failure.hpp"
#include "vector/local_qdrant/open_store.hpp"
#include "vector/server/search_times.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/vector/local_qdrant_manager.hpp>

namespace whisperstore {

using local_qdrant::backend;
using local_qdrant::OpenStore;
using OpenCollection = std::shared_ptr<local_qdrant::Collection>;

class LocalQdrantManager::Impl
{
public:
    explicit Impl(VectorDatabaseConfig config) : config_(std::move(config))
    {
        if (config_.persist_directory.empty())
            throw StorageError(StorageErrc::invalid_argument, "persist_directory is empty: local vectors need a folder",
                               ErrorDetails{std::string(backend)});
        if (config_.synchronous != "FULL" && config_.synchronous != "NORMAL")
            throw StorageError(StorageErrc::invalid_argument,
                               "synchronous is '" + config_.synchronous + "'; allowed are FULL and NORMAL",
                               ErrorDetails{std::string(backend)});
        if (config_.hnsw_quantization != "int8" && config_.hnsw_quantization != "none")
            throw StorageError(StorageErrc::invalid_argument,
                               "hnsw_quantization is '" + config_.hnsw_quantization + "'; allowed are int8 and none",
                               ErrorDetails{std::string(backend)});
        if (config_.hnsw_ef == 0)
            throw StorageError(StorageErrc::invalid_argument, "hnsw_ef is 0; allowed are numbers from 1 on",
                               ErrorDetails{std::string(backend)});
    }

    const VectorDatabaseConfig& config() const noexcept { return config_; }

    void open(sqlite::Stopper& stopper)
    {
        const std::lock_guard opening(opening_mutex_);
        if (store_if_open())
            return;
        auto opened = std::make_shared<OpenStore>(config_, stopper);
        const std::lock_guard lock(mutex_);
        store_ = std::move(opened);
    }
    void close()
    {
        const std::lock_guard opening(opening_mutex_);
        std::shared_ptr<OpenStore> store;
        {
            const std::lock_guard lock(mutex_);
            store = std::move(store_);
        }
        if (store)
            store->close();
    }
    std::shared_ptr<OpenStore> store_if_open() const
    {
        const std::lock_guard lock(mutex_);
        return store_;
    }
    std::shared_ptr<OpenStore> store() const
    {
        auto store = store_if_open();
        if (!store)
            throw StorageError(StorageErrc::closed, "not open: call initialize() first");
        return store;
    }

    /// For `catch (...)`: the current exception as the caller should see it. A collection that was
    /// deleted or replaced under an operation was closed, but the manager was not.
    [[noreturn]] void fail(std::string_view operation, const std::string& collection) const
    {
        try {
            throw;
        } catch (const StorageError& error) {
            const auto store = store_if_open();
            if (error.errc() != StorageErrc::closed || !store)
                throw error.within(backend, operation);
            const local_qdrant::StoreDirectory& directory = store->directory();
            const bool exists = directory.restore_pending() || directory.identity_of(collection).has_value();
            ErrorDetails details{std::string(backend), std::string(operation), {}, error.outcome(), exists};
            throw StorageError(exists ? StorageErrc::unavailable : StorageErrc::not_found,
                               "collection '" + collection + "' was " +
                                   (exists ? "replaced meanwhile; try again" : "deleted meanwhile"),
                               std::move(details));
        } catch (...) {
            rethrow_as_storage_error(backend, operation);
        }
    }

    /// Runs `work(collection)`, which returns an awaitable, as an operation on a collection.
    template <typename T, typename Work>
    static awaitable<T> on_collection(std::shared_ptr<Impl> impl, std::string_view operation, std::string collection,
                                      OperationContext context, Work work)
    {
        context.check_deadline(backend, operation);
        try {
            const auto store = impl->store();
            const OpenCollection found = co_await store->find(collection, std::move(context));
            co_return co_await work(found);
        } catch (...) {
            impl->fail(operation, collection);
        }
    }

    vector_server::SearchTimes searches;

private:
    const VectorDatabaseConfig config_;
    std::mutex opening_mutex_;
    mutable std::mutex mutex_;
    std::shared_ptr<OpenStore> store_;
};

LocalQdrantManager::LocalQdrantManager(VectorDatabaseConfig config) : impl_(std::make_shared<Impl>(std::move(config)))
{
}
LocalQdrantManager::~LocalQdrantManager() = default;

awaitable<void> LocalQdrantManager::initialize(OperationContext context)
{
    const auto impl = impl_;
    context.check_deadline(backend, "initialize");
    std::function<void(sqlite::Stopper&)> work = [impl](sqlite::Stopper& stopper) { impl->open(stopper); };
    try {
        co_await local_qdrant::run_stoppable(std::move(work), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "initialize");
    }
}

awaitable<void> LocalQdrantManager::cleanup()
{
    const auto impl = impl_;
    std::function<void()> work = [impl] { impl->close(); };
    try {
        co_await sqlite::run_on_thread(std::move(work), OperationContext());
    } catch (...) {
        rethrow_as_storage_error(backend, "cleanup");
    }
}

awaitable<void> LocalQdrantManager::create_collection(std::string collection_name, CollectionConfig config,
                                                      OperationContext context)
{
    const auto impl = impl_;
    context.check_deadline(backend, "create_collection");
    try {
        const auto store = impl->store();
        check_collection_name(collection_name);
        check_collection_config(config);
        std::function<void(sqlite::Stopper&)> work = [store, collection_name, config](sqlite::Stopper&) {
            store->create(collection_name, config);
        };
        co_await local_qdrant::run_stoppable(std::move(work), context);
        // Nothing where it has just been made like this.
        const OpenCollection made = co_await store->find(collection_name, context);
        co_await made->prepare_for_texts(config.embedding_model, config.lexical, std::move(context));
    } catch (...) {
        impl->fail("create_collection", collection_name);
    }
}

awaitable<bool> LocalQdrantManager::delete_collection(std::string collection_name, OperationContext context)
{
    const auto impl = impl_;
    context.check_deadline(backend, "delete_collection");
    auto existed = std::make_shared<bool>(false);
    try {
        const auto store = impl->store();
        check_collection_name(collection_name);
        std::function<void(sqlite::Stopper&)> work = [store, collection_name, existed](sqlite::Stopper&) {
            *existed = store->remove(collection_name);
        };
        co_await local_qdrant::run_stoppable(std::move(work), std::move(context));
    } catch (...) {
        impl->fail("delete_collection", collection_name);
    }
    co_return *existed;
}

awaitable<std::vector<std::string>> LocalQdrantManager::list_collections(OperationContext context)
{
    context.check_deadline(backend, "list_collections");
    try {
        co_return impl_->store()->names();
    } catch (...) {
        rethrow_as_storage_error(backend, "list_collections");
    }
}

awaitable<CollectionConfig> LocalQdrantManager::get_collection(std::string collection_name, OperationContext context)
{
    const auto work = [&](OpenCollection found) { return found->current_config(context); };
    co_return co_await Impl::on_collection<CollectionConfig>(impl_, "get_collection", std::move(collection_name),
                                                             context, work);
}

awaitable<void> LocalQdrantManager::store_documents(std::string collection, std::vector<VectorDocument> documents,
                                                    OperationContext context)
{
    const auto work = [&](OpenCollection found) { return found->store(std::move(documents), context); };
    co_await Impl::on_collection<void>(impl_, "store_documents", std::move(collection), context, work);
}

awaitable<std::vector<SearchResult>> LocalQdrantManager::search_similar(std::string collection,
                                                                        std::span<const float> query_embedding,
                                                                        std::size_t limit, Filter filters,
                                                                        OperationContext context)
{
    const auto impl = impl_;
    const auto start = std::chrono::steady_clock::now();
    const auto work = [&](OpenCollection found) {
        return found->search(query_embedding, limit, std::move(filters), context);
    };
    std::vector<SearchResult> results = co_await Impl::on_collection<std::vector<SearchResult>>(
        impl, "search_similar", std::move(collection), context, work);
    impl->searches.record(std::chrono::steady_clock::now() - start);
    co_return results;
}

VectorCapabilities LocalQdrantManager::capabilities() const noexcept { return VectorCapabilities{.lexical = true}; }

awaitable<void> LocalQdrantManager::prepare_for_texts(std::string collection, std::string embedding_model,
                                                      OperationContext context)
{
    const auto impl = impl_;
    const auto work = [&](OpenCollection found) {
        impl->store()->check_writable("prepare a collection for texts");
        return found->prepare_for_texts(std::move(embedding_model), true, context);
    };
    co_await Impl::on_collection<void>(impl, "prepare_for_texts", std::move(collection), context, work);
}

awaitable<SearchCandidates> LocalQdrantManager::search_candidates(std::string collection, CandidateQuery query,
                                                                  OperationContext context)
{
    const auto impl = impl_;
    const auto start = std::chrono::steady_clock::now();
    const auto work = [&](OpenCollection found) { return found->candidates(std::move(query), context); };
    SearchCandidates answer =
        co_await Impl::on_collection<SearchCandidates>(impl, "search_candidates", std::move(collection), context, work);
    impl->searches.record(std::chrono::steady_clock::now() - start);
    co_return answer;
}

awaitable<std::vector<VectorDocument>>
LocalQdrantManager::get_documents(std::string collection, std::vector<std::string> doc_ids, OperationContext context)
{
    const auto work = [&](OpenCollection found) { return found->get(std::move(doc_ids), context); };
    co_return co_await Impl::on_collection<std::vector<VectorDocument>>(impl_, "get_documents", std::move(collection),
                                                                        context, work);
}

awaitable<bool> LocalQdrantManager::delete_document(std::string collection, std::string doc_id,
                                                    OperationContext context)
{
    const auto work = [&](OpenCollection found) { return found->remove(std::move(doc_id), context); };
    co_return co_await Impl::on_collection<bool>(impl_, "delete_document", std::move(collection), context, work);
}

awaitable<std::uint64_t> LocalQdrantManager::delete_documents(std::string collection, Filter filters,
                                                              OperationContext context)
{
    const auto work = [&](OpenCollection found) { return found->remove_matching(std::move(filters), context); };
    co_return co_await Impl::on_collection<std::uint64_t>(impl_, "delete_documents", std::move(collection), context,
                                                          work);
}

awaitable<Page<VectorDocument>> LocalQdrantManager::scroll(std::string collection, std::size_t page_size,
                                                           std::optional<PageCursor> cursor, Filter filters,
                                                           OperationContext context)
{
    const auto work = [&](OpenCollection found) {
        return found->scroll(page_size, std::move(cursor), std::move(filters), context);
    };
    co_return co_await Impl::on_collection<Page<VectorDocument>>(impl_, "scroll", std::move(collection), context, work);
}

awaitable<std::uint64_t> LocalQdrantManager::count_documents(std::string collection, Filter filters,
                                                             OperationContext context)
{
    const auto work = [&](OpenCollection found) { return found->count(std::move(filters), context); };
    co_return co_await Impl::on_collection<std::uint64_t>(impl_, "count_documents", std::move(collection), context,
                                                          work);
}

awaitable<CollectionStats> LocalQdrantManager::get_collection_stats(std::string collection, OperationContext context)
{
    CollectionStats stats;
    const auto work = [&](OpenCollection found) -> awaitable<std::uint64_t> {
        stats.embedding_dimension = found->config().embedding_dimension;
        stats.distance_metric = found->config().distance_metric;
        stats.memory_bytes = found->memory();
        stats.index_state = found->index_state();
        stats.index_failure = found->index_failure();
        return found->count(Filter(), context);
    };
    const auto store = impl_->store_if_open();
    stats.name = collection;
    stats.document_count = co_await Impl::on_collection<std::uint64_t>(impl_, "get_collection_stats",
                                                                       std::move(collection), context, work);
    stats.disk_bytes = store->directory().bytes_of(stats.name);
    co_return stats;
}

awaitable<void> LocalQdrantManager::backup_collections(std::filesystem::path backup_path, OperationContext context)
{
    const auto impl = impl_;
    context.check_deadline(backend, "backup_collections");
    try {
        const auto store = impl->store();
        std::function<void(sqlite::Stopper&)> work = [store, backup_path](sqlite::Stopper& stopper) {
            store->back_up(backup_path, stopper);
        };
        co_await local_qdrant::run_stoppable(std::move(work), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "backup_collections");
    }
}

awaitable<void> LocalQdrantManager::restore_collections(std::filesystem::path backup_path, OperationContext context)
{
    const auto impl = impl_;
    context.check_deadline(backend, "restore_collections");
    try {
        const auto store = impl->store();
        std::function<void(sqlite::Stopper&)> work = [store, backup_path](sqlite::Stopper& stopper) {
            store->restore(backup_path, stopper);
        };
        co_await local_qdrant::run_stoppable(std::move(work), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "restore_collections");
    }
}

std::vector<std::string> LocalQdrantManager::endpoints() const
{
    return std::vector<std::string>(1, impl_->config().persist_directory.string());
}

awaitable<std::uint64_t> LocalQdrantManager::get_total_documents()
{
    const auto impl = impl_;
    const std::vector<std::string> names = co_await list_collections();
    std::uint64_t total = 0;
    for (const std::string& name : names) {
        try {
            const auto found = co_await impl->store()->find(name, OperationContext());
            total += co_await found->count(Filter(), OperationContext());
        } catch (const StorageError& error) {
            // A damaged collection speaks up in every operation on it; one deleted meanwhile has no documents.
            if (error.errc() != StorageErrc::corrupt && error.errc() != StorageErrc::not_found)
                throw error.within(backend, "get_total_documents");
        }
    }
    co_return total;
}

awaitable<std::size_t> LocalQdrantManager::get_collections_count()
{
    const std::vector<std::string> names = co_await list_collections();
    co_return names.size();
}

awaitable<double> LocalQdrantManager::get_avg_search_time() { co_return impl_->searches.average_ms(); }
awaitable<double> LocalQdrantManager::get_cache_hit_rate() { co_return 0.0; }

} // namespace whisperstore
