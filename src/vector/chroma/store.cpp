#include "vector/chroma/store.hpp"

#include "core/failure.hpp"
#include "vector/chroma/listing.hpp"
#include "vector/chroma/records.hpp"
#include "vector/chroma/restore.hpp"
#include "vector/chroma/search.hpp"
#include "vector/chroma/upload.hpp"
#include "vector/server/archive_stream.hpp"
#include "vector/server/best_matches.hpp"

#include <algorithm>
#include <map>

namespace whisperstore::chroma {

namespace {

constexpr std::size_t ids_at_once = 500;
constexpr std::size_t largest_page = 10'000;
constexpr std::size_t backup_page = 500;

GraphSettings graph_of(const VectorDatabaseConfig& config)
{
    const auto check = [](std::size_t value, const char* name) {
        if (value == 0 || value > 100'000)
            throw StorageError(StorageErrc::invalid_argument,
                               std::string(name) + " is " + std::to_string(value) + "; allowed are 1 to 100,000");
        return value;
    };
    return GraphSettings{check(config.chroma_ef_search, "chroma_ef_search"),
                         check(config.chroma_ef_construction, "chroma_ef_construction"),
                         check(config.chroma_max_neighbors, "chroma_max_neighbors")};
}

std::string_view named(const std::string& text, const char* what)
{
    if (text.empty())
        throw StorageError(StorageErrc::invalid_argument, std::string(what) + " of Chroma is empty");
    return text;
}

std::string listing_name(const std::string& collection) { return "chroma/" + collection; }

/// The dimension that a vector needs; a collection of others that is empty takes any.
std::size_t dimension_of(const Collection& collection, std::size_t given)
{
    return collection.config.embedding_dimension != 0 ? collection.config.embedding_dimension
                                                      : std::max<std::size_t>(given, 1);
}

void check_space(const Collection& collection)
{
    if (collection.config.distance_metric != "cosine")
        throw StorageError(StorageErrc::unsupported, "collection '" + collection.name + "' was made to compare by " +
                                                         collection.config.distance_metric + "; supported is cosine");
}

} // namespace

Store::Store(std::shared_ptr<Server> server, const VectorDatabaseConfig& config, bool read_only)
    : api_(std::make_shared<Api>(std::move(server), named(config.chroma_tenant, "the tenant"),
                                 named(config.chroma_database, "the database"))),
      collections_(api_, graph_of(config)),
      read_only_(read_only)
{
}

void Store::check_open() const
{
    if (!open_.load(std::memory_order_acquire))
        throw StorageError(StorageErrc::closed, "not open: call initialize() first");
}

void Store::check_writable(std::string_view what) const
{
    check_open();
    if (read_only_)
        throw StorageError(StorageErrc::permission, "cannot " + std::string(what) + ": it was opened read-only");
}

template <typename T, typename Work>
awaitable<T> Store::on(std::string_view operation, std::string name, OperationContext context, Work work)
{
    try {
        context.check_deadline(backend(), operation);
        check_open();
        Collections::Found found = co_await collections_.find(name, context);
        if (found.remembered) {
            std::optional<StorageError> stale;
            try {
                co_return co_await work(found.collection);
            } catch (const StorageError& error) {
                // Somebody else may have deleted it, and made another one of that name.
                if (error.errc() != StorageErrc::not_found && error.errc() != StorageErrc::invalid_argument)
                    throw;
                stale = error;
            }
            Found now = co_await collections_.find_now(name, context);
            if (now->id == found.collection->id)
                throw StorageError(*stale);
            found.collection = std::move(now);
        }
        co_return co_await work(found.collection);
    } catch (...) {
        rethrow_as_storage_error(backend(), operation);
    }
}

awaitable<void> Store::initialize(OperationContext context)
{
    try {
        context.check_deadline(backend(), "initialize");
        if (open_.load(std::memory_order_acquire))
            co_return;
        co_await api_->server().open(context);
        co_await api_->check_server(context);
        if (!read_only_)
            co_await finish_restores(api_, api_->server().exclusive(), context);
        collections_.forget_all();
        open_.store(true, std::memory_order_release);
    } catch (...) {
        rethrow_as_storage_error(backend(), "initialize");
    }
}

awaitable<void> Store::cleanup()
{
    try {
        open_.store(false, std::memory_order_release);
        co_await api_->server().close();
        collections_.forget_all();
    } catch (...) {
        rethrow_as_storage_error(backend(), "cleanup");
    }
}

// ---- collections

awaitable<void> Store::create_collection(std::string name, CollectionConfig config, OperationContext context)
{
    try {
        context.check_deadline(backend(), "create_collection");
        check_writable("create a collection");
        co_await collections_.create(std::move(name), std::move(config), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend(), "create_collection");
    }
}

awaitable<bool> Store::delete_collection(std::string name, OperationContext context)
{
    try {
        context.check_deadline(backend(), "delete_collection");
        check_writable("delete a collection");
        co_return co_await collections_.remove(std::move(name), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend(), "delete_collection");
    }
}

awaitable<std::vector<std::string>> Store::list_collections(OperationContext context)
{
    try {
        context.check_deadline(backend(), "list_collections");
        check_open();
        co_return co_await collections_.names(std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend(), "list_collections");
    }
}

awaitable<CollectionConfig> Store::get_collection(std::string name, OperationContext context)
{
    try {
        context.check_deadline(backend(), "get_collection");
        check_open();
        check_collection_name(name);
        const Found found = co_await collections_.find_now(std::move(name), std::move(context));
        co_return found->config;
    } catch (...) {
        rethrow_as_storage_error(backend(), "get_collection");
    }
}

awaitable<void> Store::prepare_for_texts(std::string name, std::string embedding_model, OperationContext context)
{
    try {
        context.check_deadline(backend(), "prepare_for_texts");
        check_writable("prepare a collection for texts");
        co_await collections_.remember_model(std::move(name), std::move(embedding_model), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend(), "prepare_for_texts");
    }
}

awaitable<CollectionStats> Store::get_collection_stats(std::string name, OperationContext context)
{
    const auto work = [&](Found found) -> awaitable<CollectionStats> {
        CollectionStats stats;
        stats.name = found->name;
        stats.embedding_dimension = found->config.embedding_dimension;
        stats.distance_metric = found->config.distance_metric;
        stats.document_count = co_await api_->count(found->id, context);
        co_return stats;
    };
    co_return co_await on<CollectionStats>("get_collection_stats", std::move(name), context, work);
}

awaitable<std::uint64_t> Store::total_documents()
{
    try {
        check_open();
        const OperationContext context;
        const std::vector<std::string> names = co_await collections_.names(context);
        std::uint64_t total = 0;
        for (const std::string& name : names)
            total += co_await count_documents(name, Filter(), context);
        co_return total;
    } catch (...) {
        rethrow_as_storage_error(backend(), "get_total_documents");
    }
}

awaitable<std::size_t> Store::collections_count()
{
    const std::vector<std::string> names = co_await list_collections(OperationContext());
    co_return names.size();
}

// ---- writing

awaitable<void> Store::store_documents(std::string name, std::vector<VectorDocument> documents,
                                       OperationContext context)
{
    const auto work = [&](Found found) -> awaitable<void> {
        check_writable("store documents");
        check_space(*found);
        for (const VectorDocument& document : documents)
            check_document(document, dimension_of(*found, document.embedding.size()));
        co_await upload(api_, found->id, documents, context);
    };
    co_await on<void>("store_documents", std::move(name), context, work);
}

awaitable<bool> Store::delete_document(std::string name, std::string id, OperationContext context)
{
    const std::vector<std::string> ids(1, std::move(id));
    const auto work = [&](Found found) -> awaitable<bool> {
        check_writable("delete a document");
        check_document_id(ids.front());
        // Looked for first: Chroma counts ids that are not there among the deleted ones.
        const std::string answer = co_await api_->read(found->id, "get", get_by_ids(ids, only_ids), context);
        const bool existed = !parse_get(answer).empty();
        if (existed)
            co_await api_->write(found->id, "delete", delete_ids(ids), context);
        co_return existed;
    };
    co_return co_await on<bool>("delete_document", std::move(name), context, work);
}

awaitable<std::uint64_t> Store::delete_documents(std::string name, Filter filters, OperationContext context)
{
    const auto work = [&](Found found) -> awaitable<std::uint64_t> {
        check_writable("delete documents");
        if (filters.matches_everything())
            throw StorageError(StorageErrc::invalid_argument,
                               "an empty filter would delete every document: delete the collection instead");
        Listing listing(api_, found->id, where_of(filters), only_metadata);
        std::uint64_t deleted = 0;
        while (true) {
            const std::vector<Record> records = co_await listing.next(ids_at_once, context);
            if (records.empty())
                co_return deleted;
            std::vector<std::string> ids;
            for (const Record& record : records)
                if (filters.matches(record.metadata))
                    ids.push_back(record.id);
            if (ids.empty())
                continue;
            co_await api_->write(found->id, "delete", delete_ids(ids), context);
            deleted += ids.size();
        }
    };
    co_return co_await on<std::uint64_t>("delete_documents", std::move(name), context, work);
}

// ---- reading

awaitable<std::vector<SearchResult>> Store::search_similar(std::string name, std::span<const float> embedding,
                                                           std::size_t limit, Filter filters, OperationContext context)
{
    const auto start = std::chrono::steady_clock::now();
    const auto work = [&](Found found) -> awaitable<std::vector<SearchResult>> {
        check_space(*found);
        check_embedding(embedding, dimension_of(*found, embedding.size()));
        std::vector<float> unit(embedding.begin(), embedding.end());
        normalize(unit);
        const auto search = std::make_shared<Search>(api_, found, std::move(unit), where_of(filters), context);
        vector_server::FetchBest fetch = [search](std::size_t count) { return Search::best(search, count); };
        co_return co_await vector_server::best_matches(limit, filters, std::move(fetch));
    };
    std::vector<SearchResult> results =
        co_await on<std::vector<SearchResult>>("search_similar", std::move(name), context, work);
    search_times_.record(std::chrono::steady_clock::now() - start);
    co_return results;
}

awaitable<std::vector<VectorDocument>> Store::get_documents(std::string name, std::vector<std::string> ids,
                                                            OperationContext context)
{
    const auto work = [&](Found found) -> awaitable<std::vector<VectorDocument>> {
        std::vector<std::string> wanted = ids;
        for (const std::string& id : wanted)
            check_document_id(id);
        std::ranges::sort(wanted);
        wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
        std::vector<Record> records = co_await records_of(api_, found->id, std::move(wanted), whole, context);
        std::map<std::string, VectorDocument> by_id;
        for (Record& record : records) {
            std::string id = record.id;
            by_id.emplace(std::move(id), document_of(std::move(record)));
        }
        std::vector<VectorDocument> documents;
        for (const std::string& id : ids)
            if (const auto document = by_id.find(id); document != by_id.end())
                documents.push_back(document->second);
        co_return documents;
    };
    co_return co_await on<std::vector<VectorDocument>>("get_documents", std::move(name), context, work);
}

awaitable<Page<VectorDocument>> Store::scroll(std::string name, std::size_t page_size, std::optional<PageCursor> cursor,
                                              Filter filters, OperationContext context)
{
    const auto work = [&](Found found) -> awaitable<Page<VectorDocument>> {
        if (page_size == 0 || page_size > largest_page)
            throw StorageError(StorageErrc::invalid_argument, "page_size is " + std::to_string(page_size) +
                                                                  "; allowed are 1 to " + std::to_string(largest_page));
        const std::string listing_of = listing_name(found->name);
        std::optional<ListingPlace> place;
        if (cursor)
            place = ListingPlace::parse(cursor->position(listing_of));
        Listing listing(api_, found->id, where_of(filters), only_ids, std::move(place));
        Page<VectorDocument> page;
        std::vector<ListingPlace> places;
        // One more than the page, to know whether another one follows.
        while (page.items.size() <= page_size) {
            const std::size_t wanted = page_size + 1 - page.items.size();
            const std::vector<Record> listed = co_await listing.next(wanted, context);
            if (listed.empty())
                break;
            std::vector<std::string> ids;
            for (const Record& record : listed)
                ids.push_back(record.id);
            std::vector<Record> records = co_await records_of(api_, found->id, std::move(ids), whole, context);
            std::map<std::string_view, Record*> by_id;
            for (Record& record : records)
                by_id.emplace(record.id, &record);
            for (const Record& one : listed) {
                const auto record = by_id.find(one.id);
                if (record == by_id.end() || !filters.matches(record->second->metadata))
                    continue;
                places.push_back(listing.place_after(one.id));
                page.items.push_back(document_of(Record(*record->second)));
            }
        }
        if (page.items.size() > page_size) {
            page.items.pop_back();
            page.next = PageCursor::make(listing_of, places[page_size - 1].text());
        }
        co_return page;
    };
    co_return co_await on<Page<VectorDocument>>("scroll", std::move(name), context, work);
}

awaitable<std::uint64_t> Store::count_documents(std::string name, Filter filters, OperationContext context)
{
    const auto work = [&](Found found) -> awaitable<std::uint64_t> {
        if (filters.matches_everything())
            co_return co_await api_->count(found->id, context);
        Listing listing(api_, found->id, where_of(filters), only_metadata);
        std::uint64_t count = 0;
        while (true) {
            const std::vector<Record> records = co_await listing.next(ids_at_once, context);
            if (records.empty())
                co_return count;
            for (const Record& record : records)
                count += filters.matches(record.metadata) ? 1 : 0;
        }
    };
    co_return co_await on<std::uint64_t>("count_documents", std::move(name), context, work);
}

// ---- backups

awaitable<void> Store::back_up(std::filesystem::path path, OperationContext context)
{
    try {
        context.check_deadline(backend(), "backup_collections");
        check_open();
        vector_server::BackupSource source;
        source.names = [this, context] { return list_collections(context); };
        source.config = [this, context](std::string name) { return get_collection(std::move(name), context); };
        source.page = [this, context](std::string name, std::optional<PageCursor> cursor) {
            return scroll(std::move(name), backup_page, std::move(cursor), Filter(), context);
        };
        co_await vector_server::back_up(std::move(path), std::string(backend()), std::move(source), context);
    } catch (...) {
        rethrow_as_storage_error(backend(), "backup_collections");
    }
}

awaitable<void> Store::restore(std::filesystem::path path, OperationContext context)
{
    try {
        context.check_deadline(backend(), "restore_collections");
        check_writable("restore");
        co_await restore_archive(api_, collections_.graph(), std::move(path), context);
        collections_.forget_all();
    } catch (...) {
        collections_.forget_all();
        rethrow_as_storage_error(backend(), "restore_collections");
    }
}

} // namespace whisperstore::chroma
