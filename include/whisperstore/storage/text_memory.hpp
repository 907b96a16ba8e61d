#pragma once
/// \file
/// Texts in, texts out: storing and finding documents by what they say.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/core/time.hpp>
#include <whisperstore/vector/filter.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore {

class AbstractDatabaseAdapter;
class EmbeddingProvider;

/// A document to store; its vector is made from the text.
struct TextDocument
{
    std::string id;
    std::string text;
    json::object metadata = {};
};

/// What counts how much in a hybrid search (docs/text-search.md). The defaults are tuned on three conversations and
/// measured on four others.
struct HybridWeights
{
    double lexical = 0.4; ///< share of the words in a score, 0-1; the rest is the similarity of vectors

    /// \name Neighbouring messages
    ///@{
    double near_words = 0.5;   ///< a word in the message before or after, by one in the message itself
    double far_words = 0.3;    ///< the same, two messages away
    double near_meaning = 0.5; ///< how much of their vectors is added to the message's own
    double neighbour = 0.2;    ///< how much of the better neighbour's score is added to the message's own
    ///@}

    double name = 2; ///< a word that names the speaker (`username`), by one in the text
    double day = 1;  ///< a word that names the day (`timestamp`), by one in the text

    double saturation = 1.2; ///< BM25's k1: how soon more of the same word counts no more
    double length = 0.3;     ///< BM25's b: how much long texts are held back, 0-1

    /// \name Off by default
    ///@{
    double recency = 0; ///< added for a document of this moment, half of it after recency_half_life_days
    double recency_half_life_days = 30;
    double importance = 0; ///< multiplied by the number `importance` in the metadata, and added
    ///@}
};

/// How search_text() searches.
struct TextSearchOptions
{
    enum class Mode
    {
        hybrid, ///< by vectors and words
        dense   ///< by vectors only: search_similar() of the query's vector
    };
    Mode mode = Mode::hybrid;
    /// Whether messages are judged together with those before and after them. It only matters to documents of
    /// conversations: those whose id is the message_id of a row of `messages`, and whose metadata have `channel_id` and
    /// `timestamp`.
    bool neighbours = true;
    bool explain = false;       ///< whether results carry their ScoreParts
    std::size_t candidates = 0; ///< considered from each of the two searches; 0: three times the limit, at least 30
    HybridWeights weights = {};
    std::optional<Timestamp> now = std::nullopt; ///< what recency is measured from; nothing: the clock
};

/// What a score is made of: similarity + words + neighbour + recency + importance = score.
struct ScoreParts
{
    double cosine = 0;                      ///< of the document and the query by themselves, in [-1, 1]
    double similarity = 0;                  ///< part of the score: vectors, the neighbours' blended in
    double words = 0;                       ///< part of the score
    double neighbour = 0;                   ///< part of the score: what the better neighbour adds
    double recency = 0;                     ///< part of the score
    double importance = 0;                  ///< part of the score
    std::vector<std::string> matched_words; ///< of the query, found in the text, its neighbours', the name or the day
    json::object to_json() const;
};

/// A document that was found. Scores of one search can be compared with each other, not with those of another query;
/// with TextSearchOptions::Mode::dense a score is the cosine.
struct TextResult : SearchResult
{
    std::optional<ScoreParts> parts; ///< when asked for
};

/// Stores and finds texts in a vector database: it embeds them, remembers in each collection which model did, and
/// searches by meaning and by words, with neighbouring messages in mind. Thread safe; cheap to make.
class TextMemory
{
public:
    /// \param database where `messages` are, for neighbours; null: there are none. With the portable schema.
    TextMemory(std::shared_ptr<VectorDatabaseManager> vector_db, std::shared_ptr<EmbeddingProvider> embeddings,
               std::shared_ptr<AbstractDatabaseAdapter> database = nullptr);

    /// Inserts or replaces one document.
    /// \throws StorageError as store_texts().
    awaitable<void> store_text(std::string collection, std::string doc_id, std::string text,
                               json::object metadata = json::object(), OperationContext context = OperationContext());
    /// Inserts or replaces several, as store_documents() does; their texts are embedded together. The first one makes
    /// the collection ready for texts (VectorDatabaseManager::prepare_for_texts()).
    /// \throws StorageError of the provider and of the vector database; version_mismatch: the collection holds vectors
    /// of another model; invalid_argument: of another dimension than the provider's.
    awaitable<void> store_texts(std::string collection, std::vector<TextDocument> documents,
                                OperationContext context = OperationContext());
    /// The `limit` documents that answer a query best, best first, ties by id; only such that match the filter. Their
    /// neighbours need not match to be considered, but are returned only if they do. Where the backend has no index
    /// of words, or the collection has none and cannot get one because the store is read-only, candidates come from
    /// the vectors alone, and are ranked the same way.
    /// \throws StorageError as store_texts(); invalid_argument for an empty query or a weight that is no number.
    awaitable<std::vector<TextResult>> search_text(std::string collection, std::string query, std::size_t limit = 10,
                                                   Filter filters = Filter(),
                                                   TextSearchOptions options = TextSearchOptions(),
                                                   OperationContext context = OperationContext());

private:
    awaitable<CollectionConfig> checked_collection(const std::string& collection, OperationContext context) const;
    awaitable<std::vector<TextResult>> search_dense(std::string collection, std::vector<float> embedding,
                                                    std::size_t limit, Filter filters, bool explain,
                                                    OperationContext context) const;

    std::shared_ptr<VectorDatabaseManager> vector_db_;
    std::shared_ptr<EmbeddingProvider> embeddings_;
    std::shared_ptr<AbstractDatabaseAdapter> database_;
};

} // namespace whisperstore
