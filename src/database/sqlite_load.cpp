#include "database/sqlite_load.hpp"

#include "database/archive/archive_load.hpp"
#include "database/archive/archive_reader.hpp"
#include "database/archive/sqlite_catalog.hpp"
#include "database/sqlite_archive.hpp"

#include <algorithm>

namespace whisperstore {

namespace {

using archive::ArchiveWriter;

std::filesystem::path place_beside(const sqlite::Store& store)
{
    return store.options().open.path.string() + ".restore";
}

int page_size_of(const sqlite::OpenOptions& live)
{
    sqlite::OpenOptions reading = live;
    reading.read_only = true;
    return static_cast<int>(sqlite::Connection(std::move(reading)).query_int("PRAGMA page_size"));
}

/// A file with everything the snapshot holds, in pages of the database.
class Staging
{
public:
    const std::filesystem::path& path() const noexcept { return copy_ ? copy_->path() : writing_->writer()->path(); }

    static awaitable<std::shared_ptr<Staging>> make(std::shared_ptr<sqlite::Store> store,
                                                    std::shared_ptr<DatabaseSnapshot> from, bool as_file,
                                                    OperationContext context)
    {
        const auto staging = std::make_shared<Staging>();
        const auto page_size = std::make_shared<int>(0);
        std::function<void()> begin = [store, staging, page_size, as_file] {
            *page_size = page_size_of(store->options().open);
            if (as_file)
                staging->copy_.emplace(place_beside(*store), store->options().open.backend);
        };
        co_await sqlite::run_on_thread(std::move(begin), context);
        if (as_file) {
            const bool written = co_await from->write_file(staging->copy_->path(), *page_size);
            if (written)
                co_return staging;
            staging->copy_.reset();
        }
        std::shared_ptr<ArchiveWriter> writer =
            co_await archive::open_writer(place_beside(*store), store->options().open.backend, *page_size, context);
        staging->writing_.emplace(writer);
        co_await archive::write_tables(writer, from, context);
        archive::Contents contents = from->contents();
        contents.definitions.clear(); // of no use here
        std::function<void()> complete = [writer, contents] { writer->complete(contents); };
        co_await archive::on_thread(writer, std::move(complete), std::move(context));
        co_return staging;
    }

private:
    std::optional<sqlite::PartialFile> copy_;
    std::optional<archive::Writing> writing_;
};

/// Rows of the portable schema's own versions do not count.
void refuse_rows(sqlite::Connection& live)
{
    std::string filled;
    std::vector<archive::LeftOut> left_out;
    for (const PortableTable& table : archive::read_tables(live, &left_out)) {
        std::string sql = "SELECT EXISTS (SELECT 1 FROM " + quote_identifier(table.name);
        if (table.name == "schema_migrations")
            sql += " WHERE version NOT GLOB '" + WhisperEngineSchema::get_core_schema().name + ".*'";
        if (live.query_int(sql + ")") != 0)
            filled += (filled.empty() ? "" : ", ") + table.name;
    }
    if (!filled.empty())
        throw StorageError(StorageErrc::already_exists, "the database has rows already, in " + filled);
}

void replace_by(sqlite::Connection& live, const std::filesystem::path& file, bool only_if_empty)
{
    if (only_if_empty)
        refuse_rows(live);
    const std::unique_ptr<sqlite::Connection> staged = sqlite::open_for_check(file, live.options().backend);
    const std::string encoding = staged->query_text("PRAGMA encoding");
    if (encoding != live.query_text("PRAGMA encoding"))
        throw StorageError(StorageErrc::version_mismatch,
                           "the texts would be in " + encoding + " and those of the database are in " +
                               live.query_text("PRAGMA encoding") + ", which cannot be changed while it is open");
    take_over(*staged, live);
}

/// Merging from an attached database.
class Merge
{
public:
    Merge(sqlite::Connection& live, const archive::Contents& contents, const LoadOptions& options)
        : live_(live), contents_(contents), options_(options)
    {
    }

    void run()
    {
        live_.execute("BEGIN IMMEDIATE");
        try {
            live_.execute("PRAGMA defer_foreign_keys=ON");
            make_missing_tables();
            std::vector<archive::LeftOut> left_out;
            const std::vector<PortableTable> targets = archive::read_tables(live_, &left_out);
            for (const PortableTable& table : contents_.tables)
                merge_table(table, targets);
            for (const auto& [table, id] : contents_.last_ids)
                advance(table, id);
        } catch (...) {
            live_.execute("ROLLBACK");
            throw;
        }
        commit();
    }

private:
    void commit()
    {
        try {
            live_.execute("COMMIT");
        } catch (const StorageError& error) {
            if (live_.in_transaction())
                live_.execute("ROLLBACK");
            throw sqlite::commit_error(error);
        }
    }

    void make_missing_tables()
    {
        bool makes_core = false;
        for (const PortableTable& table : contents_.tables) {
            sqlite::Statement found =
                live_.prepare("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE");
            found.bind_text(1, table.name);
            if (found.step())
                continue;
            makes_core = makes_core || core_table(table);
            const TableStatements statements = render(table, SqlDialect::sqlite);
            for (const std::string& sql : statements.create)
                live_.prepare_once(sql).run();
            for (const IndexStatement& index : statements.indexes)
                live_.prepare_once(index.sql).run();
        }
        if (makes_core)
            for (const std::string& sql : render_rules(contents_.tables, SqlDialect::sqlite))
                live_.prepare_once(sql).run();
    }

