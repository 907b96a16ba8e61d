#include "core/failure.hpp"
#include "core/text.hpp"
#include "storage/hybrid_ranking.hpp"
#include "storage/message_neighbours.hpp"
#include "storage/text_query.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace whisperstore {

namespace {

constexpr std::string_view backend = "storage";
constexpr std::size_t fewest_candidates = 30;
constexpr std::size_t candidates_per_result = 3;

[[noreturn]] void refuse(const std::string& message) { throw StorageError(StorageErrc::invalid_argument, message); }

void check_weights(const HybridWeights& weights)
{
    const std::array<std::pair<std::string_view, double>, 11> numbers{{{"near_words", weights.near_words},
                                                                       {"far_words", weights.far_words},
                                                                       {"near_meaning", weights.near_meaning},
                                                                       {"neighbour", weights.neighbour},
                                                                       {"name", weights.name},
                                                                       {"day", weights.day},
                                                                       {"saturation", weights.saturation},
                                                                       {"recency", weights.recency},
                                                                       {"importance", weights.importance},
                                                                       {"lexical", weights.lexical},
                                                                       {"length", weights.length}}};
    for (const auto& [name, value] : numbers) {
        const bool share = name == "lexical" || name == "length";
        if (!std::isfinite(value) || value < 0 || (share && value > 1))
            refuse("the weight '" + std::string(name) + "' is " + std::to_string(value) + "; allowed are numbers " +
                   (share ? "from 0 to 1" : "from 0 on"));
    }
    if (!(weights.recency_half_life_days > 0) || !std::isfinite(weights.recency_half_life_days))
        refuse("recency_half_life_days is " + std::to_string(weights.recency_half_life_days) +
               "; allowed are numbers above 0");
}

} // namespace

json::object ScoreParts::to_json() const
{
    json::object out;
    out["cosine"] = cosine;
    out["similarity"] = similarity;
    out["words"] = words;
    out["neighbour"] = neighbour;
    out["recency"] = recency;
    out["importance"] = importance;
    json::array list;
    for (const std::string& word : matched_words)
        list.emplace_back(word);
    out["matched_words"] = std::move(list);
    return out;
}

TextMemory::TextMemory(std::shared_ptr<VectorDatabaseManager> vector_db, std::shared_ptr<EmbeddingProvider> embeddings,
                       std::shared_ptr<AbstractDatabaseAdapter> database)
    : vector_db_(std::move(vector_db)), embeddings_(std::move(embeddings)), database_(std::move(database))
{
    if (!vector_db_ || !embeddings_)
        refuse("a memory of texts needs a vector database and an embedding provider");
}

awaitable<CollectionConfig> TextMemory::checked_collection(const std::string& collection,
                                                           OperationContext context) const
{
    CollectionConfig config = co_await vector_db_->get_collection(collection, std::move(context));
    check_embedding_model(collection, config.embedding_model, embeddings_->model_name());
    if (config.embedding_dimension != embeddings_->dimension())
        refuse("collection '" + collection + "' has vectors of " + std::to_string(config.embedding_dimension) +
               " dimensions, and the model '" + std::string(embeddings_->model_name()) + "' makes such of " +
               std::to_string(embeddings_->dimension()) + ": use another collection, or another model");
    co_return config;
}

awaitable<void> TextMemory::store_text(std::string collection, std::string doc_id, std::string text,
                                       json::object metadata, OperationContext context)
{
    std::vector<TextDocument> documents(1);
    documents[0].id = std::move(doc_id);
    documents[0].text = std::move(text);
    documents[0].metadata = std::move(metadata);
    co_await store_texts(std::move(collection), std::move(documents), std::move(context));
}

