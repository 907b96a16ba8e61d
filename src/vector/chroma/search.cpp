#include "vector/chroma/search.hpp"

#include "vector/chroma/listing.hpp"
#include "vector/chroma/records.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <unordered_set>
#include <utility>

namespace whisperstore::chroma {

namespace {

constexpr std::size_t most_with_texts = 500;
constexpr std::size_t compared_at_once = 256;

SearchResult result_of(Record record, double score)
{
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

Search::Search(std::shared_ptr<Api> api, std::string collection, std::vector<float> embedding, Where where,
               OperationContext context)
    : api_(std::move(api)), collection_(std::move(collection)), embedding_(std::move(embedding)),
      where_(std::move(where)), context_(std::move(context))
{
}

awaitable<std::vector<SearchResult>> Search::best(std::shared_ptr<Search> self, std::size_t count)
{
    if (self->where_.kind == Where::Kind::nothing)
        co_return std::vector<SearchResult>();
    // The server makes room for as many as it is asked for.
    std::size_t asked = count;
    if (asked > most_with_texts) {
        const std::uint64_t total = co_await self->api_->count(self->collection_, self->context_);
        asked = static_cast<std::size_t>(std::min<std::uint64_t>(asked, total + 1));
    }
    std::vector<SearchResult> found = co_await self->by_graph(asked);
    if (found.size() >= asked)
        co_return found;
    const bool complete = co_await self->is_complete(found);
    if (!complete)
        found = co_await self->one_by_one(count);
    co_return found;
}

awaitable<std::vector<SearchResult>> Search::by_graph(std::size_t count)
{
    const bool with_texts = count <= most_with_texts;
    std::string body = query(embedding_, count, where_, with_texts ? texts : only_ids);
    const std::string answer = co_await api_->read(collection_, "query", std::move(body), context_);
    std::vector<Record> records = parse_query(answer);
    if (!with_texts) {
        std::vector<std::string> ids;
        std::map<std::string, double, std::less<>> distances;
        for (Record& record : records) {
            distances.emplace(record.id, record.distance);
            ids.push_back(std::move(record.id));
        }
        records = co_await records_of(api_, collection_, std::move(ids), texts, context_);
        for (Record& record : records)
            record.distance = distances.at(record.id);
    }
    std::vector<SearchResult> results;
    results.reserve(records.size());
    for (Record& record : records) {
        const double score = 1 - record.distance;
        results.push_back(result_of(std::move(record), score));
    }
    co_return results;
}

awaitable<bool> Search::is_complete(const std::vector<SearchResult>& found)
{
    if (where_.kind == Where::Kind::everything) {
        const std::uint64_t total = co_await api_->count(collection_, context_);
        co_return found.size() >= total;
    }
    std::unordered_set<std::string_view> ids;
    for (const SearchResult& result : found)
        ids.insert(result.id);
    Listing listing(api_, collection_, where_, only_ids);
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
    Listing listing(api_, collection_, where_, only_ids);
    while (true) {
        const std::vector<Record> listed = co_await listing.next(compared_at_once, context_);
        if (listed.empty())
            break;
        std::vector<std::string> ids;
        for (const Record& record : listed)
            ids.push_back(record.id);
        std::vector<Record> records = co_await records_of(api_, collection_, std::move(ids), whole, context_);
        for (Record& record : records) {
            const VectorDocument document = document_of(std::move(record));
            results.push_back(SearchResult{document.id, document.content, document.metadata,
                                           dot(embedding_, document.embedding)});
        }
        if (results.size() / 2 > count)
            keep_best(results, count);
    }
    keep_best(results, count);
    co_return results;
}

} // namespace whisperstore::chroma
