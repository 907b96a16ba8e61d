#pragma once
// Our filters in Qdrant's language.

#include <whisperstore/vector/filter.hpp>

namespace whisperstore::qdrant {

/// What a filter becomes.
struct Condition
{
    /// Qdrant's filter, which matches every document that ours matches; empty: all.
    json::object filter;
    /// Whether it matches no others.
    bool exact = true;
};

/// Translates. Where Qdrant's conditions say something else than ours (numbers are compared as doubles, and read back
/// a bit off; times are taken from more texts; a key with a quote cannot be named) the result is a weaker condition.
Condition translate(const Filter& filter);

} // namespace whisperstore::qdrant
