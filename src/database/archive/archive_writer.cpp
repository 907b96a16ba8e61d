#include "database/archive/archive_writer.hpp"

#include "database/archive/archive_format.hpp"
#include "database/archive/archive_indexes.hpp"
#include "database/archive/definitions.hpp"
#include "database/archive/type_checks.hpp"

namespace whisperstore::archive {

namespace {

sqlite::OpenOptions options_for(const std::filesystem::path& path, std::string_view backend, int page_size)
{
    sqlite::OpenOptions options;
    options.path = path;
    options.archive = true;
    options.synchronous = "OFF"; // nobody sees the file before it is durable as a whole
    options.page_size = page_size;
    options.backend = backend;
    return options;
}

std::string insert_statement(const PortableTable& table)
{
    std::string values;
    for (std::size_t i = 0; i < table.columns.size(); ++i)
        values += i == 0 ? "?" : ", ?";
    std::vector<std::string> names;
    for (const PortableColumn& column : table.columns)
        names.push_back(column.name);
    return "INSERT INTO " + quote_identifier(table.name) + " (" + quote_identifiers(names) + ") VALUES (" + values +
           ")";
}

StorageError damaged(const std::string& wrong)
{
    return StorageError(StorageErrc::corrupt, "what was written does not pass its check: " + wrong);
}

} // namespace

ArchiveWriter::ArchiveWriter(const std::filesystem::path& file, std::string_view backend, int page_size)
    : partial_(std::in_place, file, backend),
      write_back_(std::in_place, partial_->path()),
      connection_(std::make_unique<sqlite::Connection>(options_for(partial_->path(), backend, page_size)))
{
    scope_.emplace(stopper_, *connection_);
    // Parents may come after children, and a file that fails is thrown away.
    connection_->execute("PRAGMA foreign_keys=OFF; PRAGMA journal_mode=OFF; PRAGMA secure_delete=OFF");
    // What the rows must be like is looked at in the end, where it is not seen before. Indexes are sorted in pieces of
    // the cache's size.
    connection_->execute("PRAGMA ignore_check_constraints=ON; PRAGMA temp_store=FILE; PRAGMA cache_size=-16384");
    connection_->execute("BEGIN");
}

void ArchiveWriter::create_tables(const std::vector<PortableTable>& tables)
{
    for (const PortableTable& table : tables) {
        try {
            for (const std::string& sql : render(table, SqlDialect::sqlite).create)
                connection_->prepare_once(sql).run();
        } catch (const StorageError& error) {
            throw does_not_fit(table, error);
        }
    }
}

void ArchiveWriter::insert(const PortableTable& table, const Rows& rows)
{
    sqlite::Statement insert = connection_->prepare(insert_statement(table));
    const std::size_t columns = table.columns.size();
    const TypeChecks checks(table);
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < columns; ++i) {
            const ValueView value = row[i];
            types_hold_ = types_hold_ && checks.hold(i, value);
            const auto place = static_cast<int>(i) + 1;
            // SQLite makes a null of it.
            if (value.kind() == ValueKind::real && value.as_real() != value.as_real())
                insert.bind_text(place, "NaN");
            else
                insert.bind(place, value);
        }
        try {
            insert.run();
        } catch (const StorageError& error) {
            throw does_not_fit(table, error);
        }
        insert.reset();
    }
}

void ArchiveWriter::complete(const Contents& contents)
{
    make_indexes(*connection_, contents.tables);
    end(contents);
    // It becomes a database without having been read again, but where its values were in doubt.
    const std::string wrong = types_hold_ ? sqlite::check_structure(*connection_) : std::string();
    if (!wrong.empty())
        throw damaged(wrong);
    close();
}

void ArchiveWriter::end(const Contents& contents)
{
    for (const auto& [table, id] : contents.last_ids) {
        // There is a row for a table that has rows.
        sqlite::Statement remove = connection_->prepare("DELETE FROM sqlite_sequence WHERE name = ?1 AND seq <= ?2");
        remove.bind_text(1, table).bind(2, id).run();
        sqlite::Statement add = connection_->prepare("INSERT INTO sqlite_sequence (name, seq) SELECT ?1, ?2 WHERE NOT "
                                                     "EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)");
        add.bind_text(1, table).bind(2, id).run();
    }
    store_definitions(*connection_, contents.definitions);
    connection_->execute("COMMIT");
    mark(*connection_);
    if (!types_hold_)
        check_values();
    check_references();
}

void ArchiveWriter::finish(const Contents& contents)
{
    list_indexes(*connection_, contents.tables);
    end(contents);
    close();
    write_back_.reset();
    partial_->publish();
}

void ArchiveWriter::close() noexcept
{
    scope_.reset();
    connection_.reset();
}

void ArchiveWriter::discard() noexcept
{
    close();
    write_back_.reset();
    partial_.reset();
}

void ArchiveWriter::check_values()
{
    connection_->execute("PRAGMA ignore_check_constraints=OFF");
    const std::string check = connection_->query_text("PRAGMA quick_check(1)");
    if (check.starts_with("CHECK constraint failed"))
        throw StorageError(StorageErrc::constraint_violation,
                           "a table has values that the portable schema does not allow, such as NaN or infinite times "
                           "(" +
                               check + "): correct them, then try again");
    if (check != "ok")
        throw damaged(check);
}

void ArchiveWriter::check_references()
{
    // A restore would refuse it, so it must not be made.
    sqlite::Statement orphans = connection_->prepare("PRAGMA foreign_key_check");
    if (orphans.step())
        throw StorageError(StorageErrc::corrupt,
                           "rows of " + std::string(orphans.column_text(0)) + " refer to missing rows of " +
                               std::string(orphans.column_text(2)) + ": remove them, then try again");
}

} // namespace whisperstore::archive
