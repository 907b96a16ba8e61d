#include <whisperstore/database/query_result.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace whisperstore {

namespace {

// Results without rows are many: one block serves them all.
const std::shared_ptr<const std::vector<std::string>>& no_columns()
{
    static const auto none = std::make_shared<const std::vector<std::string>>();
    return none;
}

const std::shared_ptr<const RowBlock>& no_rows()
{
    static const auto none = std::make_shared<const RowBlock>();
    return none;
}

} // namespace

RowBlock::RowBlock() : columns_(no_columns()) {}

ValueView RowBlock::cell(std::size_t row, std::size_t column) const noexcept
{
    const Cell& cell = cells_[row * columns_->size() + column];
    switch (cell.kind) {
    case ValueKind::null:
        return ValueView();
    case ValueKind::boolean:
        return ValueView(cell.integer != 0);
    case ValueKind::integer:
        return ValueView(cell.integer);
    case ValueKind::real:
        return ValueView(cell.real);
    case ValueKind::text:
        return ValueView(std::string_view(arena_.data() + cell.offset, cell.size));
    case ValueKind::blob:
        return ValueView(std::span(reinterpret_cast<const std::byte*>(arena_.data() + cell.offset), cell.size));
    }
    return ValueView();
}

std::size_t RowBlock::find(std::string_view column) const noexcept
{
    for (std::size_t i = 0; i < columns_->size(); ++i)
        if ((*columns_)[i] == column)
            return i;
    return columns_->size();
}

ValueView Row::operator[](std::string_view column) const
{
    const std::size_t index = block_->find(column);
    if (index == size()) {
        std::string message = "the result has no column '" + std::string(column) + "'; it has";
        for (const std::string& name : columns())
            message += " '" + name + "'";
        throw StorageError(StorageErrc::not_found, message);
    }
    return block_->cell(index_, index);
}

ValueView Row::cell_at(std::size_t column) const
{
    if (column >= size())
        throw StorageError(StorageErrc::not_found, "a result with " + std::to_string(size()) +
                                                       " columns was asked for one that it does not have");
    return block_->cell(index_, column);
}

json::object Row::to_json() const
{
    json::object object;
    object.reserve(size());
    for (std::size_t i = 0; i < size(); ++i)
        object[columns()[i]] = whisperstore::to_json(block_->cell(index_, i));
    return object;
}

bool operator==(const Row& a, const Row& b) noexcept
{
    if (a.columns() != b.columns())
        return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!(a.block_->cell(a.index_, i) == b.block_->cell(b.index_, i)))
            return false;
    return true;
}

Rows::Rows() : block_(no_rows()) {}

Row Rows::operator[](std::size_t index) const
{
    if (index >= size())
        throw StorageError(StorageErrc::not_found,
                           "row " + std::to_string(index) + " of a result with " + std::to_string(size()) + " rows");
    return Row(block_, index);
}

bool operator==(const Rows& a, const Rows& b) noexcept
{
    if (a.size() != b.size())
        return false;
    auto right = b.begin();
    for (const Row& left : a) {
        if (!(left == *right))
            return false;
        ++right;
    }
    return true;
}

RowsBuilder::RowsBuilder(std::vector<std::string> columns)
    : RowsBuilder(std::make_shared<const std::vector<std::string>>(std::move(columns)))
{
}

RowsBuilder::RowsBuilder(std::shared_ptr<const std::vector<std::string>> columns) : block_(std::make_shared<RowBlock>())
{
    block_->cells_.reserve(columns->size());
    block_->columns_ = std::move(columns);
}

void RowsBuilder::add_null() { block_->cells_.push_back(RowBlock::Cell{ValueKind::null, 0, {0}}); }

void RowsBuilder::add(bool value) { block_->cells_.push_back(RowBlock::Cell{ValueKind::boolean, 0, {value ? 1 : 0}}); }

void RowsBuilder::add(std::int64_t value) { block_->cells_.push_back(RowBlock::Cell{ValueKind::integer, 0, {value}}); }

void RowsBuilder::add(double value)
{
    RowBlock::Cell cell{ValueKind::real, 0, {0}};
    cell.real = value;
    block_->cells_.push_back(cell);
}

void RowsBuilder::add_bytes(ValueKind kind, const void* data, std::size_t size)
{
    if (size > std::numeric_limits<std::uint32_t>::max())
        throw StorageError(StorageErrc::resource_exhausted, "a cell is larger than 4 GiB");
    RowBlock::Cell cell{kind, static_cast<std::uint32_t>(size), {0}};
    cell.offset = block_->arena_.size();
    // A guess at what the texts of a row take, so that most results of one row are made in one piece.
    constexpr std::size_t bytes_per_column = 192;
    if (block_->arena_.empty())
        block_->arena_.reserve(std::max(size, block_->columns().size() * bytes_per_column));
    block_->arena_.append(static_cast<const char*>(data), size);
    block_->cells_.push_back(cell);
}

void RowsBuilder::add_text(std::string_view value) { add_bytes(ValueKind::text, value.data(), value.size()); }
void RowsBuilder::add_blob(std::span<const std::byte> value) { add_bytes(ValueKind::blob, value.data(), value.size()); }

void RowsBuilder::add(const ValueView& value)
{
    switch (value.kind()) {
    case ValueKind::null:
        add_null();
        break;
    case ValueKind::boolean:
        add(value.as_bool());
        break;
    case ValueKind::integer:
        add(value.as_int());
        break;
    case ValueKind::real:
        add(value.as_real());
        break;
    case ValueKind::text:
        add_text(value.as_text());
        break;
    case ValueKind::blob:
        add_blob(value.as_blob());
        break;
    }
}

void RowsBuilder::clear() noexcept
{
    block_->cells_.clear();
    block_->arena_.clear();
}

} // namespace whisperstore
