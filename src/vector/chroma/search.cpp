#include "vector/chroma/search.hpp"

#include "vector/chroma/listing.hpp"
#include "vector/chroma/records.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace whisperstore::chroma {

namespace {

constexpr std::size_t most_with_texts = 500;
constexpr std::size_t compared_at_once = 256;
constexpr std::size_t small_collection = 400;
constexpr int most_attempts = 5;

SearchResult result_of(Record record)
{
    const double score = 1 - record.distance;
    return SearchResult{std::move(record.id), std::move(record.content), std::move(record.metadata), score};
}

double dot(std::span<const float> a, std::span<const float> b) noexcept
{
    double sum = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}

bool better(const SearchResult& a, const SearchResult& b) noexcept
{
    return a.score != b.score ? a.score > b.score : a.id < b.id;
}

void keep_best(std::vector<SearchResult>& results, std::size_t count)
{
    if (results.size() <= count)
        return;
    std::ranges::nth_element(results, results.begin() + static_cast<std::ptrdiff_t>(count), better);
    results.resize(count);
}

} // namespace

Search::Search(std::shared_ptr<Api> api, std::shared_ptr<const Collection> collection, std::vector<float> embedding,
               Where where, OperationContext context)
    : api_(std::move(api)),
      collection_(std::move(collection)),
      embedding_(std::move(embedding)),
      where_(std::move(where)),
      context_(std::move(context))
{
}

awaitable<std::vector<SearchResult>> Search::best(std::shared_ptr<Search> self, std::size_t count)
{
    if (self->where_.kind == Where::Kind::nothing)
        co_return std::vector<SearchResult>();
    for (int attempt = 1;; ++attempt) {
        const std::size_t asked = co_await self->asked_for(count);
        ByGraph graph = co_await self->by_graph(asked);
        if (graph.found.size() < asked) {
            const bool complete = co_await self->is_complete(graph.found);
            if (!complete)
                co_return co_await self->one_by_one(count);
        }
        if (graph.found.size() > count)
            graph.found.resize(count);
        const std::size_t found = graph.found.size();
        std::vector<SearchResult> results;
        if (!graph.with_texts || std::ranges::any_of(graph.found, &Record::bare))
            results = co_await self->with_texts(std::move(graph.found));
        else
            for (Record& record : graph.found)
                results.push_back(result_of(std::move(record)));
        // Some were deleted meanwhile: others take their places.
        if (results.size() == found || attempt == most_attempts)
            co_return results;
    }
}

awaitable<std::size_t> Search::asked_for(std::size_t count)
{
    std::optional<std::uint64_t> total;
    if (count <= most_with_texts)
        total = collection_->size->value();
    if (!total) {
        total = co_await api_->count(collection_->id, context_);
        if (*total > small_collection)
            collection_->size->set(*total);
    }
    if (*total <= small_collection)
        co_return small_collection + 1;
    // The server makes room for as many as it is asked for.
    co_return count <= most_with_texts ? count : static_cast<std::size_t>(std::min<std::uint64_t>(count, *total + 1));
}

awaitable<Search::ByGraph> Search::by_graph(std::size_t asked)
{
    ByGraph graph;
    graph.with_texts = asked <= most_with_texts && asked != small_collection + 1;
    std::string body = query(embedding_, asked, where_, graph.with_texts ? texts : only_ids);
    const std::string answer = co_await api_->read(collection_->id, "query", std::move(body), context_);
    graph.found = parse_query(answer);
    co_return graph;
}

/// Some may be gone by now.
awaitable<std::vector<SearchResult>> Search::with_texts(std::vector<Record> found)
{
    std::vector<std::string> ids;
    std::unordered_map<std::string, double> distances;
    for (Record& record : found) {
        distances.emplace(record.id, record.distance);
        ids.push_back(std::move(record.id));
    }
    std::vector<Record> records = co_await records_of(api_, collection_->id, std::move(ids), texts, context_);
    std::vector<SearchResult> results;
    results.reserve(records.size());
    for (Record& record : records) {
        record.distance = distances.at(record.id);
        results.push_back(result_of(std::move(record)));
    }
    co_return results;
}

awaitable<bool> Search::is_complete(const std::vector<Record>& found)
{
    if (where_.kind == Where::Kind::everything) {
        const std::uint64_t total = co_await api_->count(collection_->id, context_);
        co_return found.size() >= total;
    }
    std::unordered_set<std::string_view> ids;
    for (const Record& record : found)
        ids.insert(record.id);
    Listing listing(api_, collection_->id, where_, only_ids);
    while (true) {
        const std::vector<Record> records = co_await listing.next(compared_at_once, context_);
        if (records.empty())
            co_return true;
        for (const Record& record : records)
            if (!ids.contains(record.id))
                co_return false;
    }
}

awaitable<std::vector<SearchResult>> Search::one_by_one(std::size_t count)
{
    std::vector<SearchResult> results;
    Listing listing(api_, collection_->id, where_, only_ids);
    while (true) {
        const std::vector<Record> listed = co_await listing.next(compared_at_once, context_);
        if (listed.empty())
            break;
        std::vector<std::string> ids;
        for (const Record& record : listed)
            ids.push_back(record.id);
        std::vector<Record> records = co_await records_of(api_, collection_->id, std::move(ids), whole, context_);
        for (Record& record : records) {
            const VectorDocument document = document_of(std::move(record));
            results.push_back(
                SearchResult{document.id, document.content, document.metadata, dot(embedding_, document.embedding)});
        }
        if (results.size() / 2 > count)
            keep_best(results, count);
    }
    keep_best(results, count);
    co_return results;
}

} // namespace whisperstore::chroma
