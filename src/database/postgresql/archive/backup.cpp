#include "core/failure.hpp"
#include "database/archive/archive_writer.hpp"
#include "database/postgresql/archive/archive.hpp"
#include "database/postgresql/archive/catalog.hpp"
#include "database/postgresql/archive/copy_rows.hpp"
#include "database/postgresql/archive/schema_objects.hpp"
#include "database/postgresql/archive/session.hpp"
#include "sqlite/store.hpp"

#include <functional>
#include <memory>

namespace whisperstore::postgresql {

namespace {

using Writer = std::shared_ptr<archive::ArchiveWriter>;

/// Blocking work on the file, on a thread.
awaitable<void> on_thread(Writer writer, std::function<void()> work, OperationContext context)
{
    std::function<void()> interrupt = [writer] { writer->stop(); };
    co_await sqlite::run_on_thread(std::move(work), std::move(context), std::move(interrupt));
}

/// Whoever hears that a backup failed finds nothing of it: the thread that worked on the file may let go of it later.
class Discarding
{
public:
    explicit Discarding(Writer writer) noexcept : writer_(std::move(writer)) {}
    ~Discarding() { writer_->discard(); }
    Discarding(const Discarding&) = delete;
    Discarding& operator=(const Discarding&) = delete;

private:
    const Writer writer_;
};

awaitable<Writer> open_writer(std::filesystem::path file, std::string backend, OperationContext context)
{
    auto opened = std::make_shared<Writer>();
    std::function<void()> open = [opened, file, backend] {
        *opened = std::make_shared<archive::ArchiveWriter>(file, backend);
    };
    co_await sqlite::run_on_thread(std::move(open), std::move(context));
    co_return std::move(*opened);
}

/// Locks the tables, so that nobody drops or replaces one.
awaitable<void> lock_tables(Lease& lease, const std::vector<std::string>& names, OperationContext context)
{
    if (names.empty())
        co_return;
    std::string sql = "LOCK TABLE " + quote_identifiers(names) + " IN ACCESS SHARE MODE";
    co_await lease.run(std::move(sql), std::move(context));
}

/// Begins a transaction whose snapshot is younger than its locks: a table that is replaced while one waits for it would
/// be empty in an older one. False: the tables have changed meanwhile.
awaitable<bool> try_snapshot(Lease& lease, const std::string& schema, OperationContext context)
{
    const std::vector<std::string> names = co_await table_names(lease, context);
    std::vector<std::string> commands = transaction_settings(schema);
    commands.insert(commands.begin(), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    co_await lease.run_commands(std::move(commands), false, context);
    try {
        co_await lock_tables(lease, names, context);
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found)
            throw;
        co_return false;
    }
    const std::vector<std::string> locked = co_await table_names(lease, context);
    co_return names == locked;
}

awaitable<void> begin_snapshot(Lease& lease, OperationContext context)
{
    const std::string schema = co_await current_schema(lease, context);
    bool taken = co_await try_snapshot(lease, schema, context);
    while (!taken) {
        co_await lease.run("ROLLBACK", context);
        taken = co_await try_snapshot(lease, schema, context);
    }
}

/// What the copy of one table needs while pieces arrive.
struct TableCopy
{
    TableCopy(const SourceTable& from, Writer to) : source(from), rows(from.types), writer(std::move(to))
    {
        std::vector<std::string> names;
        for (const PortableColumn& column : from.table.columns)
            names.push_back(column.name);
        columns = std::make_shared<const std::vector<std::string>>(std::move(names));
    }
    const SourceTable source;
    CopyRows rows;
    Writer writer;
    std::shared_ptr<const std::vector<std::string>> columns;
};

awaitable<void> store_piece(std::shared_ptr<TableCopy> copy, std::vector<std::string> messages,
                            OperationContext context)
{
    RowsBuilder builder(copy->columns);
    try {
        for (const std::string& message : messages)
            copy->rows.read(message, builder);
    } catch (const StorageError& error) {
        throw error.prefixed("the table " + copy->source.table.name + ": ");
    }
    const Rows rows = builder.finish();
    if (rows.empty())
        co_return;
    std::function<void()> insert = [copy, rows] { copy->writer->insert(copy->source.table, rows); };
    co_await on_thread(copy->writer, std::move(insert), std::move(context));
}

awaitable<void> copy_table(Lease& lease, const SourceTable& source, Writer writer, OperationContext context)
{
    auto copy = std::make_shared<TableCopy>(source, std::move(writer));
    std::function<awaitable<void>(std::vector<std::string>)> sink = [copy, context](std::vector<std::string> messages) {
        return store_piece(copy, std::move(messages), context);
    };
    co_await lease.copy_out(source.copy, std::move(sink), context);
    if (!copy->rows.at_end())
        throw StorageError(StorageErrc::corrupt, "the server sent no end of the table " + source.table.name);
}

struct SequenceState
{
    std::string name;
    std::string literal; ///< its name as a value in SQL
    std::int64_t last_value = 0;
    bool is_called = false;
};

/// Of every sequence of the schema. Sequences are no part of a snapshot: these are as of now, so no id that was taken
/// from one is past it.
awaitable<std::vector<SequenceState>> sequence_states(Lease& lease, OperationContext context)
{
    const QueryResult names = co_await lease.execute(
        "SELECT c.relname::text AS name, quote_ident(c.relname) AS quoted, quote_literal(quote_ident(c.relname)) AS "
        "literal FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() WHERE "
        "c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = "
        "c.oid AND e.deptype = 'e') ORDER BY 1",
        Parameters(), context);
    std::vector<SequenceState> states;
    std::string sql;
    for (const Row& row : names) {
        sql.append(sql.empty() ? "SELECT " : " UNION ALL SELECT ").append(std::to_string(states.size()));
        sql.append(" AS position, last_value, is_called FROM ").append(row["quoted"].as_text());
        states.push_back(SequenceState{std::string(row["name"].as_text()), std::string(row["literal"].as_text())});
    }
    if (states.empty())
        co_return states;
    const QueryResult values = co_await lease.execute(std::move(sql), Parameters(), std::move(context));
    for (const Row& row : values) {
        SequenceState& state = states.at(static_cast<std::size_t>(row["position"].as_int()));
        state.last_value = row["last_value"].as_int();
        state.is_called = row["is_called"].as_bool();
    }
    co_return states;
}

/// What the archive holds besides rows.
awaitable<archive::Contents> read_contents(Lease& lease, const std::vector<SourceTable>& sources,
                                           OperationContext context)
{
    archive::Contents contents;
    for (const SourceTable& source : sources)
        contents.tables.push_back(source.table);
    const std::vector<SequenceState> states = co_await sequence_states(lease, context);
    const std::vector<OwnedSequence> owned_ones = co_await owned_sequences(lease, context);
    for (const OwnedSequence& owned : owned_ones)
        for (const PortableTable& table : contents.tables)
            for (const SequenceState& state : states)
                if (state.name == owned.sequence && state.is_called && table.automatic_id &&
                    table.name == owned.table && table.primary_key.front() == owned.column)
                    contents.last_ids.emplace_back(table.name, state.last_value);
    std::vector<SchemaObject> objects = co_await read_schema_objects(lease, context);
    for (SchemaObject& object : objects)
        contents.definitions.push_back(std::move(object.definition));
    for (const SequenceState& state : states) {
        std::string sql = "SELECT setval(";
        sql.append(state.literal).append(", ").append(std::to_string(state.last_value));
        sql.append(state.is_called ? ", true)" : ", false)");
        contents.definitions.push_back(archive::Definition{"sequence value", state.name, std::move(sql)});
    }
    co_return contents;
}

} // namespace

awaitable<void> write_archive(Lease& lease, std::filesystem::path file, std::string backend, OperationContext context)
{
    const Writer writer = co_await open_writer(std::move(file), std::move(backend), context);
    const Discarding discarding(writer);
    co_await begin_snapshot(lease, context);
    const std::vector<SourceTable> sources = co_await read_source_tables(lease, context);
    archive::Contents read = co_await read_contents(lease, sources, context);
    const auto contents = std::make_shared<const archive::Contents>(std::move(read));
    std::function<void()> create = [writer, contents] { writer->create_tables(contents->tables); };
    co_await on_thread(writer, std::move(create), context);
    for (const SourceTable& source : sources)
        co_await copy_table(lease, source, writer, context);
    co_await lease.run("COMMIT", context);
    std::function<void()> finish = [writer, contents] { writer->finish(*contents); };
    co_await on_thread(writer, std::move(finish), std::move(context));
}

} // namespace whisperstore::postgresql
