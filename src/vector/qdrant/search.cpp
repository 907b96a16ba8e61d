// Searches by vector and by words.

#include "protocol/http/float_text.hpp"
#include "vector/qdrant/condition.hpp"
#include "vector/qdrant/layout.hpp"
#include "vector/qdrant/store.hpp"
#include "vector/server/best_matches.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace whisperstore::qdrant {

namespace {

constexpr std::string_view whole_documents = ",\"with_payload\":true";

/// One search but for its limit: `{"query":…,"filter":…,"params":…`.
std::string search_head(const Store& store, std::span<const float> unit_vector, const Condition& condition)
{
    std::string head = "{\"query\":";
    http::append_float_array(head, unit_vector);
    if (!condition.filter.empty())
        head.append(",\"filter\":").append(json::serialize(condition.filter));
    if (store.config.exact_search)
        head += ",\"params\":{\"exact\":true}";
    else if (store.config.search_ef != 0)
        head.append(",\"params\":{\"hnsw_ef\":").append(std::to_string(store.config.search_ef)).append("}");
    return head;
}

std::string word_head(const std::vector<std::uint32_t>& terms, const Condition& condition)
{
    SparseVector query;
    query.indices = terms;
    query.values.assign(terms.size(), 1.0F);
    std::string head = "{\"query\":";
    append_sparse(head, query);
    head.append(",\"using\":\"").append(words_vector).append("\"");
    if (!condition.filter.empty())
        head.append(",\"filter\":").append(json::serialize(condition.filter));
    return head;
}

std::string with_limit(const std::string& head, std::size_t limit, std::string_view rest = whole_documents)
{
    return std::string(head).append(",\"limit\":").append(std::to_string(limit)).append(rest).append("}");
}

std::vector<SearchResult> results_of(std::vector<Point> points)
{
    std::vector<SearchResult> results;
    results.reserve(points.size());
    for (Point& point : points)
        results.push_back(SearchResult{std::move(point.document.id), std::move(point.document.content),
                                       std::move(point.document.metadata), point.score});
    return results;
}

awaitable<std::vector<Point>> query(Store& store, const std::string& collection, std::string body,
                                    OperationContext context)
{
    Call call{"POST", store.server.read_target(collection, "/points/query"), std::move(body)};
    const std::string answer = co_await store.server.send(std::move(call), std::move(context));
    co_return parse_query(answer);
}

awaitable<std::vector<std::vector<Point>>> query_batch(Store& store, const std::string& collection,
                                                       const std::vector<std::string>& searches,
                                                       OperationContext context)
{
    std::string body = "{\"searches\":[";
    for (const std::string& search : searches)
        body.append(&search == &searches.front() ? "" : ",").append(search);
    body += "]}";
    Call call{"POST", store.server.read_target(collection, "/points/query/batch"), std::move(body)};
    const std::string answer = co_await store.server.send(std::move(call), std::move(context));
    std::vector<std::vector<Point>> found = parse_query_batch(answer);
    if (found.size() != searches.size())
        throw StorageError(StorageErrc::syntax, "Qdrant answered " + std::to_string(found.size()) + " of " +
                                                    std::to_string(searches.size()) + " searches");
    co_return found;
}

/// The documents of a search with what is left of a filter to check; `first` is the answer for `limit` + 1, if it was
/// asked for already.
awaitable<std::vector<SearchResult>> settle(Store& store, std::string collection, std::string head, std::size_t limit,
                                            Filter verify, std::optional<std::vector<SearchResult>> first,
                                            OperationContext context)
{
    vector_server::FetchBest fetch = [&](std::size_t count) -> awaitable<std::vector<SearchResult>> {
        if (first) {
            std::vector<SearchResult> answer = std::move(*first);
            first.reset();
            co_return answer;
        }
        std::string body = with_limit(head, count);
        co_return results_of(co_await query(store, collection, std::move(body), context));
    };
    co_return co_await vector_server::best_matches(limit, std::move(verify), std::move(fetch));
}

double similarity(const std::vector<float>& a, const std::vector<float>& b) noexcept
{
    double product = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return std::clamp(product, -1.0, 1.0);
}

/// How many of the documents contain a term, by the weight that the server gave to it:
/// idf = ln(1 + (N - n + 0.5) / (n + 0.5)), so n = (N + 1) / e^idf - 0.5. The server counts by shard, and counts
/// deleted documents until it tidies up.
std::uint64_t documents_by_weight(double idf, std::uint64_t documents)
{
    const double n = std::round((static_cast<double>(documents) + 1) / std::exp(idf) - 0.5);
    return static_cast<std::uint64_t>(std::clamp(n, 1.0, static_cast<double>(std::max<std::uint64_t>(documents, 1))));
}

/// What candidates() asks the words for.
struct WordQuery
{
    std::vector<std::uint32_t> terms;           ///< of all words, each once
    std::vector<std::vector<std::uint32_t>> of; ///< each word
};

WordQuery word_query(Store& store, const std::vector<std::string>& words)
{
    WordQuery query;
    for (const std::string& word : words) {
        query.of.push_back(store.words.of_word(word));
        query.terms.insert(query.terms.end(), query.of.back().begin(), query.of.back().end());
    }
    std::ranges::sort(query.terms);
    query.terms.erase(std::ranges::unique(query.terms).begin(), query.terms.end());
    return query;
}

} // namespace

