#include "database/archive/archive_reader.hpp"

#include "database/archive/archive_format.hpp"
#include "database/archive/copy_lines.hpp"
#include "database/archive/sqlite_catalog.hpp"

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
    rows_.emplace(connection_->prepare_once("SELECT " + wanted + " FROM " + quote_identifier(table.name)));
}

bool ArchiveReader::read(std::string& lines)
{
    const std::size_t begin = lines.size();
    while (rows_ && lines.size() - begin < piece_size) {
        if (!rows_->step()) {
            rows_.reset();
            break;
        }
        add_copy_line(lines, *rows_);
    }
    return lines.size() > begin;
}

} // namespace whisperstore::archive
