#pragma once
// The one ranking of all backends: a pure function of what they found.

#include <whisperstore/storage/text_memory.hpp>

namespace whisperstore {

/// A question, prepared.
struct RankingQuery
{
    std::vector<float> embedding; ///< unit length
    std::vector<std::string> words;
    /// How many documents contain each word; empty: counted among the documents that are ranked.
    std::vector<std::uint64_t> word_documents;
    std::uint64_t documents = 0; ///< that these were counted in
};

inline constexpr std::size_t no_neighbour = SIZE_MAX;

/// A document that was found, or a neighbour of one.
struct RankingDocument
{
    VectorDocument document;
    bool admitted = true;                ///< whether it may be an answer; else it only adds to its neighbours
    std::size_t previous = no_neighbour; ///< place in the list of the message before
    std::size_t next = no_neighbour;
};

struct RankedDocument
{
    std::size_t place = 0; ///< in the list
    double score = 0;
    ScoreParts parts;
};

/// The best `limit` of the admitted documents, best first, ties by id.
std::vector<RankedDocument> rank_hybrid(const RankingQuery& query, const std::vector<RankingDocument>& documents,
                                        const HybridWeights& weights, Timestamp now, std::size_t limit);

} // namespace whisperstore