awaitable<void> TextMemory::store_texts(std::string collection, std::vector<TextDocument> documents,
                                        OperationContext context)
{
    try {
        const CollectionConfig config = co_await checked_collection(collection, context);
        std::vector<std::string> texts;
        std::vector<VectorDocument> stored;
        for (TextDocument& one : documents) {
            check_document_id(one.id); // before any work is done for it
            texts.push_back(one.text);
            stored.push_back(VectorDocument{std::move(one.id), std::move(one.text), {}, std::move(one.metadata)});
        }
        if (stored.empty())
            co_return;
        std::vector<std::vector<float>> vectors = co_await embeddings_->embed(std::move(texts), context);
        for (std::size_t i = 0; i < stored.size(); ++i)
            stored[i].embedding = std::move(vectors[i]);
        if (config.embedding_model.empty() || (!config.lexical && vector_db_->capabilities().lexical)) {
            std::string model(embeddings_->model_name());
            co_await vector_db_->prepare_for_texts(collection, std::move(model), context);
        }
        co_await vector_db_->store_documents(std::move(collection), std::move(stored), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "store_texts");
    }
}

awaitable<std::vector<TextResult>> TextMemory::search_dense(std::string collection, std::vector<float> embedding,
                                                            std::size_t limit, Filter filters, bool explain,
                                                            OperationContext context) const
{
    std::vector<SearchResult> found = co_await vector_db_->search_similar(std::move(collection), embedding, limit,
                                                                          std::move(filters), std::move(context));
    std::vector<TextResult> results;
    for (SearchResult& one : found) {
        TextResult& result = results.emplace_back();
        static_cast<SearchResult&>(result) = std::move(one);
        if (explain) {
            result.parts.emplace();
            result.parts->cosine = result.score;
            result.parts->similarity = result.score;
        }
    }
    co_return results;
}

awaitable<std::vector<TextResult>> TextMemory::search_text(std::string collection, std::string query, std::size_t limit,
                                                           Filter filters, TextSearchOptions options,
                                                           OperationContext context)
{
    try {
        check_weights(options.weights);
        text::check(query, "the query");
        if (query.empty())
            refuse("the query is empty: say what to look for");
        const CollectionConfig config = co_await checked_collection(collection, context);
        if (limit == 0)
            co_return std::vector<TextResult>();
        RankingQuery ranking;
        ranking.embedding = co_await embeddings_->embed_one(query, context);
        if (options.mode == TextSearchOptions::Mode::dense)
            co_return co_await search_dense(std::move(collection), std::move(ranking.embedding), limit,
                                            std::move(filters), options.explain, std::move(context));
        if (!config.lexical && vector_db_->capabilities().lexical) {
            try {
                co_await vector_db_->prepare_for_texts(collection, std::string(), context);
            } catch (const StorageError& error) {
                if (error.errc() != StorageErrc::permission) // read-only: without an index then
                    throw;
            }
        }
        CandidateQuery wanted;
        wanted.embedding = ranking.embedding;
        wanted.words = query_words(query);
        ranking.words = wanted.words;
        const std::size_t usual = std::max(fewest_candidates, candidates_per_result * std::min(limit, SIZE_MAX / 4));
        wanted.dense_limit = std::max(options.candidates == 0 ? usual : options.candidates, limit);
        wanted.lexical_limit = wanted.dense_limit;
        wanted.filters = filters;
        SearchCandidates found = co_await vector_db_->search_candidates(collection, std::move(wanted), context);
        ranking.word_documents = std::move(found.word_documents);
        ranking.documents = found.documents;
        std::vector<RankingDocument> documents;
        for (SearchCandidate& candidate : found.candidates)
            documents.emplace_back().document = std::move(candidate.document);
        if (options.neighbours && database_)
            co_await add_neighbours(documents, *database_, *vector_db_, std::move(collection), std::move(filters),
                                    std::move(context));
        std::vector<TextResult> results;
        for (RankedDocument& one :
             rank_hybrid(ranking, documents, options.weights, options.now.value_or(now()), limit)) {
            VectorDocument& document = documents[one.place].document;
            TextResult& result = results.emplace_back();
            result.id = std::move(document.id);
            result.content = std::move(document.content);
            result.metadata = std::move(document.metadata);
            result.score = one.score;
            if (options.explain)
                result.parts = std::move(one.parts);
        }
        co_return results;
    } catch (...) {
        rethrow_as_storage_error(backend, "search_text");
    }
}

} // namespace whisperstore
