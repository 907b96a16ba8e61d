#include "database/postgresql/archive/snapshot.hpp"

#include "database/postgresql/archive/catalog.hpp"
#include "database/postgresql/archive/copy_rows.hpp"
#include "database/postgresql/archive/schema_objects.hpp"
#include "database/postgresql/archive/session.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace whisperstore::postgresql {

namespace {

// Of rows that are handed over together: what has to be woken for each costs more than small pieces.
constexpr std::size_t piece_size = std::size_t(1) << 20U;

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

/// What the tables do not say, of the definitions.
void read_left_out(archive::Contents& contents)
{
    std::set<std::string, std::less<>> known; // indexes, and triggers of the schema's own rules
    for (const auto& [name, sql] : WhisperEngineSchema::get_core_schema().render(SqlDialect::postgresql))
        known.insert(name);
    std::set<std::string, std::less<>> core;
    for (const PortableTable& table : contents.tables) {
        for (const PortableIndex& index : table.indexes)
            known.insert(index.name);
        if (core_table(table))
            core.insert(table.name);
    }
    // "table.trigger", "function(arguments)"
    const auto is_known = [&](std::string_view name) {
        const std::string_view behind = name.substr(name.find('.') + 1);
        return known.contains(name) || known.contains(behind.substr(0, behind.find('(')));
    };
    static const std::set<std::string, std::less<>> own{"type",    "function", "view", "materialized view",
                                                        "trigger", "policy",   "index"};
    for (const archive::Definition& one : contents.definitions) {
        const bool is_own = own.contains(one.kind) && !is_known(one.name);
        const bool is_rule =
            one.kind == "constraint" && !core.contains(one.name.substr(0, one.name.find('.'))) &&
            (one.sql.find(" CHECK (") != std::string::npos || one.sql.find(" EXCLUDE ") != std::string::npos);
        if (is_own || is_rule)
            contents.left_out.push_back(
                archive::LeftOut{"the " + one.kind + " " + one.name, "it is written in PostgreSQL's SQL"});
    }
}

awaitable<archive::Contents> read_contents(Lease& lease, const SourceTables& sources, OperationContext context)
{
    archive::Contents contents;
    for (const SourceTable& source : sources.tables)
        contents.tables.push_back(source.table);
    contents.left_out = sources.left_out;
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
    read_left_out(contents);
    co_return contents;
}

class SchemaSnapshot final : public DatabaseSnapshot
{
public:
    SchemaSnapshot(Lease lease, std::vector<SourceTable> sources, archive::Contents contents, std::string store,
                   OperationContext context)
        : lease_(std::move(lease)),
          sources_(std::move(sources)),
          contents_(std::move(contents)),
          store_(std::move(store)),
          context_(std::move(context))
    {
    }

    const archive::Contents& contents() const noexcept override { return contents_; }
    std::string store() const override { return store_; }

    awaitable<std::uint64_t> count(PortableTable table) override
    {
        std::string sql = "SELECT count(*) FROM " + quote_identifier(table.name);
        const QueryResult result = co_await lease_.execute(std::move(sql), Parameters(), context_);
        co_return static_cast<std::uint64_t>(result.rows.front()[0].as_int());
    }

    awaitable<void> select(PortableTable table, std::vector<std::string> columns) override
    {
        const SourceTable& source = source_of(table.name);
        const std::vector<std::size_t> places = source.places(columns);
        std::vector<Oid> types;
        for (const std::size_t place : places)
            types.push_back(source.types.at(place));
        table_ = source.table.name;
        columns_ = std::make_shared<const std::vector<std::string>>(std::move(columns));
        rows_.emplace(std::move(types));
        copy_ = std::make_shared<CopyState>();
        copy_->sql = source.copy(places);
        co_return;
    }

    awaitable<Rows> next() override
    {
        RowsBuilder builder(columns_);
        while (copy_ && builder.bytes() < piece_size) {
            const std::string messages = co_await lease_.copy_out_piece(copy_, context_);
            try {
                rows_->read(messages, builder);
            } catch (const StorageError& error) {
                throw error.prefixed("the table " + table_ + ": ");
            }
            if (copy_->stage != CopyState::Stage::ended)
                continue;
            copy_.reset();
            if (!rows_->at_end())
                throw StorageError(StorageErrc::corrupt, "the server sent no end of the table " + table_);
        }
        co_return builder.finish();
    }

    awaitable<bool> write_file(std::filesystem::path, int) override { co_return false; }

    awaitable<void> close() override
    {
        if (lease_ && !copy_)
            co_await lease_.run("COMMIT", context_);
        lease_.give_back();
    }

private:
    const SourceTable& source_of(const std::string& name) const
    {
        for (const SourceTable& source : sources_)
            if (source.table.name == name)
                return source;
        throw StorageError(StorageErrc::not_found, "the snapshot has no table " + name);
    }

    Lease lease_;
    const std::vector<SourceTable> sources_;
    const archive::Contents contents_;
    const std::string store_;
    const OperationContext context_;
    std::string table_; // that is read
    std::shared_ptr<const std::vector<std::string>> columns_ = std::make_shared<const std::vector<std::string>>();
    std::optional<CopyRows> rows_;
    std::shared_ptr<CopyState> copy_;
};

} // namespace

awaitable<std::shared_ptr<DatabaseSnapshot>> open_snapshot(Lease lease, OperationContext context)
{
    co_await begin_snapshot(lease, context);
    SourceTables sources = co_await read_source_tables(lease, context);
    archive::Contents contents = co_await read_contents(lease, sources, context);
    const QueryResult store = co_await lease.execute(
        "SELECT concat_ws(' ', (SELECT system_identifier FROM pg_control_system()), (SELECT oid FROM pg_database WHERE "
        "datname = current_database()), current_schema())",
        Parameters(), context);
    std::string name(store.rows.front()[0].as_text());
    co_return std::make_shared<SchemaSnapshot>(std::move(lease), std::move(sources.tables), std::move(contents),
                                               std::move(name), std::move(context));
}

} // namespace whisperstore::postgresql
