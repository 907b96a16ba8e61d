#pragma once
// Filters as Chroma's own conditions, as far as these go.

#include <whisperstore/vector/filter.hpp>

#include <string>

namespace whisperstore::chroma {

/// A condition that holds for every document of a filter, and perhaps for more: answers are checked with the filter.
struct Where
{
    enum class Kind
    {
        everything, ///< no condition
        nothing,    ///< no document can match
        some
    };
    Kind kind = Kind::everything;
    json::object condition = {}; ///< Chroma's, of `some`
};

/// The narrowest condition that is safe in our layout (layout.hpp): comparisons that hold only where a key is there are
/// sent; what holds for a missing key too ($ne, $nin, $not, $exists: false), $exists, and comparisons with null are
/// not.
Where where_of(const Filter& filter);

/// Both.
Where both(Where a, Where b);
/// The documents of these buckets; everything where it is all of them.
Where in_buckets(unsigned first, unsigned end);
/// Records that we did not write.
Where foreign();

} // namespace whisperstore::chroma
