#include "database/postgresql/archive/catalog.hpp"

#include "database/archive/archive_format.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace whisperstore::postgresql {

namespace {

// An object that an extension made belongs to the extension.
constexpr std::string_view tables_sql = R"(
SELECT c.relname::text AS name,
    CASE WHEN c.relkind = 'p' THEN 'is partitioned' WHEN c.relispartition THEN 'is a partition of another'
        WHEN EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) THEN 'inherits from another' END AS obstacle
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
WHERE c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_depend e
    WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY c.oid)";

// A domain is as its type: what it forbids the other database need not.
constexpr std::string_view columns_sql = R"(
SELECT c.relname::text AS table_name, a.attname::text AS name, coalesce(b.oid, t.oid)::bigint AS type,
    format_type(b.oid, t.typtypmod) AS base_type, a.attnotnull AS not_null,
    a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid), '') LIKE 'nextval(%' AS automatic,
    CASE a.attgenerated WHEN '' THEN pg_get_expr(d.adbin, d.adrelid) END AS default_sql
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd'
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind = 'r'
ORDER BY c.relname::text COLLATE "C", a.attnum)";

// A foreign key goes along where equal values have equal texts in both tables, so that SQLite finds the same parents.
constexpr std::string_view constraints_sql = R"(
SELECT c.relname::text AS table_name, k.conname::text AS name, k.contype::text AS kind, a.attname::text AS column_name,
    r.relname::text AS target_table, f.attname::text AS target_column, k.confdeltype::text AS on_delete,
    k.confupdtype::text AS on_update,
    bool_and(k.contype <> 'f' OR (k.convalidated AND r.relnamespace = c.relnamespace AND r.relkind = 'r'
        AND coalesce(o.collisdeterministic, true) AND (a.atttypid = f.atttypid
            OR (a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
                AND f.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype))
            OR (a.atttypid IN ('text'::regtype, 'varchar'::regtype) AND f.atttypid IN ('text'::regtype, 'varchar'::regtype)))
        AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype, 'varchar'::regtype,
            'uuid'::regtype, 'bool'::regtype, 'bytea'::regtype, 'timestamptz'::regtype, 'date'::regtype)))
        OVER (PARTITION BY k.oid) AS portable
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid AND c.relkind = 'r'
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS part (number, target_number, position)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.number
    LEFT JOIN pg_collation o ON o.oid = a.attcollation
    LEFT JOIN pg_class r ON r.oid = k.confrelid AND k.contype = 'f'
    LEFT JOIN pg_attribute f ON f.attrelid = r.oid AND f.attnum = part.target_number
WHERE k.contype IN ('p', 'u', 'f')
ORDER BY c.relname::text COLLATE "C", k.conname::text COLLATE "C", part.position)";

constexpr std::string_view indexes_sql = R"(
SELECT c.relname::text AS table_name, x.relname::text AS name, i.indisunique AS is_unique, a.attname::text AS column_name,
    part.option & 1 = 1 AS descending
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid AND c.relkind = 'r'
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
    JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
    CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indoption::int2[]) WITH ORDINALITY AS part (number, option, position)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.number
WHERE i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND part.position <= i.indnkeyatts
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY c.relname::text COLLATE "C", x.relname::text COLLATE "C", part.position)";

PortableType portable_type(Oid type) noexcept
{
    switch (type) {
    case oid::boolean:
        return PortableType::boolean;
    case oid::int2:
    case oid::int4:
    case oid::int8:
    case oid::object_id:
        return PortableType::integer;
    case oid::float4:
    case oid::float8:
        return PortableType::real;
    case oid::timestamp:
    case oid::timestamptz:
        return PortableType::timestamp;
    case oid::bytea:
        return PortableType::blob;
    default:
        return PortableType::text;
    }
}

/// Upper and lower case are one in SQLite's names, for the letters of ASCII.
std::string folded(std::string_view name)
{
    std::string out(name);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return out;
}

class TableList
{
public:
    TableList(const QueryResult& names, const QueryResult& columns)
    {
        for (const Row& row : names) {
            SourceTable table;
            table.table.name = row["name"].as_text();
            if (!row["obstacle"].is_null()) {
                leave_out(table.table.name, std::string(row["obstacle"].as_text()));
                continue;
            }
            if (!takes_name(table.table.name))
                continue;
            places_.emplace(table.table.name, list_.size());
            list_.push_back(std::move(table));
        }
        for (const Row& row : columns)
            add_column(row);
        std::erase_if(list_, [this](const SourceTable& table) { return !is_complete(table.table); });
        places_.clear();
        for (std::size_t i = 0; i < list_.size(); ++i)
            places_.emplace(list_[i].table.name, i);
    }

