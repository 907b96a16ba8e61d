#pragma once
/// \file
/// The answer to a query: rows whose cells are reached by name or index.

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/value.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore {

/// The cells of a result in one block, with text and blobs in an arena. Filled by a backend through
/// RowsBuilder, then immutable and shared by every Row and Rows that look at it.
class RowBlock
{
public:
    RowBlock();
    const std::vector<std::string>& columns() const noexcept { return *columns_; }
    std::size_t row_count() const noexcept { return columns_->empty() ? 0 : cells_.size() / columns_->size(); }
    ValueView cell(std::size_t row, std::size_t column) const noexcept;
    /// Index of a column, or columns().size() when there is none. The first of equal names counts.
    std::size_t find(std::string_view column) const noexcept;
    /// Bytes held by cells and arena.
    std::size_t bytes() const noexcept { return arena_.size() + cells_.size() * sizeof(Cell); }

private:
    friend class RowsBuilder;
    struct Cell
    {
        ValueKind kind;
        std::uint32_t size; // of text and blobs
        union
        {
            std::int64_t integer;
            double real;
            std::size_t offset; // into the arena
        };
    };
    std::shared_ptr<const std::vector<std::string>> columns_; // shared by the results of one prepared statement
    std::vector<Cell> cells_;
    std::string arena_;
};

/// One row. Copies share the result's memory, so a Row outlives the QueryResult it came from;
/// texts and blobs of its cells are valid while any Row, Rows or QueryResult of that result lives.
class Row
{
public:
    Row(std::shared_ptr<const RowBlock> block, std::size_t index) noexcept : block_(std::move(block)), index_(index) {}

    std::size_t size() const noexcept { return block_->columns().size(); }
    const std::vector<std::string>& columns() const noexcept { return block_->columns(); }
    bool contains(std::string_view column) const noexcept { return block_->find(column) < size(); }

    /// \throws StorageError not_found naming the column and those there are.
    ValueView operator[](std::string_view column) const;
    ValueView operator[](const char* column) const { return (*this)[std::string_view(column)]; }
    /// \throws StorageError not_found when out of range.
    template <std::integral T>
    ValueView operator[](T column) const
    {
        return cell_at(std::in_range<std::size_t>(column) ? static_cast<std::size_t>(column) : size());
    }

    /// The row as a JSON object under the rules of core/json.hpp.
    json::object to_json() const;

    /// Same columns in the same order with equal values.
    friend bool operator==(const Row& a, const Row& b) noexcept;

private:
    friend class Rows;
    ValueView cell_at(std::size_t column) const;
    std::shared_ptr<const RowBlock> block_;
    std::size_t index_;
};

/// A sequence of rows, cheap to copy.
class Rows
{
public:
    class iterator
    {
    public:
        using value_type = Row;
        using difference_type = std::ptrdiff_t;
        using reference = const Row&;
        using pointer = const Row*;
        using iterator_category = std::input_iterator_tag;

        explicit iterator(Row row) noexcept : row_(std::move(row)) {}
        const Row& operator*() const noexcept { return row_; }
        const Row* operator->() const noexcept { return &row_; }
        iterator& operator++() noexcept
        {
            ++row_.index_;
            return *this;
        }
        void operator++(int) noexcept { ++row_.index_; }
        bool operator==(const iterator& other) const noexcept { return row_.index_ == other.row_.index_; }

    private:
        friend class Rows;
        Row row_;
    };

    Rows();
    explicit Rows(std::shared_ptr<const RowBlock> block) noexcept : block_(std::move(block)) {}

    std::size_t size() const noexcept { return block_->row_count(); }
    bool empty() const noexcept { return size() == 0; }
    const std::vector<std::string>& columns() const noexcept { return block_->columns(); }
    /// \throws StorageError not_found when out of range.
    Row operator[](std::size_t index) const;
    /// The first row. \throws StorageError not_found when there is none.
    Row front() const { return (*this)[0]; }
    iterator begin() const noexcept { return iterator(Row(block_, 0)); }
    iterator end() const noexcept { return iterator(Row(block_, size())); }

    friend bool operator==(const Rows& a, const Rows& b) noexcept;

private:
    std::shared_ptr<const RowBlock> block_;
};

/// For backends: collects cells row by row. Not thread safe.
class RowsBuilder
{
public:
    explicit RowsBuilder(std::vector<std::string> columns);
    explicit RowsBuilder(std::shared_ptr<const std::vector<std::string>> columns);
    void add_null();
    void add(bool value);
    void add(std::int64_t value);
    void add(double value);
    void add_text(std::string_view value);
    void add_blob(std::span<const std::byte> value);
    void add(const ValueView& value);
    std::size_t row_count() const noexcept { return block_->row_count(); }
    std::size_t bytes() const noexcept { return block_->bytes(); }
    void clear() noexcept; ///< drops the rows, keeps the columns
    Rows finish() { return Rows(std::move(block_)); }

private:
    void add_bytes(ValueKind kind, const void* data, std::size_t size);
    std::shared_ptr<RowBlock> block_;
};

/// The answer to execute_query().
struct QueryResult
{
    bool success = true;          ///< true whenever a result is returned; failures throw
    Rows rows;                    ///< empty for writes without RETURNING
    std::int64_t row_count = 0;   ///< rows returned, or rows affected by a write
    double execution_time_ms = 0; ///< in the backend, queueing included

    const std::vector<std::string>& columns() const noexcept { return rows.columns(); }
    Rows::iterator begin() const noexcept { return rows.begin(); }
    Rows::iterator end() const noexcept { return rows.end(); }
};

} // namespace whisperstore
