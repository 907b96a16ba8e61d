#include "database/archive/type_checks.hpp"

#include <whisperstore/core/time.hpp>

#include <cmath>

namespace whisperstore::archive {

namespace {

/// `2026-01-31T09:05:00.000250Z`; parsing also takes other forms.
bool is_canonical_time(std::string_view text)
{
    return text.size() == 27 && text[10] == 'T' && text[19] == '.' && text[26] == 'Z' && text.substr(17, 2) != "60" &&
           try_parse_timestamp(text).has_value();
}

bool is_of(ColumnType type, const ValueView& value)
{
    switch (type) {
    case ColumnType::automatic_id: // SQLite lets nothing else into it
        return true;
    case ColumnType::bigint:
    case ColumnType::integer:
        return value.kind() == ValueKind::integer;
    case ColumnType::real:
        return value.kind() == ValueKind::real && !std::isnan(value.as_real());
    case ColumnType::text:
        return value.kind() == ValueKind::text;
    case ColumnType::boolean:
        return value.kind() == ValueKind::boolean ||
               (value.kind() == ValueKind::integer && (value.as_int() == 0 || value.as_int() == 1));
    case ColumnType::timestamp:
        return value.kind() == ValueKind::text && is_canonical_time(value.as_text());
    }
    return false;
}

} // namespace

TypeChecks::TypeChecks(const PortableTable& table) : types_(table.columns.size())
{
    const Table* core = core_table(table);
    if (!core)
        return;
    for (const Column& column : core->columns)
        for (std::size_t i = 0; i < types_.size(); ++i)
            if (table.columns[i].name == column.name)
                types_[i] = column.type;
}

bool TypeChecks::hold(std::size_t column, const ValueView& value) const
{
    // NOT NULL is looked at by SQLite.
    return !types_[column] || value.kind() == ValueKind::null || is_of(*types_[column], value);
}

} // namespace whisperstore::archive
