#include "resilience/decorate_store.hpp"

#include <whisperstore/resilience/decorate.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

namespace whisperstore {

namespace {

using Vectors = VectorDatabaseManager;

constexpr auto operations = numbered(std::array{
    Operation{"initialize", 0, Repeatable::yes, opening},
    Operation{"cleanup", 0, Repeatable::no, observed},
    Operation{"create_collection", 0, Repeatable::yes, every_layer}, // the same shape again is nothing
    Operation{"delete_collection", 0, Repeatable::no, every_layer},  // tells whether it was there, as all deletes
    Operation{"list_collections", 0, Repeatable::yes, every_layer},
    Operation{"get_collection", 0, Repeatable::yes, every_layer},
    Operation{"store_documents", 0, Repeatable::yes, every_layer}, // replaces by id
    Operation{"search_similar", 0, Repeatable::yes, every_layer},
    Operation{"search_batch", 0, Repeatable::yes, every_layer},
    Operation{"prepare_for_texts", 0, Repeatable::yes, without_time_limits}, // with many documents it takes its time
    Operation{"search_candidates", 0, Repeatable::yes, every_layer},
    Operation{"get_documents", 0, Repeatable::yes, every_layer},
    Operation{"delete_document", 0, Repeatable::no, every_layer},
    Operation{"delete_documents", 0, Repeatable::no, every_layer},
    Operation{"scroll", 0, Repeatable::yes, every_layer},
    Operation{"count_documents", 0, Repeatable::yes, every_layer},
    Operation{"get_collection_stats", 0, Repeatable::yes, every_layer},
    // As in the database layer: a second backup finds the first one's file, a second restore undoes writes.
    Operation{"backup_collections", 0, Repeatable::no, without_time_limits},
    Operation{"restore_collections", 0, Repeatable::no, without_time_limits},
});

consteval const Operation& operation(std::string_view name) { return operations[place_of(operations, name)]; }

constexpr auto create_collection_method =
    static_cast<awaitable<void> (Vectors::*)(std::string, CollectionConfig, OperationContext)>(
        &Vectors::create_collection);

class DecoratedVectors final : public DecoratedStore<Vectors>
{
public:
    static constexpr std::string_view layer = "vector_database";
    static std::span<const Operation> operation_table() noexcept { return operations; }

    using DecoratedStore::DecoratedStore;
    using Vectors::create_collection;

    awaitable<void> initialize(OperationContext context) override
    {
        return call<&Vectors::initialize>(operation("initialize"), std::move(context));
    }
    awaitable<void> cleanup() override { return call<&Vectors::cleanup>(operation("cleanup"), OperationContext()); }

