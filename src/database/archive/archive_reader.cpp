#include "database/archive/archive_reader.hpp"

#include "database/archive/archive_format.hpp"
#include "database/archive/archive_indexes.hpp"
#include "database/archive/definitions.hpp"
#include "database/archive/sqlite_catalog.hpp"

#include <sqlite3.h>

namespace whisperstore::archive {

namespace {

constexpr std::size_t piece_size = std::size_t(1) << 20U;

} // namespace

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

void ArchiveReader::open(const std::filesystem::path& file, std::string_view backend)
{
    connection_ = sqlite::open_for_check(file, backend);
    scope_.emplace(stopper_, *connection_);
    hold_snapshot(*connection_);
    check_content(*connection_);
    contents_.tables = read_tables(*connection_, nullptr);
    contents_.definitions = read_definitions(*connection_);
    read_last_ids();
}

void ArchiveReader::open_live(sqlite::OpenOptions live)
{
    live.read_only = true;
    connection_ = std::make_unique<sqlite::Connection>(std::move(live));
    scope_.emplace(stopper_, *connection_);
    hold_snapshot(*connection_);
    contents_.tables = read_tables(*connection_, &contents_.left_out);
    read_left_out(*connection_, contents_);
    read_last_ids();
}

void ArchiveReader::read_last_ids()
{
    if (connection_->query_int("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'") == 0)
        return;
    sqlite::Statement ids = connection_->prepare("SELECT name, seq FROM sqlite_sequence WHERE seq > 0");
    while (ids.step())
        contents_.last_ids.emplace_back(ids.column_text(0), ids.column_int(1));
}

std::uint64_t ArchiveReader::count(const PortableTable& table)
{
    return static_cast<std::uint64_t>(connection_->query_int("SELECT count(*) FROM " + quote_identifier(table.name)));
}

void ArchiveReader::select(const PortableTable& table, const std::vector<std::string>& columns)
{
    rows_.reset();
    columns_ = std::make_shared<const std::vector<std::string>>(columns);
    rows_.emplace(
        connection_->prepare_once("SELECT " + quote_identifiers(columns) + " FROM " + quote_identifier(table.name)));
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

void ArchiveReader::close() noexcept
{
    rows_.reset();
    scope_.reset();
    connection_.reset();
}

void ArchiveReader::write_file(const std::filesystem::path& file, int page_size)
{
    rows_.reset();
    const auto pages = static_cast<int>(connection_->query_int("PRAGMA page_size"));
    sqlite::OpenOptions options = connection_->options();
    options.path = file;
    options.read_only = false;
    options.archive = true;
    options.synchronous = "OFF"; // it is not needed after a crash
    options.page_size = pages;
    {
        sqlite::Connection copy(options);
        const sqlite::Stopper::Scope scope(copying_, copy);
        sqlite::copy_database(*connection_, copy);
    }
    sqlite::Connection copy(std::move(options)); // anew, for the pages said that it is in write-ahead logging
    const sqlite::Stopper::Scope scope(copying_, copy);
    if (has_index_list(copy))
        make_listed_indexes(copy);
    else
        mark(copy);
    if (pages == page_size)
        return;
    copy.execute("PRAGMA page_size=" + std::to_string(page_size));
    copy.prepare_once("VACUUM").run();
}

} // namespace whisperstore::archive