    void add_constraint(const Row& row)
    {
        SourceTable* source = find(row["table_name"].as_text());
        if (!source)
            return;
        PortableTable& table = source->table;
        if (!row["portable"].as_bool())
            return leave_out_key(table.name, row["name"].as_text());
        const std::string_view kind = row["kind"].as_text();
        std::string column(row["column_name"].as_text());
        const bool continues = last_table_ == table.name && last_name_ == row["name"].as_text();
        last_table_ = table.name;
        last_name_ = row["name"].as_text();
        if (kind == "p") {
            table.primary_key.push_back(std::move(column));
        } else if (kind == "u") {
            if (!continues)
                table.unique.emplace_back();
            table.unique.back().push_back(std::move(column));
        } else {
            if (!continues) {
                PortableForeignKey key;
                key.table = row["target_table"].as_text();
                key.on_delete = action(row["on_delete"].as_text());
                key.on_update = action(row["on_update"].as_text());
                table.foreign_keys.push_back(std::move(key));
            }
            table.foreign_keys.back().columns.push_back(std::move(column));
            table.foreign_keys.back().target_columns.emplace_back(row["target_column"].as_text());
        }
    }

    void add_index(const Row& row)
    {
        SourceTable* source = find(row["table_name"].as_text());
        if (!source)
            return;
        PortableTable& table = source->table;
        if (table.indexes.empty() || table.indexes.back().name != row["name"].as_text()) {
            PortableIndex index;
            index.name = row["name"].as_text();
            index.unique = row["is_unique"].as_bool();
            table.indexes.push_back(std::move(index));
        }
        table.indexes.back().parts.push_back(
            PortableIndex::Part{std::string(row["column_name"].as_text()), row["descending"].as_bool()});
    }

    /// Keys of one integer that the database fills.
    SourceTables finish()
    {
        for (SourceTable& source : list_) {
            PortableTable& table = source.table;
            if (table.primary_key.size() != 1)
                continue;
            const std::string& key = table.primary_key.front();
            table.automatic_id =
                automatic_.contains(std::pair(table.name, key)) && table.find(key)->type == PortableType::integer;
        }
        return SourceTables{std::move(list_), std::move(left_out_)};
    }

private:
    static std::string action(std::string_view letter)
    {
        static const std::map<std::string_view, std::string> names{
            {"c", "CASCADE"}, {"n", "SET NULL"}, {"d", "SET DEFAULT"}, {"r", "RESTRICT"}};
        const auto found = names.find(letter);
        return found == names.end() ? std::string() : found->second;
    }

    void leave_out(const std::string& table, std::string reason)
    {
        left_out_.push_back(archive::LeftOut{"the table " + table, std::move(reason), true});
    }

    /// Each of its columns comes with its name.
    void leave_out_key(const std::string& table, std::string_view name)
    {
        archive::LeftOut key{
            "the foreign key " + std::string(name) + " of the table " + table,
            "it is not validated, refers to another schema, or equal values of its types need not have "
            "equal texts"};
        if (std::find(left_out_.begin(), left_out_.end(), key) == left_out_.end())
            left_out_.push_back(std::move(key));
    }

    bool takes_name(const std::string& name)
    {
        const std::string key = folded(name);
        const bool is_kept = key.starts_with("sqlite_") || archive::is_of_archive(key);
        if (is_kept)
            leave_out(name, "has a name that SQLite or the archive keeps for itself");
        const bool is_new = folded_.insert(key).second;
        if (!is_kept && !is_new)
            leave_out(name, "differs from another one by upper and lower case only");
        return !is_kept && is_new;
    }

    SourceTable* find(std::string_view name)
    {
        const auto place = places_.find(name);
        return place == places_.end() ? nullptr : &list_[place->second];
    }

    void add_column(const Row& row)
    {
        SourceTable* source = find(row["table_name"].as_text());
        if (!source)
            return;
        const auto type = static_cast<Oid>(row["type"].as_int());
        PortableColumn column;
        column.name = row["name"].as_text();
        column.type = portable_type(type);
        column.not_null = row["not_null"].as_bool();
        if (!row["default_sql"].is_null())
            column.fallback = read_default(row["default_sql"].as_text(), column.type);
        if (row["automatic"].as_bool())
            automatic_.emplace(source->table.name, column.name);

        std::string asked = quote_identifier(column.name);
        if (!has_binary_form(type)) {
            source->types.push_back(oid::text);
            asked += "::text";
        } else {
            source->types.push_back(type);
            if (!row["base_type"].is_null())
                asked += "::" + std::string(row["base_type"].as_text());
        }
        source->expressions.push_back(std::move(asked));
        source->table.columns.push_back(std::move(column));
    }

