#include "migration/portable_rows.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/time.hpp>

#include <array>
#include <charconv>

namespace whisperstore {

namespace {

constexpr std::size_t canonical_time = 27; // characters

/// Whether a database other than SQLite takes the value for one of the type. What it refuses by itself, naming the
/// column, needs no answer here.
bool fits(PortableType type, ValueKind kind) noexcept
{
    switch (type) {
    case PortableType::text:
        return kind == ValueKind::text || kind == ValueKind::null;
    case PortableType::blob:
        return kind == ValueKind::blob || kind == ValueKind::null;
    default:
        return kind != ValueKind::blob;
    }
}

std::string_view name_of(PortableType type) noexcept
{
    return type == PortableType::blob ? "blobs" : "texts or numbers";
}

/// As it is written into a column of texts.
class NumberText
{
public:
    explicit NumberText(const ValueView& value)
    {
        const auto written = value.kind() == ValueKind::real
                                 ? std::to_chars(digits_.data(), digits_.data() + digits_.size(), value.as_real())
                                 : std::to_chars(digits_.data(), digits_.data() + digits_.size(), value.as_int());
        size_ = static_cast<std::size_t>(written.ptr - digits_.data());
    }
    std::string_view text() const noexcept { return {digits_.data(), size_}; }

private:
    std::array<char, 32> digits_{};
    std::size_t size_ = 0;
};

bool is_number(const ValueView& value) noexcept
{
    return value.kind() == ValueKind::integer || value.kind() == ValueKind::real;
}

bool all_fit(const PortableTable& table, const Rows& rows)
{
    for (const Row& row : rows)
        for (std::size_t i = 0; i < table.columns.size(); ++i)
            if (!fits(table.columns[i].type, row[i].kind()))
                return false;
    return true;
}

void add_time(ContentHash& hash, std::string_view text)
{
    const bool is_canonical = text.size() == canonical_time && text.ends_with('Z') && text[10] == 'T';
    const std::optional<Timestamp> time = is_canonical ? std::nullopt : try_parse_timestamp(text);
    if (time)
        hash.add(format_timestamp(*time));
    else
        hash.add(text);
}

void add_value(ContentHash& hash, PortableType type, const ValueView& value)
{
    if (type == PortableType::timestamp && value.kind() == ValueKind::text)
        add_time(hash, value.as_text());
    else if (type == PortableType::real && value.kind() == ValueKind::integer)
        hash.add(ValueView(static_cast<double>(value.as_int())));
    else if (type == PortableType::text && is_number(value))
        hash.add(NumberText(value).text());
    else if (value.kind() == ValueKind::real && value.as_real() == 0)
        hash.add(ValueView(0.0));
    else
        hash.add(value);
}

} // namespace

Rows portable_rows(const PortableTable& table, const Rows& rows)
{
    if (all_fit(table, rows))
        return rows;
    RowsBuilder builder(rows.columns());
    for (const Row& row : rows)
        for (std::size_t i = 0; i < table.columns.size(); ++i) {
            const PortableColumn& column = table.columns[i];
            const ValueView value = row[i];
            if (fits(column.type, value.kind()))
                builder.add(value);
            else if (column.type == PortableType::text && is_number(value))
                builder.add_text(NumberText(value).text());
            else
                throw StorageError(StorageErrc::type_mismatch,
                                   "the column " + column.name + " of the table " + table.name +
                                       " holds texts and blobs, which only SQLite allows: it can hold " +
                                       std::string(name_of(column.type)) + " elsewhere");
        }
    return builder.finish();
}

void add_rows(ContentHash& hash, const PortableTable& table, const Rows& rows)
{
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < table.columns.size(); ++i)
            add_value(hash, table.columns[i].type, row[i]);
        hash.end_row();
    }
}

} // namespace whisperstore
