#include "database/postgresql/archive/archive.hpp"
#include "database/postgresql/archive/catalog.hpp"
#include "database/postgresql/archive/load_rows.hpp"
#include "database/postgresql/archive/rights.hpp"
#include "database/postgresql/archive/schema_objects.hpp"
#include "database/postgresql/archive/session.hpp"
#include "database/postgresql/operations.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <memory>

namespace whisperstore::postgresql {

namespace {

/// What an archive's statements may begin with, by their kind.
void check(const archive::Definition& definition)
{
    const auto begins = [&](std::initializer_list<std::string_view> words) {
        return std::any_of(words.begin(), words.end(),
                           [&](std::string_view word) { return definition.sql.starts_with(word); });
    };
    const bool known = definition.kind == "sequence value" ? begins({"SELECT setval("})
                                                           : begins({"CREATE ", "ALTER TABLE ", "ALTER SEQUENCE "});
    if (!known)
        throw StorageError(StorageErrc::corrupt, "the archive's definition of the " + definition.kind + " " +
                                                     definition.name + " is no definition");
}

/// \param with_code functions and types too: the archive brings its own
awaitable<void> remove_everything(Lease& lease, bool with_code, OperationContext context)
{
    std::vector<SchemaObject> objects = co_await read_schema_objects(lease, context);
    std::reverse(objects.begin(), objects.end());
    for (SchemaObject& object : objects) {
        const bool is_code = object.definition.kind == "function" || object.definition.kind == "type";
        if (object.drop.empty() || (is_code && !with_code))
            continue;
        std::vector<std::string> commands;
        commands.push_back(std::move(object.drop));
        try {
            co_await lease.run_commands(std::move(commands), false, context);
        } catch (const StorageError& error) {
            throw error.prefixed("the " + object.definition.kind + " " + object.definition.name +
                                 " cannot be replaced: ");
        }
    }
}

// Taken soon or given up: a lock that waits holds up everybody who comes after it, and of two that wait for each other
// one loses its transaction. Less than PostgreSQL's deadlock_timeout.
constexpr const char* lock_patience = "SET LOCAL lock_timeout TO '400ms'";

/// Tables and views, by name.
awaitable<std::vector<std::string>> lockable_names(Lease& lease, OperationContext context)
{
    const QueryResult rows = co_await lease.execute(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = "
        "current_schema() WHERE c.relkind IN ('r', 'p', 'v') AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = "
        "'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e') ORDER BY c.relname::text COLLATE \"C\"",
        Parameters(), std::move(context));
    std::vector<std::string> names;
    for (const Row& row : rows)
        names.emplace_back(row[0].as_text());
    co_return names;
}

/// An open transaction in which nobody else can reach the content any more.
awaitable<void> begin_alone(Lease& lease, std::string schema, OperationContext context)
{
    std::vector<std::string> begin = transaction_settings(schema);
    begin.insert(begin.begin(), "BEGIN ISOLATION LEVEL READ COMMITTED");
    // Functions may speak of tables that come later.
    begin.emplace_back("SET LOCAL check_function_bodies TO off");
    begin.emplace_back(lock_patience);
    begin.emplace_back(schema_lock);
    co_await lease.run_commands(std::move(begin), false, context);
    const std::vector<std::string> names = co_await lockable_names(lease, context);
    if (names.empty())
        co_return;
    std::string lock = "LOCK TABLE " + quote_identifiers(names) + " IN ACCESS EXCLUSIVE MODE";
    bool changed = false;
    try {
        co_await lease.run(std::move(lock), context);
    } catch (const StorageError& error) {
        changed = error.errc() == StorageErrc::not_found; // somebody has just removed one
        if (!changed)
            throw;
    }
    if (!changed) {
        const std::vector<std::string> now = co_await lockable_names(lease, context);
        changed = now != names;
    }
    if (changed) {
        ErrorDetails details;
        details.retryable = true;
        throw StorageError(StorageErrc::conflict, "the tables have changed meanwhile", std::move(details));
    }
}

/// Rows of the portable schema's own versions do not count.
awaitable<void> refuse_rows(Lease& lease, OperationContext context)
{
    const std::vector<std::string> names = co_await table_names(lease, context);
    std::string filled;
    for (const std::string& name : names) {
        std::string sql = "SELECT EXISTS (SELECT FROM " + quote_identifier(name);
        Parameters values;
        if (name == "schema_migrations") {
            sql += " WHERE NOT starts_with(version, ?::text)";
            const std::string prefix = WhisperEngineSchema::get_core_schema().name + ".";
            values = params(arg(prefix));
        }
        sql += ")";
        const QueryResult result = co_await lease.execute(std::move(sql), std::move(values), context);
        if (result.rows.front()[0].as_bool())
            filled += (filled.empty() ? "" : ", ") + name;
    }
    if (!filled.empty())
        throw StorageError(StorageErrc::already_exists, "the database has rows already, in " + filled);
}

/// As often as somebody else is in the way, until the caller's deadline: nothing has been done yet.
/// \return the rights that were given on what is no longer there
awaitable<std::vector<Right>> begin_empty(Lease& lease, bool with_code, bool only_if_empty, OperationContext context)
{
    const std::string schema = co_await current_schema(lease, context);
    co_await refuse_read_only(lease, context);
    while (true) {
        bool in_the_way = false;
        std::vector<Right> rights;
        try {
            co_await begin_alone(lease, schema, context);
            if (only_if_empty)
                co_await refuse_rows(lease, context);
            rights = co_await read_rights(lease, context);
            co_await remove_everything(lease, with_code, context);
        } catch (const StorageError& error) {
            in_the_way = error.errc() == StorageErrc::conflict && error.retryable();
            if (!in_the_way)
                throw;
        }
        if (!in_the_way)
            co_return rights;
        co_await lease.run("ROLLBACK", context);
    }
}

/// The columns of the snapshot that the table of the database takes.
awaitable<std::vector<std::string>> columns_of(Lease& lease, const PortableTable& table, OperationContext context)
{
    std::vector<std::string> columns = co_await columns_to_fill(lease, table.name, std::move(context));
    if (columns.empty())
        throw StorageError(StorageErrc::corrupt,
                           "there are rows of a table " + table.name + " that the definitions do not make");
    for (const std::string& column : columns)
        if (!table.find(column))
            throw StorageError(StorageErrc::corrupt, "the definition of " + table.name + " has a column " + column +
                                                         " that its rows have not");
    co_return columns;
}

awaitable<void> load_table(Lease& lease, const PortableTable& table, std::shared_ptr<DatabaseSnapshot> from,
                           OperationContext context)
{
    std::vector<std::string> columns = co_await columns_of(lease, table, context);
    // The table was made in this transaction, so the rows can be written as if they had always been there: whoever
    // reads them first need not note in each that its writer has committed.
    co_await copy_rows(lease, std::move(from), table, quote_identifier(table.name), std::move(columns), "(FREEZE)",
                       context);
}

/// As they were in PostgreSQL.
awaitable<void> fill_by_definitions(Lease& lease, std::shared_ptr<DatabaseSnapshot> from, OperationContext context)
{
    const std::vector<archive::Definition>& definitions = from->contents().definitions;
    const auto last_table = std::find_if(definitions.rbegin(), definitions.rend(),
                                         [](const archive::Definition& one) { return one.kind == "table"; });
    const auto rows_after = static_cast<std::size_t>(definitions.rend() - last_table);
    for (std::size_t i = 0; i <= definitions.size(); ++i) {
        if (i == rows_after)
            for (const PortableTable& table : from->contents().tables)
                co_await load_table(lease, table, from, context);
        if (i == definitions.size())
            break;
        check(definitions[i]);
        co_await make(lease, "the " + definitions[i].kind + " " + definitions[i].name, definitions[i].sql, context);
    }
}

/// As every database has them.
awaitable<void> fill_by_tables(Lease& lease, std::shared_ptr<DatabaseSnapshot> from, OperationContext context)
{
    const std::vector<PortableTable>& tables = from->contents().tables;
    std::vector<TableStatements> statements;
    for (const PortableTable& table : tables) {
        statements.push_back(render(table, SqlDialect::postgresql));
        for (std::string& sql : statements.back().create)
            co_await make(lease, "the table " + table.name, std::move(sql), context);
    }
    for (const PortableTable& table : tables)
        co_await load_table(lease, table, from, context);
    for (std::size_t i = 0; i < tables.size(); ++i)
        for (IndexStatement& index : statements[i].indexes)
            co_await make(lease, "an index of " + tables[i].name, std::move(index.sql), context);
    for (std::size_t i = 0; i < tables.size(); ++i)
        for (std::string& sql : statements[i].foreign_keys)
            co_await make(lease, "a foreign key of " + tables[i].name, std::move(sql), context);
    for (const std::string& rule : render_rules(tables, SqlDialect::postgresql))
        co_await lease.run(rule, context);
}

/// For the planner, which else would know nothing of the new tables for a while.
awaitable<void> analyze(Lease& lease, OperationContext context)
{
    const std::vector<std::string> names = co_await table_names(lease, context);
    if (names.empty())
        co_return;
    std::string sql = "ANALYZE " + quote_identifiers(names);
    co_await make(lease, "statistics", std::move(sql), std::move(context));
}

} // namespace

awaitable<std::string> replace_content(Lease& lease, std::shared_ptr<DatabaseSnapshot> from, bool only_if_empty,
                                       OperationContext context)
{
    const bool has_definitions = !from->contents().definitions.empty();
    std::vector<Right> rights = co_await begin_empty(lease, has_definitions, only_if_empty, context);
    co_await lease.run("SET LOCAL lock_timeout TO 0", context);
    if (has_definitions)
        co_await fill_by_definitions(lease, from, context);
    else
        co_await fill_by_tables(lease, from, context);
    co_await advance_sequences(lease, from->contents(), context);
    co_await give_rights(lease, std::move(rights), context);
    co_await analyze(lease, context);
    std::vector<std::string> commit;
    commit.emplace_back("COMMIT");
    co_return co_await lease.run_commands(std::move(commit), true, std::move(context));
}

} // namespace whisperstore::postgresql