    bool is_complete(const PortableTable& table)
    {
        if (table.columns.empty()) {
            leave_out(table.name, "has no columns");
            return false;
        }
        std::set<std::string> names;
        for (const PortableColumn& column : table.columns)
            if (!names.insert(folded(column.name)).second) {
                leave_out(table.name, "has columns that differ by upper and lower case only (" + column.name + ")");
                return false;
            }
        return true;
    }

    std::vector<SourceTable> list_;
    std::vector<archive::LeftOut> left_out_;
    std::map<std::string, std::size_t, std::less<>> places_;
    std::set<std::string> folded_;
    std::set<std::pair<std::string, std::string>> automatic_; // table and column
    std::string last_table_;
    std::string last_name_;
};

awaitable<QueryResult> ask(Lease& lease, std::string_view sql, const OperationContext& context)
{
    return lease.execute(std::string(sql), Parameters(), context);
}

} // namespace

std::string SourceTable::copy(const std::vector<std::size_t>& columns, std::string_view condition) const
{
    std::string selection;
    for (const std::size_t column : columns)
        selection += (selection.empty() ? "" : ", ") + expressions.at(column);
    return "COPY (SELECT " + selection + " FROM " + quote_identifier(table.name) + " " + std::string(condition) +
           ") TO STDOUT (FORMAT binary)";
}

std::vector<std::size_t> SourceTable::places(const std::vector<std::string>& columns) const
{
    std::vector<std::size_t> found;
    for (const std::string& name : columns) {
        const auto place = std::find_if(table.columns.begin(), table.columns.end(),
                                        [&](const PortableColumn& column) { return column.name == name; });
        if (place == table.columns.end())
            throw StorageError(StorageErrc::not_found, "the table " + table.name + " has no column " + name);
        found.push_back(static_cast<std::size_t>(place - table.columns.begin()));
    }
    return found;
}

awaitable<SourceTables> read_source_tables(Lease& lease, OperationContext context)
{
    const QueryResult names = co_await ask(lease, tables_sql, context);
    const QueryResult columns = co_await ask(lease, columns_sql, context);
    const QueryResult constraints = co_await ask(lease, constraints_sql, context);
    const QueryResult indexes = co_await ask(lease, indexes_sql, context);
    TableList tables(names, columns);
    for (const Row& row : constraints)
        tables.add_constraint(row);
    for (const Row& row : indexes)
        tables.add_index(row);
    co_return tables.finish();
}

awaitable<std::vector<std::string>> table_names(Lease& lease, OperationContext context)
{
    const QueryResult result = co_await ask(lease, tables_sql, context);
    std::vector<std::string> names;
    for (const Row& row : result)
        names.emplace_back(row["name"].as_text());
    co_return names;
}

awaitable<std::vector<std::string>> columns_to_fill(Lease& lease, std::string table, OperationContext context)
{
    Parameters values = params(arg(table));
    const QueryResult result = co_await lease.execute(
        "SELECT a.attname::text AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n "
        "ON "
        "n.oid = c.relnamespace AND n.nspname = current_schema() WHERE c.relname = ?::text AND a.attnum > 0 AND NOT "
        "a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum",
        std::move(values), std::move(context));
    std::vector<std::string> names;
    for (const Row& row : result)
        names.emplace_back(row["name"].as_text());
    co_return names;
}

awaitable<std::vector<OwnedSequence>> owned_sequences(Lease& lease, OperationContext context)
{
    constexpr std::string_view sql = R"(
SELECT s.relname::text AS sequence, c.relname::text AS table_name, a.attname::text AS column_name
FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace AND n.nspname = current_schema()
    JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
        AND d.deptype IN ('a', 'i')
    JOIN pg_class c ON c.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
ORDER BY s.relname::text COLLATE "C")";
    const QueryResult result = co_await ask(lease, sql, context);
    std::vector<OwnedSequence> list;
    for (const Row& row : result)
        list.push_back(OwnedSequence{std::string(row["sequence"].as_text()), std::string(row["table_name"].as_text()),
                                     std::string(row["column_name"].as_text())});
    co_return list;
}

} // namespace whisperstore::postgresql
