#pragma once
// The most similar records of a collection.

#include "vector/chroma/answer.hpp"
#include "vector/chroma/api.hpp"
#include "vector/chroma/collections.hpp"
#include "vector/chroma/request.hpp"

#include <memory>
#include <string>
#include <vector>

namespace whisperstore::chroma {

/// One search, which asks for more and more records. For one call at a time.
///
/// Chroma searches a graph that loses records: of 2,000 with the same vector it found 66, and none of 20 that a
/// condition left of them (1.5.9). An answer with fewer records than asked for is therefore compared with what the
/// condition leaves, and where some are missing, all of it is compared here, vector by vector. A small collection is
/// asked for more than all it has, so that this holds for each search there.
class Search
{
public:
    /// \param embedding of unit length
    Search(std::shared_ptr<Api> api, std::shared_ptr<const Collection> collection, std::vector<float> embedding,
           Where where, OperationContext context);

    /// The `count` most similar of what the condition leaves, in no order; fewer: there are no more.
    static awaitable<std::vector<SearchResult>> best(std::shared_ptr<Search> self, std::size_t count);

private:
    /// How many records to ask for.
    awaitable<std::size_t> asked_for(std::size_t count);
    struct ByGraph
    {
        std::vector<Record> found; ///< without texts where there are many
        bool with_texts = false;
    };
    awaitable<ByGraph> by_graph(std::size_t asked);
    /// Whether an answer shorter than asked for holds everything.
    awaitable<bool> is_complete(const std::vector<Record>& found);
    awaitable<std::vector<SearchResult>> with_texts(std::vector<Record> found);
    awaitable<std::vector<SearchResult>> one_by_one(std::size_t count);

    std::shared_ptr<Api> api_;
    std::shared_ptr<const Collection> collection_;
    std::vector<float> embedding_;
    Where where_;
    OperationContext context_;
};

} // namespace whisperstore::chroma
