#include "database/postgresql/archive/archive.hpp"
#include "database/postgresql/archive/catalog.hpp"
#include "database/postgresql/archive/copy_rows.hpp"
#include "database/postgresql/archive/load_rows.hpp"
#include "database/postgresql/archive/session.hpp"
#include "database/postgresql/operations.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace whisperstore::postgresql {

namespace {

constexpr std::string_view staging = "pg_temp.whisperstore_merge";

/// A merge under way.
class Merge
{
public:
    Merge(Lease& lease, std::shared_ptr<DatabaseSnapshot> from, LoadOptions options, OperationContext context)
        : lease_(lease), from_(std::move(from)), options_(std::move(options)), context_(std::move(context))
    {
    }

    awaitable<std::string> run()
    {
        co_await refuse_read_only(lease_, context_);
        const std::string schema = co_await current_schema(lease_, context_);
        std::vector<std::string> begin = transaction_settings(schema);
        begin.insert(begin.begin(), "BEGIN ISOLATION LEVEL READ COMMITTED");
        begin.emplace_back(schema_lock);
        co_await lease_.run_commands(std::move(begin), false, context_);
        co_await make_missing_tables();
        co_await defer_foreign_keys();
        for (const PortableTable& table : from_->contents().tables)
            co_await merge_table(table);
        for (std::string& sql : at_the_end_)
            co_await make(lease_, "a foreign key or a rule", std::move(sql), context_);
        co_await advance_sequences(lease_, from_->contents(), context_);
        std::vector<std::string> commit;
        commit.emplace_back("COMMIT");
        co_return co_await lease_.run_commands(std::move(commit), true, context_);
    }

private:
    awaitable<void> make_missing_tables()
    {
        const std::vector<PortableTable>& tables = from_->contents().tables;
        const std::vector<std::string> names = co_await table_names(lease_, context_);
        const std::set<std::string> there(names.begin(), names.end());
        bool makes_core = false;
        for (const PortableTable& table : tables) {
            if (there.contains(table.name))
                continue;
            makes_core = makes_core || core_table(table);
            TableStatements statements = render(table, SqlDialect::postgresql);
            for (std::string& sql : statements.create)
                co_await make(lease_, "the table " + table.name, std::move(sql), context_);
            for (IndexStatement& index : statements.indexes)
                co_await make(lease_, "an index of " + table.name, std::move(index.sql), context_);
            for (std::string& sql : statements.foreign_keys)
                at_the_end_.push_back(std::move(sql));
        }
        if (makes_core)
            for (std::string& rule : render_rules(tables, SqlDialect::postgresql))
                at_the_end_.push_back(std::move(rule));
        SourceTables read = co_await read_source_tables(lease_, context_);
        for (SourceTable& table : read.tables) {
            std::string name = table.table.name;
            targets_.emplace(std::move(name), std::move(table));
        }
    }

    /// Those that are checked before the rows they refer to have come, until all have.
    awaitable<void> defer_foreign_keys()
    {
        std::map<std::string, std::size_t, std::less<>> position;
        for (const PortableTable& table : from_->contents().tables)
            position.emplace(table.name, position.size());
        const QueryResult keys = co_await lease_.execute(
            "SELECT c.relname::text AS child, r.relname::text AS parent, format('ALTER TABLE %I ALTER CONSTRAINT %I ', "
            "c.relname, k.conname) AS change, CASE WHEN NOT k.condeferrable THEN 'NOT DEFERRABLE' WHEN k.condeferred "
            "THEN 'DEFERRABLE INITIALLY DEFERRED' ELSE 'DEFERRABLE INITIALLY IMMEDIATE' END AS now FROM pg_constraint "
            "k "
            "JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = "
            "current_schema() JOIN pg_class r ON r.oid = k.confrelid WHERE k.contype = 'f' AND k.conparentid = 0",
            Parameters(), context_);
        std::vector<std::string> back;
        for (const Row& row : keys) {
            const auto child = position.find(row["child"].as_text());
            const auto parent = position.find(row["parent"].as_text());
            if (child == position.end() || parent == position.end() || parent->second <= child->second)
                continue;
            const std::string change(row["change"].as_text());
            co_await make(lease_, "a later check of foreign keys", change + "DEFERRABLE INITIALLY DEFERRED", context_);
            back.push_back(change + std::string(row["now"].as_text()));
        }
        if (back.empty())
            co_return;
        back.insert(back.begin(), "SET CONSTRAINTS ALL IMMEDIATE");
        at_the_end_.insert(at_the_end_.begin(), back.begin(), back.end());
    }

