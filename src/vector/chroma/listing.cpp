#include "vector/chroma/listing.hpp"

#include "vector/chroma/layout.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace whisperstore::chroma {

namespace {

constexpr std::size_t most_ids = 4096;
constexpr std::size_t most_with_more = 1024;

struct InBucket
{
    unsigned bucket;
    Record record;
};

bool before(const InBucket& a, const InBucket& b) noexcept
{
    return a.bucket != b.bucket ? a.bucket < b.bucket : a.record.id < b.record.id;
}

bool by_id(const Record& a, const Record& b) noexcept { return a.id < b.id; }

std::optional<unsigned> number_before(std::string_view& text, char end)
{
    unsigned number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || rest == text.data() + text.size() || *rest != end)
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()) + 1);
    return number;
}

} // namespace

std::string ListingPlace::text() const
{
    std::string out(1, static_cast<char>(way));
    out.append(std::to_string(span)).append(".").append(std::to_string(bucket)).append(".");
    return out.append(id);
}

ListingPlace ListingPlace::parse(std::string_view text)
{
    const auto wrong = [] {
        return StorageError(StorageErrc::invalid_argument, "the cursor is not one that scroll() gave");
    };
    if (text.empty() || (text.front() != 'w' && text.front() != 'b' && text.front() != 'f'))
        throw wrong();
    ListingPlace place;
    place.way = static_cast<Way>(text.front());
    text.remove_prefix(1);
    const auto span = number_before(text, '.');
    const auto bucket = number_before(text, '.');
    if (!span || *span == 0 || *span > bucket_count || !bucket || *bucket > bucket_count)
        throw wrong();
    place.span = *span;
    place.bucket = *bucket;
    place.id = text;
    return place;
}

Listing::Listing(std::shared_ptr<Api> api, std::string collection, Where where, Include include,
                 std::optional<ListingPlace> place)
    : api_(std::move(api)),
      collection_(std::move(collection)),
      where_(std::move(where)),
      include_(include),
      begun_(place.has_value()),
      place_(std::move(place).value_or(ListingPlace()))
{
    ended_ = where_.kind == Where::Kind::nothing;
}

ListingPlace Listing::place_after(const std::string& id) const
{
    ListingPlace place = place_;
    // What waits is of the way that was gone last.
    place.bucket = bucket_of(id);
    place.id = id;
    return place;
}

awaitable<std::vector<Record>> Listing::next(std::size_t most, OperationContext context)
{
    while (waiting_.empty() && !ended_)
        co_await fill(most, context);
    std::vector<Record> out;
    const auto count = static_cast<std::ptrdiff_t>(std::min(most, waiting_.size()));
    std::move(waiting_.begin(), waiting_.begin() + count, std::back_inserter(out));
    waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    co_return out;
}

awaitable<void> Listing::fill(std::size_t most, OperationContext context)
{
    switch (place_.way) {
    case ListingPlace::Way::complete:
        co_await fill_completely(most, std::move(context));
        break;
    case ListingPlace::Way::buckets:
        co_await fill_buckets(most, std::move(context));
        break;
    case ListingPlace::Way::foreign:
        co_await fill_foreign(most, std::move(context));
        break;
    }
}

awaitable<std::vector<Record>> Listing::get(Where where, std::optional<std::uint64_t> limit, std::uint64_t offset,
                                            OperationContext context)
{
    std::string body = get_where(where, include_, limit, offset);
    const std::string answer = co_await api_->read(collection_, "get", std::move(body), std::move(context));
    co_return parse_get(answer);
}

/// Puts what lies behind the place in line.
void Listing::take(std::vector<Record> records)
{
    if (place_.way == ListingPlace::Way::foreign) {
        std::erase_if(records, [&](const Record& record) { return record.id <= place_.id; });
        std::ranges::sort(records, by_id);
        std::ranges::move(records, std::back_inserter(waiting_));
        return;
    }
    std::vector<InBucket> sorted;
    sorted.reserve(records.size());
    for (Record& record : records) {
        const unsigned bucket = bucket_of(record.id);
        if (bucket > place_.bucket || (bucket == place_.bucket && record.id > place_.id))
            sorted.push_back(InBucket{bucket, std::move(record)});
    }
    std::ranges::sort(sorted, before);
    for (InBucket& one : sorted)
        waiting_.push_back(std::move(one.record));
}

/// All in one answer. Only the first one of a walk finds out that they are too many: a walk keeps its way, or what
/// others wrote would come twice or never.
awaitable<void> Listing::fill_completely(std::size_t most, OperationContext context)
{
    const bool ids_only = !include_.documents && !include_.metadatas && !include_.embeddings;
    const std::size_t limit = std::max(most, ids_only ? most_ids : most_with_more) + 1;
    std::optional<std::uint64_t> limited;
    if (!begun_)
        limited = limit;
    std::vector<Record> all = co_await get(where_, limited, 0, context);
    if (!begun_ && all.size() >= limit) {
        const std::uint64_t count = co_await api_->count(collection_, std::move(context));
        place_.way = ListingPlace::Way::buckets;
        place_.span = static_cast<unsigned>(
            std::clamp<std::uint64_t>(most * std::uint64_t(bucket_count) / std::max<std::uint64_t>(count, 1), 1, 1024));
        begun_ = true;
        co_return;
    }
    begun_ = true;
    ended_ = true;
    take(std::move(all));
}

awaitable<void> Listing::fill_buckets(std::size_t most, OperationContext context)
{
    if (place_.bucket >= bucket_count) {
        place_ = ListingPlace{ListingPlace::Way::foreign, place_.span, 0, {}};
        co_return;
    }
    const unsigned end = std::min(bucket_count, place_.bucket + place_.span);
    const std::size_t limit = std::max<std::size_t>(most * 2, 1024);
    std::optional<std::uint64_t> limited;
    if (end > place_.bucket + 1)
        limited = limit;
    Where condition = both(where_, in_buckets(place_.bucket, end));
    std::vector<Record> found = co_await get(std::move(condition), limited, 0, std::move(context));
    if (limited && found.size() >= limit) {
        place_.span = std::max(1U, place_.span / 4);
        co_return;
    }
    if (found.size() < most / 2)
        place_.span = std::min(1024U, place_.span * 2);
    take(std::move(found));
    place_.bucket = end;
    place_.id.clear();
}

/// They have no order that Chroma knows: all their ids are looked at for each page.
awaitable<void> Listing::fill_foreign(std::size_t most, OperationContext context)
{
    std::vector<Record> best;
    const Where condition = both(where_, foreign());
    for (std::uint64_t offset = 0;; offset += most_with_more) {
        std::vector<Record> some = co_await get(condition, most_with_more, offset, context);
        const bool last = some.size() < most_with_more;
        std::erase_if(some, [&](const Record& record) { return record.id <= place_.id; });
        std::ranges::move(some, std::back_inserter(best));
        std::ranges::sort(best, by_id);
        if (best.size() > most)
            best.resize(most);
        if (last)
            break;
    }
    if (best.empty()) {
        ended_ = true;
        co_return;
    }
    std::string last_id = best.back().id;
    take(std::move(best));
    place_.id = std::move(last_id);
}

} // namespace whisperstore::chroma
