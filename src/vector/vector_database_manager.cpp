#include "core/text.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace whisperstore {

namespace {

constexpr std::size_t largest_dimension = 65536;
constexpr std::size_t longest_id = 1024;
constexpr std::size_t longest_model_name = 512;
constexpr std::size_t most_words = 64;
constexpr std::size_t export_page = 1000;

CollectionConfig collection(std::string description)
{
    CollectionConfig config;
    config.description = std::move(description);
    return config;
}

[[noreturn]] void refuse(const std::string& message) { throw StorageError(StorageErrc::invalid_argument, message); }

std::string text_of(const json::value& value, std::string_view key)
{
    if (!value.is_string())
        refuse("collection metadata: '" + std::string(key) + "' must be text");
    return std::string(value.get_string());
}

} // namespace

const std::vector<std::pair<std::string, CollectionConfig>> VECTOR_COLLECTIONS = {
    {"user_memories", collection("User-specific conversation memories")},
    {"global_facts", collection("Global knowledge and facts")},
    {"emotional_contexts", collection("Emotional conversation contexts")},
};

CollectionConfig CollectionConfig::from_json(const json::object& metadata)
{
    CollectionConfig config;
    for (const auto& [key, value] : metadata) {
        if (key == "description") {
            config.description = text_of(value, key);
        } else if (key == "distance_metric") {
            config.distance_metric = text_of(value, key);
        } else if (key == "embedding_model") {
            config.embedding_model = text_of(value, key);
        } else if (key == "lexical") {
            if (!value.is_bool())
                refuse("collection metadata: 'lexical' must be true or false");
            config.lexical = value.get_bool();
        } else if (key == "embedding_dimension") {
            boost::system::error_code error;
            config.embedding_dimension = value.to_number<std::size_t>(error);
            if (error)
                refuse("collection metadata: 'embedding_dimension' must be a whole number, 1 to " +
                       std::to_string(largest_dimension));
        } else {
            config.metadata[key] = value;
        }
    }
    check_collection_config(config);
    return config;
}

json::object CollectionConfig::to_json() const
{
    json::object document = metadata;
    document["description"] = description;
    document["embedding_dimension"] = embedding_dimension;
    document["distance_metric"] = distance_metric;
    if (!embedding_model.empty())
        document["embedding_model"] = embedding_model;
    if (lexical)
        document["lexical"] = true;
    return document;
}

json::object CollectionStats::to_json() const
{
    json::object document;
    document["name"] = name;
    document["document_count"] = json_integer(static_cast<std::int64_t>(document_count));
    document["embedding_dimension"] = embedding_dimension;
    document["distance_metric"] = distance_metric;
    document["disk_bytes"] = json_integer(static_cast<std::int64_t>(disk_bytes));
    document["memory_bytes"] = json_integer(static_cast<std::int64_t>(memory_bytes));
    if (!index_state.empty())
        document["index_state"] = index_state;
    if (!index_failure.empty())
        document["index_failure"] = index_failure;
    return document;
}

void check_collection_name(std::string_view name)
{
    const bool allowed = std::ranges::all_of(name, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    if (name.empty() || name.size() > 63 || !allowed) {
        // The name may be anything at all, so no more of it is repeated than is safe to print.
        std::string shown(name.substr(0, 64));
        for (char& c : shown)
            if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F)
                c = '?';
        refuse("'" + shown + "' cannot name a collection; allowed are 1 to 63 of A-Z a-z 0-9 _ -");
    }
}

void check_collection_config(const CollectionConfig& config)
{
    if (config.embedding_dimension == 0 || config.embedding_dimension > largest_dimension)
        refuse("embedding_dimension is " + std::to_string(config.embedding_dimension) + "; allowed are 1 to " +
               std::to_string(largest_dimension));
    if (config.distance_metric != "cosine")
        refuse("distance_metric is '" + config.distance_metric.substr(0, 64) + "'; allowed is cosine");
    text::check(config.description, "collection description");
    if (config.embedding_model.size() > longest_model_name)
        refuse("embedding_model has " + std::to_string(config.embedding_model.size()) + " bytes; allowed are up to " +
               std::to_string(longest_model_name));
    text::check(config.embedding_model, "embedding_model");
    check_json(json::value(config.metadata), "collection metadata");
}

void check_document_id(std::string_view id)
{
    if (id.empty() || id.size() > longest_id)
        refuse("a document id has " + std::to_string(id.size()) + " bytes; allowed are 1 to " +
               std::to_string(longest_id));
    text::check(id, "document id");
}

void check_embedding(std::span<const float> embedding, std::size_t dimension)
{
    if (embedding.size() != dimension)
        refuse("the embedding has " + std::to_string(embedding.size()) + " dimensions; the collection has " +
               std::to_string(dimension));
    bool zero = true;
    for (std::size_t i = 0; i < embedding.size(); ++i) {
        if (!std::isfinite(embedding[i]))
            refuse("the embedding holds a NaN or infinity at position " + std::to_string(i));
        zero = zero && embedding[i] == 0.0F;
    }
    if (zero)
        refuse("the embedding is all zero, so it has no direction to compare");
}