    const SourceTable& target_of(const PortableTable& table) const
    {
        const auto found = targets_.find(table.name);
        if (found == targets_.end())
            throw StorageError(StorageErrc::unsupported,
                               "the table " + table.name + " of this database cannot be merged into");
        if (found->second.table.primary_key != table.primary_key)
            throw StorageError(StorageErrc::unsupported, "the table " + table.name + " has the primary key (" +
                                                             quote_identifiers(found->second.table.primary_key) +
                                                             ") here and (" + quote_identifiers(table.primary_key) +
                                                             ") there: rows cannot be matched");
        return found->second;
    }

    awaitable<void> merge_table(PortableTable table)
    {
        const SourceTable& target = target_of(table);
        const std::vector<std::string> fillable = co_await columns_to_fill(lease_, table.name, context_);
        std::vector<std::string> columns;
        std::string changes;
        for (const PortableColumn& column : table.columns) {
            static_cast<void>(target.places({column.name})); // or it is told that there is none
            if (std::find(fillable.begin(), fillable.end(), column.name) == fillable.end())
                continue;
            columns.push_back(column.name);
            const std::string name = quote_identifier(column.name);
            if (std::find(table.primary_key.begin(), table.primary_key.end(), column.name) == table.primary_key.end())
                changes.append(changes.empty() ? "" : ", ").append(name).append(" = EXCLUDED.").append(name);
        }
        const std::string list = quote_identifiers(columns);
        const std::string into = quote_identifier(table.name);
        const std::string key = quote_identifiers(table.primary_key);
        std::string create = "CREATE TEMPORARY TABLE whisperstore_merge ON COMMIT DROP AS SELECT " + list + " FROM " +
                             into + " WITH NO DATA";
        co_await make(lease_, "a temporary table", std::move(create), context_);
        co_await copy_rows(lease_, from_, table, std::string(staging), columns, std::string(), context_);
        std::string analyze = "ANALYZE " + std::string(staging);
        co_await make(lease_, "statistics", std::move(analyze), context_);
        std::string insert = "INSERT INTO " + into + " (" + list + ") OVERRIDING SYSTEM VALUE SELECT " + list +
                             " FROM " + std::string(staging) + " ON CONFLICT (" + key + ") DO ";
        insert += changes.empty() ? "NOTHING" : "UPDATE SET " + changes;
        try {
            std::vector<std::string> commands;
            commands.push_back(std::move(insert));
            co_await lease_.run_commands(std::move(commands), false, context_);
        } catch (const StorageError& error) {
            throw error.prefixed("merging the rows of " + table.name + ": ");
        }
        if (options_.merged)
            co_await show_merged(table, target);
        std::string drop = "DROP TABLE " + std::string(staging);
        co_await make(lease_, "room", std::move(drop), context_);
    }

    awaitable<void> show_merged(const PortableTable& table, const SourceTable& target)
    {
        std::vector<std::string> names;
        for (const PortableColumn& column : table.columns)
            names.push_back(column.name);
        const std::vector<std::size_t> places = target.places(names);
        std::vector<Oid> types;
        for (const std::size_t place : places)
            types.push_back(target.types.at(place));
        const std::string key = quote_identifiers(table.primary_key);
        CopyRows reading(std::move(types));
        const auto columns = std::make_shared<const std::vector<std::string>>(std::move(names));
        const auto copy = std::make_shared<CopyState>();
        copy->sql =
            target.copy(places, "WHERE (" + key + ") IN (SELECT " + key + " FROM " + std::string(staging) + ")");
        while (copy->stage != CopyState::Stage::ended) {
            const std::string messages = co_await lease_.copy_out_piece(copy, context_);
            RowsBuilder builder(columns);
            reading.read(messages, builder);
            const Rows rows = builder.finish();
            if (!rows.empty())
                options_.merged(table, rows);
        }
        options_.merged(table, Rows());
    }

    Lease& lease_;
    const std::shared_ptr<DatabaseSnapshot> from_;
    const LoadOptions options_;
    const OperationContext context_;
    std::map<std::string, SourceTable, std::less<>> targets_;
    std::vector<std::string> at_the_end_; ///< statements
};

} // namespace

awaitable<std::string> merge_content(Lease& lease, std::shared_ptr<DatabaseSnapshot> from, LoadOptions options,
                                     OperationContext context)
{
    Merge merge(lease, std::move(from), std::move(options), std::move(context));
    co_return co_await merge.run();
}

} // namespace whisperstore::postgresql