    awaitable<void> create_collection(std::string collection_name, CollectionConfig config,
                                      OperationContext context) override
    {
        return call<create_collection_method>(operation("create_collection"), std::move(context),
                                              std::move(collection_name), std::move(config));
    }
    awaitable<bool> delete_collection(std::string collection_name, OperationContext context) override
    {
        return call<&Vectors::delete_collection>(operation("delete_collection"), std::move(context),
                                                 std::move(collection_name));
    }
    awaitable<std::vector<std::string>> list_collections(OperationContext context) override
    {
        return call<&Vectors::list_collections>(operation("list_collections"), std::move(context));
    }
    awaitable<CollectionConfig> get_collection(std::string collection_name, OperationContext context) override
    {
        return call<&Vectors::get_collection>(operation("get_collection"), std::move(context),
                                              std::move(collection_name));
    }
    awaitable<void> store_documents(std::string collection, std::vector<VectorDocument> documents,
                                    OperationContext context) override
    {
        return call<&Vectors::store_documents>(operation("store_documents"), std::move(context), std::move(collection),
                                               std::move(documents));
    }
    awaitable<std::vector<SearchResult>> search_similar(std::string collection, std::span<const float> query_embedding,
                                                        std::size_t limit, Filter filters,
                                                        OperationContext context) override
    {
        return call<&Vectors::search_similar>(operation("search_similar"), std::move(context), std::move(collection),
                                              query_embedding, limit, std::move(filters));
    }
    awaitable<std::vector<std::vector<SearchResult>>>
    search_batch(std::string collection, std::vector<SearchQuery> queries, OperationContext context) override
    {
        return call<&Vectors::search_batch>(operation("search_batch"), std::move(context), std::move(collection),
                                            std::move(queries));
    }
    VectorCapabilities capabilities() const noexcept override { return inner().capabilities(); }
    awaitable<void> prepare_for_texts(std::string collection, std::string embedding_model,
                                      OperationContext context) override
    {
        return call<&Vectors::prepare_for_texts>(operation("prepare_for_texts"), std::move(context),
                                                 std::move(collection), std::move(embedding_model));
    }
    awaitable<SearchCandidates> search_candidates(std::string collection, CandidateQuery query,
                                                  OperationContext context) override
    {
        return call<&Vectors::search_candidates>(operation("search_candidates"), std::move(context),
                                                 std::move(collection), std::move(query));
    }
    awaitable<std::vector<VectorDocument>> get_documents(std::string collection, std::vector<std::string> doc_ids,
                                                         OperationContext context) override
    {
        return call<&Vectors::get_documents>(operation("get_documents"), std::move(context), std::move(collection),
                                             std::move(doc_ids));
    }
    awaitable<bool> delete_document(std::string collection, std::string doc_id, OperationContext context) override
    {
        return call<&Vectors::delete_document>(operation("delete_document"), std::move(context), std::move(collection),
                                               std::move(doc_id));
    }
    awaitable<std::uint64_t> delete_documents(std::string collection, Filter filters, OperationContext context) override
    {
        return call<&Vectors::delete_documents>(operation("delete_documents"), std::move(context),
                                                std::move(collection), std::move(filters));
    }
    awaitable<Page<VectorDocument>> scroll(std::string collection, std::size_t page_size,
                                           std::optional<PageCursor> cursor, Filter filters,
                                           OperationContext context) override
    {
        return call<&Vectors::scroll>(operation("scroll"), std::move(context), std::move(collection), page_size,
                                      std::move(cursor), std::move(filters));
    }
    awaitable<std::uint64_t> count_documents(std::string collection, Filter filters, OperationContext context) override
    {
        return call<&Vectors::count_documents>(operation("count_documents"), std::move(context), std::move(collection),
                                               std::move(filters));
    }
    awaitable<CollectionStats> get_collection_stats(std::string collection, OperationContext context) override
    {
        return call<&Vectors::get_collection_stats>(operation("get_collection_stats"), std::move(context),
                                                    std::move(collection));
    }
    awaitable<void> backup_collections(std::filesystem::path backup_path, OperationContext context) override
    {
        return call<&Vectors::backup_collections>(operation("backup_collections"), std::move(context),
                                                  std::move(backup_path));
    }
    awaitable<void> restore_collections(std::filesystem::path backup_path, OperationContext context) override
    {
        return call<&Vectors::restore_collections>(operation("restore_collections"), std::move(context),
                                                   std::move(backup_path));
    }

    std::string_view vector_database_type() const noexcept override { return inner().vector_database_type(); }
    std::vector<std::string> endpoints() const override { return inner().endpoints(); }
    json::object get_details() const override { return inner().get_details(); }
    awaitable<std::uint64_t> get_total_documents() override { return inner().get_total_documents(); }
    awaitable<std::size_t> get_collections_count() override { return inner().get_collections_count(); }
    awaitable<double> get_avg_search_time() override { return inner().get_avg_search_time(); }
    awaitable<double> get_cache_hit_rate() override { return inner().get_cache_hit_rate(); }
};

} // namespace

std::shared_ptr<Vectors> decorate_with(std::shared_ptr<Vectors> vector_db, const ResilienceConfig& config,
                                       std::shared_ptr<OperationObserver> observer, ChainSources sources)
{
    return decorate_store<DecoratedVectors>(std::move(vector_db), &Vectors::vector_database_type, config,
                                            std::move(observer), std::move(sources));
}

std::shared_ptr<Vectors> decorate(std::shared_ptr<Vectors> vector_db, const ResilienceConfig& config,
                                  std::shared_ptr<OperationObserver> observer)
{
    return decorate_with(std::move(vector_db), config, std::move(observer), ChainSources());
}

std::optional<ResilienceStats> resilience_stats(const Vectors& vector_db) { return stats_of(vector_db); }

} // namespace whisperstore