awaitable<std::vector<SearchResult>> search(Store& store, std::string collection, std::vector<float> unit_vector,
                                            std::size_t limit, Filter filters, OperationContext context)
{
    const Condition condition = translate(filters);
    std::string head = search_head(store, unit_vector, condition);
    Filter verify = condition.exact ? Filter() : std::move(filters);
    co_return co_await settle(store, std::move(collection), std::move(head), limit, std::move(verify), std::nullopt,
                              std::move(context));
}

awaitable<std::vector<std::vector<SearchResult>>> search_all(Store& store, std::string collection,
                                                             std::vector<SearchQuery> queries, OperationContext context)
{
    std::vector<std::vector<SearchResult>> answers(queries.size());
    std::vector<std::string> heads(queries.size());
    std::vector<bool> exact(queries.size());
    std::vector<std::size_t> asked;
    std::vector<std::string> searches;
    for (std::size_t i = 0; i < queries.size(); ++i) {
        if (queries[i].limit == 0) // which the server refuses
            continue;
        const Condition condition = translate(queries[i].filters);
        heads[i] = search_head(store, queries[i].embedding, condition);
        exact[i] = condition.exact;
        asked.push_back(i);
        searches.push_back(with_limit(heads[i], queries[i].limit + 1));
    }
    if (asked.empty())
        co_return answers;
    std::vector<std::vector<Point>> found = co_await query_batch(store, collection, searches, context);
    for (std::size_t k = 0; k < asked.size(); ++k) {
        const std::size_t i = asked[k];
        Filter verify = exact[i] ? Filter() : std::move(queries[i].filters);
        std::optional<std::vector<SearchResult>> first = results_of(std::move(found[k]));
        answers[i] = co_await settle(store, collection, std::move(heads[i]), queries[i].limit, std::move(verify),
                                     std::move(first), context);
    }
    co_return answers;
}

awaitable<SearchCandidates> candidates(Store& store, std::string collection, bool lexical, CandidateQuery query_for,
                                       OperationContext context)
{
    const Condition condition = translate(query_for.filters);
    const Filter verify = condition.exact ? Filter() : query_for.filters;
    const std::string dense_head = search_head(store, query_for.embedding, condition);
    WordQuery words;
    if (lexical)
        words = word_query(store, query_for.words);
    const bool by_words = !words.terms.empty() && query_for.lexical_limit > 0;
    const std::string word_search = by_words ? word_head(words.terms, condition) : std::string();

    // Both searches and how rare each term is, in one request. One document that has the term tells: its score is its
    // own weight times the rarity.
    constexpr std::string_view with_vectors = ",\"with_payload\":true,\"with_vector\":true";
    std::vector<std::string> searches;
    const bool dense = query_for.dense_limit > 0;
    if (dense)
        searches.push_back(with_limit(dense_head, query_for.dense_limit + 1));
    if (by_words)
        searches.push_back(with_limit(word_search, query_for.lexical_limit + 1));
    if (lexical)
        for (const std::uint32_t term : words.terms)
            searches.push_back(with_limit(word_head({term}, Condition()), 1, with_vectors));
    std::vector<std::vector<Point>> found;
    if (!searches.empty())
        found = co_await query_batch(store, collection, searches, context);

    SearchCandidates answer;
    answer.lexical = lexical;
    answer.documents = co_await count(store, collection, Filter(), context);
    std::vector<std::string> ids;
    const auto take = [&](const std::vector<SearchResult>& results) {
        for (const SearchResult& result : results)
            if (std::ranges::find(ids, result.id) == ids.end())
                ids.push_back(result.id);
    };
    std::size_t at = 0;
    if (dense) {
        std::optional<std::vector<SearchResult>> first = results_of(std::move(found[at++]));
        take(co_await settle(store, collection, dense_head, query_for.dense_limit, verify, std::move(first), context));
    }
    if (by_words) {
        std::optional<std::vector<SearchResult>> first = results_of(std::move(found[at++]));
        take(co_await settle(store, collection, word_search, query_for.lexical_limit, verify, std::move(first),
                             context));
    }
    if (lexical) {
        std::unordered_map<std::uint32_t, std::uint64_t> term_documents;
        for (const std::uint32_t term : words.terms) {
            const std::vector<Point>& best = found[at++];
            if (best.empty())
                continue;
            const SparseVector& own = best.front().words;
            const auto place = std::ranges::find(own.indices, term);
            if (place == own.indices.end()) // changed meanwhile
                continue;
            const float weight = own.values[static_cast<std::size_t>(place - own.indices.begin())];
            term_documents[term] =
                documents_by_weight(best.front().score / static_cast<double>(weight), answer.documents);
        }
        for (const std::vector<std::uint32_t>& terms : words.of) {
            std::uint64_t most = 0;
            for (const std::uint32_t term : terms)
                most = std::max(most, term_documents[term]);
            answer.word_documents.push_back(most);
        }
    }
    for (VectorDocument& document : co_await retrieve(store, collection, std::move(ids), true, context)) {
        const double score = similarity(document.embedding, query_for.embedding);
        answer.candidates.push_back(SearchCandidate{std::move(document), score});
    }
    std::ranges::sort(answer.candidates, [](const SearchCandidate& a, const SearchCandidate& b) {
        return a.similarity != b.similarity ? a.similarity > b.similarity : a.document.id < b.document.id;
    });
    co_return answer;
}

} // namespace whisperstore::qdrant
