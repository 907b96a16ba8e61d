#pragma once
// The types of the portable schema, looked at while rows are written.

#include "database/archive/portable_table.hpp"

#include <whisperstore/database/query_result.hpp>

#include <optional>
#include <vector>

namespace whisperstore::archive {

/// The CHECKs that hold the columns of one table to their types. SQLite takes four times as long for them as for a
/// whole database's pages.
class TypeChecks
{
public:
    explicit TypeChecks(const PortableTable& table);
    /// Whether those of a column of the table hold, as far as the value shows: where false SQLite, which may make
    /// another value of it, has to look.
    bool hold(std::size_t column, const ValueView& value) const;

private:
    std::vector<std::optional<ColumnType>> types_; // none: the column has no such CHECK
};

} // namespace whisperstore::archive