void check_document(const VectorDocument& document, std::size_t dimension)
{
    check_document_id(document.id);
    const auto within_document = [&](const StorageError& error) {
        return error.prefixed("document '" + document.id + "': ");
    };
    try {
        text::check(document.content, "content");
        check_json(json::value(document.metadata), "metadata");
        check_embedding(document.embedding, dimension);
    } catch (const StorageError& error) {
        throw within_document(error);
    }
}

void check_candidate_query(const CandidateQuery& query)
{
    if (query.words.size() > most_words)
        refuse("the query has " + std::to_string(query.words.size()) + " words; allowed are up to " +
               std::to_string(most_words));
    for (const std::string& word : query.words)
        text::check(word, "a word of the query");
}

void check_embedding_model(std::string_view collection, std::string_view known, std::string_view wanted)
{
    if (known.empty() || wanted.empty() || known == wanted)
        return;
    throw StorageError(StorageErrc::version_mismatch,
                       "collection '" + std::string(collection) + "' holds vectors of the model '" +
                           std::string(known) + "', which cannot be compared with those of '" + std::string(wanted) +
                           "': use that model, or another collection");
}

void normalize(std::span<float> embedding) noexcept
{
    // In double: squares of the largest and smallest floats neither overflow nor vanish there.
    double squares = 0;
    for (const float component : embedding)
        squares += static_cast<double>(component) * static_cast<double>(component);
    const double length = std::sqrt(squares);
    for (float& component : embedding)
        component = static_cast<float>(static_cast<double>(component) / length);
}

awaitable<void> VectorDatabaseManager::create_collection(std::string collection_name, json::object metadata,
                                                         OperationContext context)
{
    CollectionConfig config = CollectionConfig::from_json(metadata);
    co_await create_collection(std::move(collection_name), std::move(config), std::move(context));
}

awaitable<void> VectorDatabaseManager::store_document(std::string collection, std::string doc_id, std::string content,
                                                      std::span<const float> embedding, json::object metadata,
                                                      OperationContext context)
{
    std::vector<VectorDocument> documents(1);
    documents[0].id = std::move(doc_id);
    documents[0].content = std::move(content);
    documents[0].embedding.assign(embedding.begin(), embedding.end());
    documents[0].metadata = std::move(metadata);
    co_await store_documents(std::move(collection), std::move(documents), std::move(context));
}

awaitable<std::vector<std::vector<SearchResult>>>
VectorDatabaseManager::search_batch(std::string collection, std::vector<SearchQuery> queries, OperationContext context)
{
    std::vector<std::vector<SearchResult>> answers;
    answers.reserve(queries.size());
    for (const SearchQuery& query : queries)
        answers.push_back(co_await search_similar(collection, query.embedding, query.limit, query.filters, context));
    co_return answers;
}

awaitable<SearchCandidates> VectorDatabaseManager::search_candidates(std::string collection, CandidateQuery query,
                                                                     OperationContext context)
{
    check_candidate_query(query);
    const std::vector<SearchResult> found =
        co_await search_similar(collection, query.embedding, query.dense_limit, query.filters, context);
    std::vector<std::string> ids;
    ids.reserve(found.size());
    for (const SearchResult& result : found)
        ids.push_back(result.id);
    SearchCandidates answer;
    std::vector<VectorDocument> documents = co_await get_documents(collection, std::move(ids), context);
    answer.documents = co_await count_documents(std::move(collection), Filter(), std::move(context));
    auto document = documents.begin();
    for (const SearchResult& result : found)
        if (document != documents.end() && document->id == result.id) // else it was deleted meanwhile
            answer.candidates.push_back(SearchCandidate{std::move(*document++), result.score});
    co_return answer;
}

awaitable<std::optional<VectorDocument>> VectorDatabaseManager::get_document(std::string collection, std::string doc_id,
                                                                             OperationContext context)
{
    std::vector<std::string> ids(1, std::move(doc_id));
    std::vector<VectorDocument> found =
        co_await get_documents(std::move(collection), std::move(ids), std::move(context));
    if (found.empty())
        co_return std::nullopt;
    co_return std::move(found.front());
}

awaitable<CollectionExport> VectorDatabaseManager::export_collection(std::string collection, OperationContext context)
{
    CollectionExport exported;
    exported.name = collection;
    exported.metadata = co_await get_collection(collection, context);
    std::optional<PageCursor> cursor;
    do {
        Page<VectorDocument> page = co_await scroll(collection, export_page, std::move(cursor), Filter(), context);
        std::ranges::move(page.items, std::back_inserter(exported.documents));
        cursor = std::move(page.next);
    } while (cursor);
    std::ranges::sort(exported.documents, {}, &VectorDocument::id);
    co_return exported;
}

} // namespace whisperstore
