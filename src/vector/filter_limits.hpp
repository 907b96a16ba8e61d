#pragma once
// How deep filters go.

#include <whisperstore/vector/filter.hpp>

#include <cstddef>

namespace whisperstore::filter_detail {

constexpr std::size_t deepest_path = 16;
// The JSON of a filter nested this deep still fits the depth that our JSON parser accepts (64).
constexpr std::size_t deepest_nesting = 30;

/// Throws StorageError invalid_argument.
[[noreturn]] void refuse_nesting();
/// Throws StorageError invalid_argument for a tree whose JSON would nest deeper than allowed.
void check_nesting(const Filter::Node& root);

} // namespace whisperstore::filter_detail