    void merge_table(const PortableTable& table, const std::vector<PortableTable>& targets)
    {
        const auto target = std::find_if(targets.begin(), targets.end(),
                                         [&](const PortableTable& one) { return one.name == table.name; });
        if (target == targets.end())
            throw StorageError(StorageErrc::unsupported,
                               "the table " + table.name + " of this database cannot be merged into");
        if (target->primary_key != table.primary_key)
            throw StorageError(StorageErrc::unsupported, "the table " + table.name + " has the primary key (" +
                                                             quote_identifiers(target->primary_key) + ") here and (" +
                                                             quote_identifiers(table.primary_key) +
                                                             ") there: rows cannot be matched");
        std::vector<std::string> columns;
        std::string changes;
        for (const PortableColumn& column : table.columns) {
            if (!target->find(column.name))
                throw StorageError(StorageErrc::not_found,
                                   "the table " + table.name + " has no column " + column.name + " here");
            columns.push_back(column.name);
            const std::string name = quote_identifier(column.name);
            if (std::find(table.primary_key.begin(), table.primary_key.end(), column.name) == table.primary_key.end())
                changes.append(changes.empty() ? "" : ", ").append(name).append(" = excluded.").append(name);
        }
        const std::string list = quote_identifiers(columns);
        const std::string name = quote_identifier(table.name);
        const std::string key = quote_identifiers(table.primary_key);
        std::string insert = "INSERT INTO main." + name + " (" + list + ") SELECT " + list + " FROM incoming." + name +
                             " WHERE true ON CONFLICT (" + key + ") DO ";
        insert += changes.empty() ? "NOTHING" : "UPDATE SET " + changes;
        try {
            live_.prepare_once(insert).run();
        } catch (const StorageError& error) {
            throw error.prefixed("merging the rows of " + table.name + ": ");
        }
        if (options_.merged)
            show_merged(table, std::move(columns),
                        "SELECT " + list + " FROM main." + name + " WHERE (" + key + ") IN (SELECT " + key +
                            " FROM incoming." + name + ")");
    }

    void show_merged(const PortableTable& table, std::vector<std::string> columns, const std::string& sql)
    {
        constexpr std::size_t piece_size = std::size_t(1) << 20U;
        const auto names = std::make_shared<const std::vector<std::string>>(std::move(columns));
        sqlite::Statement rows = live_.prepare_once(sql);
        bool more = true;
        while (more) {
            RowsBuilder builder(names);
            while (builder.bytes() < piece_size && (more = rows.step()))
                archive::add_row(builder, rows);
            const Rows piece = builder.finish();
            if (!piece.empty())
                options_.merged(table, piece);
        }
        options_.merged(table, Rows());
    }

    void advance(const std::string& table, std::int64_t id)
    {
        const std::string sequences = "main.sqlite_sequence";
        sqlite::Statement update =
            live_.prepare_once("UPDATE " + sequences + " SET seq = ?2 WHERE name = ?1 AND seq < ?2");
        update.bind_text(1, table).bind(2, id).run();
        sqlite::Statement add =
            live_.prepare_once("INSERT INTO " + sequences +
                               " (name, seq) SELECT name, ?2 FROM main.sqlite_schema WHERE type = 'table' AND "
                               "name = ?1 AND NOT EXISTS (SELECT 1 FROM " +
                               sequences + " WHERE name = ?1)");
        add.bind_text(1, table).bind(2, id).run();
    }

    sqlite::Connection& live_;
    const archive::Contents& contents_;
    const LoadOptions& options_;
};

void merge_from(sqlite::Connection& live, const std::filesystem::path& file, const archive::Contents& contents,
                const LoadOptions& options)
{
    {
        sqlite::Statement attach = live.prepare_once("ATTACH ?1 AS incoming");
        const std::string path = file.string();
        attach.bind_text(1, path);
        attach.run();
    }
    try {
        Merge(live, contents, options).run();
    } catch (...) {
        live.execute("DETACH incoming");
        throw;
    }
    live.execute("DETACH incoming");
}

} // namespace

awaitable<void> load_into(std::shared_ptr<sqlite::Store> store, std::shared_ptr<DatabaseSnapshot> from,
                          LoadOptions options, OperationContext context)
{
    const bool merges = options.mode == LoadMode::merge;
    const std::shared_ptr<Staging> staging = co_await Staging::make(store, from, !merges, context);
    std::function<void(sqlite::Connection&)> take;
    if (merges)
        take = [staging, from, options](sqlite::Connection& live) {
            merge_from(live, staging->path(), from->contents(), options);
        };
    else
        take = [staging, options](sqlite::Connection& live) {
            replace_by(live, staging->path(), options.mode == LoadMode::into_empty);
        };
    co_await store->exclusive(std::move(take), std::move(context));
}

} // namespace whisperstore
