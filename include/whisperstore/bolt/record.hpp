#pragma once
/// \file
/// One row of a result.

#include <whisperstore/bolt/value.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::bolt {

/// The names of a result's columns, shared by all of its records.
using Keys = std::shared_ptr<const std::vector<std::string>>;

/// A row: values by column name or position. Independent of the result it came from.
class Record
{
public:
    Record() = default;
    Record(Keys keys, std::vector<Value> values) noexcept : keys_(std::move(keys)), values_(std::move(values)) {}

    std::size_t size() const noexcept { return values_.size(); }
    const std::vector<std::string>& keys() const noexcept;
    const std::vector<Value>& values() const& noexcept { return values_; }
    std::vector<Value> values() && noexcept { return std::move(values_); }

    /// \throws StorageError not_found where there is no such column.
    const Value& get(std::string_view name) const&;
    Value get(std::string_view name) &&;
    const Value& operator[](std::string_view name) const& { return get(name); }
    /// \throws StorageError not_found beyond the last column.
    const Value& get(std::size_t index) const&;
    const Value& operator[](std::size_t index) const& { return get(index); }
    /// Null where there is no such column.
    const Value* find(std::string_view name) const noexcept;

private:
    std::size_t index_of(std::string_view name) const;

    Keys keys_;
    std::vector<Value> values_;
};

} // namespace whisperstore::bolt
