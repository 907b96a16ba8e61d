#include "vector/server/best_matches.hpp"

#include <algorithm>
#include <limits>

namespace whisperstore::vector_server {

namespace {

bool better(const SearchResult& a, const SearchResult& b) noexcept
{
    return a.score != b.score ? a.score > b.score : a.id < b.id;
}

/// How many to ask for next: what the share of matches so far lets expect, at least twice as many.
std::size_t next_count(std::size_t count, std::size_t limit, std::size_t matched)
{
    constexpr std::size_t most = std::numeric_limits<std::int32_t>::max(); // servers count in 32 or 64 bits
    const std::size_t wanted = matched == 0 ? count * 8 : count / std::max<std::size_t>(matched, 1) * limit * 5 / 4;
    return std::min(most, std::max(count * 2, wanted));
}

} // namespace

awaitable<std::vector<SearchResult>> best_matches(std::size_t limit, Filter verify, FetchBest fetch)
{
    if (limit == 0)
        co_return std::vector<SearchResult>();
    std::size_t count = limit + 1;
    while (true) {
        std::vector<SearchResult> found = co_await fetch(count);
        const bool all = found.size() < count;
        const double last_score = found.empty() ? 0.0 : found.back().score;
        if (!verify.matches_everything())
            std::erase_if(found, [&](const SearchResult& result) { return !verify.matches(result.metadata); });
        std::ranges::sort(found, better);
        // What was not fetched is no better than the last one that was.
        if (all || (found.size() >= limit && found[limit - 1].score > last_score)) {
            found.resize(std::min(limit, found.size()));
            for (SearchResult& result : found)
                result.score = std::clamp(result.score, -1.0, 1.0);
            co_return found;
        }
        count = next_count(count, limit, found.size());
    }
}

} // namespace whisperstore::vector_server
