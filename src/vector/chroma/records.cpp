#include "vector/chroma/records.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace whisperstore::chroma {

namespace {

constexpr std::size_t records_at_once = 256;

} // namespace

awaitable<std::vector<Record>> records_of(std::shared_ptr<Api> api, std::string collection,
                                          std::vector<std::string> ids, Include include, OperationContext context)
{
    std::vector<Record> all;
    std::size_t count = records_at_once;
    for (std::size_t begin = 0; begin < ids.size();) {
        const std::span<const std::string> piece = std::span(ids).subspan(begin, std::min(count, ids.size() - begin));
        std::optional<std::string> answer;
        try {
            answer = co_await api->read(collection, "get", get_by_ids(piece, include), context);
        } catch (const StorageError& error) {
            // Long contents: fewer at once.
            if (error.errc() != StorageErrc::resource_exhausted || error.retryable() || piece.size() == 1)
                throw;
        }
        if (!answer) {
            count = piece.size() / 2;
            continue;
        }
        std::vector<Record> records = parse_get(*answer);
        std::ranges::move(records, std::back_inserter(all));
        begin += piece.size();
    }
    co_return all;
}

} // namespace whisperstore::chroma
