#pragma once
// Walking through the records of a collection in an order that changes do not disturb.
//
// Chroma's own pages are counted from the first record, so that deleting one skips another. Here the order is by the
// bucket of an id and then the id, which never change. A small collection comes in one answer and is sorted here; of a
// large one some buckets at a time, then the records that others wrote, which are in none.

#include "vector/chroma/answer.hpp"
#include "vector/chroma/api.hpp"
#include "vector/chroma/request.hpp"

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::chroma {

/// Where a walk has come to: behind a record.
struct ListingPlace
{
    enum class Way : char
    {
        complete = 'w', ///< every answer is of the whole collection
        buckets = 'b',  ///< by buckets
        foreign = 'f'   ///< the records in no bucket, after all the others
    };
    Way way = Way::complete;
    unsigned span = bucket_count; ///< how many buckets were asked for last
    unsigned bucket = 0;
    std::string id = {}; ///< the last one passed; empty at the beginning of a bucket

    std::string text() const;
    /// Throws StorageError invalid_argument.
    static ListingPlace parse(std::string_view text);
};

/// A walk over what a condition leaves. For one call at a time.
class Listing
{
public:
    /// \param place of an earlier walk; nothing: from the beginning
    Listing(std::shared_ptr<Api> api, std::string collection, Where where, Include include,
            std::optional<ListingPlace> place = std::nullopt);

    /// The next records, at most `most`; empty: there are no more.
    awaitable<std::vector<Record>> next(std::size_t most, OperationContext context);
    /// Behind a record that next() gave last.
    ListingPlace place_after(const std::string& id) const;

private:
    awaitable<void> fill(std::size_t most, OperationContext context);
    awaitable<void> fill_completely(std::size_t most, OperationContext context);
    awaitable<void> fill_buckets(std::size_t most, OperationContext context);
    awaitable<void> fill_foreign(std::size_t most, OperationContext context);
    awaitable<std::vector<Record>> get(Where where, std::optional<std::uint64_t> limit, std::uint64_t offset,
                                       OperationContext context);
    void take(std::vector<Record> records);

    std::shared_ptr<Api> api_;
    std::string collection_;
    Where where_;
    Include include_;
    bool begun_;
    bool ended_ = false;
    ListingPlace place_;
    std::deque<Record> waiting_; ///< in their order
};

} // namespace whisperstore::chroma
