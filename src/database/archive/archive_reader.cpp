#include "database/archive/archive_reader.hpp"

#include "database/archive/archive_format.hpp"
#include "database/archive/sqlite_catalog.hpp"

#include <sqlite3.h>

namespace whisperstore::archive {

namespace {

constexpr std::size_t piece_size = std::size_t(1) << 20U;

/// PostgreSQL has no year 0: it is the year 1 before Christ.
std::string expression(const PortableTable& table, const std::string& column)
{
    const std::string name = quote_identifier(column);
    const PortableColumn* found = table.find(column);
    if (!found || found->type != PortableType::timestamp)
        return name;
    return "CASE WHEN " + name + " LIKE '0000-%' THEN '0001' || substr(" + name + ", 5) || ' BC' ELSE " + name + " END";
}

void add_row(RowsBuilder& rows, const sqlite::Statement& row)
{
    const int columns = row.column_count();
    for (int i = 0; i < columns; ++i) {
        switch (sqlite3_column_type(row.handle(), i)) {
        case SQLITE_INTEGER:
            rows.add(row.column_int(i));
            break;
        case SQLITE_FLOAT:
            rows.add(row.column_real(i));
            break;
        case SQLITE_TEXT:
            rows.add_text(row.column_text(i));
            break;
        case SQLITE_BLOB:
            rows.add_blob(row.column_blob(i));
            break;
        default:
            rows.add_null();
        }
    }
}

} // namespace

void ArchiveReader::open(const std::filesystem::path& file, std::string_view backend)
{
    connection_ = sqlite::open_for_check(file, backend);
    scope_.emplace(stopper_, *connection_);
    hold_snapshot(*connection_);
    check_content(*connection_);
    tables_ = read_tables(*connection_);
    definitions_ = read_definitions(*connection_);
    if (connection_->query_int("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'") == 0)
        return;
    sqlite::Statement ids = connection_->prepare("SELECT name, seq FROM sqlite_sequence WHERE seq > 0");
    while (ids.step())
        last_ids_.emplace_back(ids.column_text(0), ids.column_int(1));
}

void ArchiveReader::select(const PortableTable& table, const std::vector<std::string>& columns)
{
    rows_.reset();
    std::string wanted;
    for (const std::string& column : columns)
        wanted += (wanted.empty() ? "" : ", ") + expression(table, column);
    columns_ = std::make_shared<const std::vector<std::string>>(columns);
    rows_.emplace(connection_->prepare_once("SELECT " + wanted + " FROM " + quote_identifier(table.name)));
}

Rows ArchiveReader::read()
{
    RowsBuilder rows(columns_);
    while (rows_ && rows.bytes() < piece_size) {
        if (!rows_->step()) {
            rows_.reset();
            break;
        }
        add_row(rows, *rows_);
    }
    return rows.finish();
}

} // namespace whisperstore::archive
