#include "database/archive/archive_reader.hpp"
#include "database/postgresql/archive/archive.hpp"
#include "database/postgresql/archive/catalog.hpp"
#include "database/postgresql/archive/schema_objects.hpp"
#include "database/postgresql/archive/session.hpp"
#include "database/postgresql/copy_text.hpp"
#include "database/postgresql/operations.hpp"
#include "sqlite/store.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>

namespace whisperstore::postgresql {

namespace {

using Reader = std::shared_ptr<archive::ArchiveReader>;

awaitable<void> on_thread(Reader reader, std::function<void()> work, OperationContext context)
{
    std::function<void()> interrupt = [reader] { reader->stop(); };
    co_await sqlite::run_on_thread(std::move(work), std::move(context), std::move(interrupt));
}

/// Runs one statement of the archive; an error names what it makes.
awaitable<void> make(Lease& lease, std::string what, std::string sql, OperationContext context)
{
    std::vector<std::string> commands;
    commands.push_back(std::move(sql));
    try {
        co_await lease.run_commands(std::move(commands), false, std::move(context));
    } catch (const StorageError& error) {
        throw error.prefixed("restoring " + what + ": ");
    }
}

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

/// A right that somebody has on a table, view, sequence or function, with the statement that gives it.
struct Right
{
    std::string on; ///< as `there_sql` names it
    std::string sql;
};

constexpr const char* there_sql = R"(
SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
UNION ALL
SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = current_schema())";

/// They belong to the installation and not to its content.
awaitable<std::vector<Right>> read_rights(Lease& lease, OperationContext context)
{
    std::string sql = R"(
WITH ours AS (SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
    WHERE c.relkind IN ('r', 'v', 'm', 'S')),
functions AS (SELECT p.*, p.oid::regprocedure::text AS signature FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = current_schema() WHERE p.prokind <> 'a')
SELECT c.relname::text AS name, format('GRANT %s ON %s %I TO %s%s', x.privilege_type,
    CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.relname,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
    CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS sql
FROM ours c CROSS JOIN LATERAL aclexplode(c.relacl) x WHERE x.grantee <> c.relowner
UNION ALL
SELECT c.relname, format('ALTER TABLE %I OWNER TO %I', c.relname, pg_get_userbyid(c.relowner))
FROM ours c WHERE pg_get_userbyid(c.relowner) <> current_user AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0))
UNION ALL
SELECT f.signature, format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', f.signature) FROM functions f WHERE f.proacl IS NOT NULL
UNION ALL
SELECT f.signature, format('GRANT EXECUTE ON ROUTINE %s TO %s%s', f.signature,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
    CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM functions f CROSS JOIN LATERAL aclexplode(f.proacl) x WHERE x.grantee <> f.proowner
UNION ALL
SELECT f.signature, format('ALTER ROUTINE %s OWNER TO %I', f.signature, pg_get_userbyid(f.proowner))
FROM functions f WHERE pg_get_userbyid(f.proowner) <> current_user)";
    const QueryResult rows = co_await lease.execute(std::move(sql), Parameters(), std::move(context));
    std::vector<Right> rights;
    for (const Row& row : rows)
        rights.push_back(Right{std::string(row["name"].as_text()), std::string(row["sql"].as_text())});
    co_return rights;
}

awaitable<void> give_rights(Lease& lease, std::vector<Right> rights, OperationContext context)
{
    if (rights.empty())
        co_return;
    std::string sql = there_sql;
    const QueryResult rows = co_await lease.execute(std::move(sql), Parameters(), context);
    std::set<std::string, std::less<>> there;
    for (const Row& row : rows)
        there.emplace(row[0].as_text());
    for (Right& right : rights)
        if (there.contains(right.on))
            co_await make(lease, "the rights on " + right.on, std::move(right.sql), context);
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

/// As often as somebody else is in the way, until the caller's deadline: nothing has been done yet.
/// \return the rights that were given on what is no longer there
awaitable<std::vector<Right>> begin_empty(Lease& lease, bool with_code, OperationContext context)
{
    const std::string schema = co_await current_schema(lease, context);
    std::string question = "SELECT current_setting('transaction_read_only')::boolean";
    const QueryResult only_reads = co_await lease.execute(std::move(question), Parameters(), context);
    if (only_reads.rows.front()[0].as_bool())
        throw StorageError(StorageErrc::permission,
                           "the server only reads here: it is a standby, or this user or database was set so "
                           "(default_transaction_read_only)");
    while (true) {
        bool in_the_way = false;
        std::vector<Right> rights;
        try {
            co_await begin_alone(lease, schema, context);
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

awaitable<bool> next_piece(Reader reader, std::string& piece, OperationContext context)
{
    auto lines = std::make_shared<std::string>();
    std::function<void()> work = [reader, lines] {
        for (const Row& row : reader->read())
            append_copy_row(*lines, row);
    };
    co_await on_thread(reader, std::move(work), std::move(context));
    piece = std::move(*lines);
    co_return !piece.empty();
}

/// The columns of the archive that the table of the database takes.
awaitable<std::vector<std::string>> columns_of(Lease& lease, const PortableTable& table, OperationContext context)
{
    std::vector<std::string> columns = co_await columns_to_fill(lease, table.name, std::move(context));
    if (columns.empty())
        throw StorageError(StorageErrc::corrupt,
                           "the archive has rows of a table " + table.name + " that its definitions do not make");
    for (const std::string& column : columns)
        if (!table.find(column))
            throw StorageError(StorageErrc::corrupt, "the archive's definition of " + table.name + " has a column " +
                                                         column + " that its rows have not");
    co_return columns;
}

awaitable<void> load(Lease& lease, const PortableTable& table, Reader reader, OperationContext context)
{
    const std::vector<std::string> columns = co_await columns_of(lease, table, context);
    std::function<void()> select = [reader, &table, columns] { reader->select(table, columns); };
    co_await on_thread(reader, std::move(select), context);
    std::function<awaitable<bool>(std::string&)> source = [reader, context](std::string& piece) {
        return next_piece(reader, piece, context);
    };
    std::string sql = "COPY " + quote_identifier(table.name) + " (" + quote_identifiers(columns) + ") FROM STDIN";
    try {
        co_await lease.copy_in(std::move(sql), std::move(source), context);
    } catch (const StorageError& error) {
        throw error.prefixed("restoring the rows of " + table.name + ": ");
    }
}

/// As they were in PostgreSQL.
awaitable<void> fill_by_definitions(Lease& lease, Reader reader, OperationContext context)
{
    const std::vector<archive::Definition>& definitions = reader->definitions();
    const auto last_table = std::find_if(definitions.rbegin(), definitions.rend(),
                                         [](const archive::Definition& one) { return one.kind == "table"; });
    const auto rows_after = static_cast<std::size_t>(definitions.rend() - last_table);
    for (std::size_t i = 0; i <= definitions.size(); ++i) {
        if (i == rows_after)
            for (const PortableTable& table : reader->tables())
                co_await load(lease, table, reader, context);
        if (i == definitions.size())
            break;
        check(definitions[i]);
        co_await make(lease, "the " + definitions[i].kind + " " + definitions[i].name, definitions[i].sql, context);
    }
}

/// As every database has them.
awaitable<void> fill_by_tables(Lease& lease, Reader reader, OperationContext context)
{
    const std::vector<PortableTable>& tables = reader->tables();
    std::vector<TableStatements> statements;
    for (const PortableTable& table : tables) {
        statements.push_back(render(table, SqlDialect::postgresql));
        for (std::string& sql : statements.back().create)
            co_await make(lease, "the table " + table.name, std::move(sql), context);
    }
    for (const PortableTable& table : tables)
        co_await load(lease, table, reader, context);
    for (std::size_t i = 0; i < tables.size(); ++i)
        for (std::string& sql : statements[i].indexes)
            co_await make(lease, "an index of " + tables[i].name, std::move(sql), context);
    for (std::size_t i = 0; i < tables.size(); ++i)
        for (std::string& sql : statements[i].foreign_keys)
            co_await make(lease, "a foreign key of " + tables[i].name, std::move(sql), context);
    for (const std::string& rule : render_rules(tables, SqlDialect::postgresql))
        co_await lease.run(rule, context);
}

std::int64_t last_id(const archive::ArchiveReader& reader, const std::string& table)
{
    for (const auto& [name, id] : reader.last_ids())
        if (name == table)
            return id;
    return 0;
}

/// Past the largest id of the rows, and past those that were given and are gone.
awaitable<void> advance_sequences(Lease& lease, Reader reader, OperationContext context)
{
    const std::vector<OwnedSequence> owned_ones = co_await owned_sequences(lease, context);
    for (const OwnedSequence& owned : owned_ones) {
        std::int64_t given = 0;
        for (const PortableTable& table : reader->tables())
            if (table.automatic_id && table.name == owned.table && table.primary_key.front() == owned.column)
                given = last_id(*reader, table.name);
        const std::string sequence = quote_identifier(owned.sequence);
        std::string sql = "SELECT setval(?::regclass, ids.largest) FROM (SELECT greatest(max(";
        sql.append(quote_identifier(owned.column)).append("), ?::bigint) AS largest FROM ");
        sql.append(quote_identifier(owned.table)).append(") ids, ").append(sequence);
        sql.append(" s WHERE ids.largest > s.last_value OR (ids.largest = s.last_value AND NOT s.is_called)");
        Parameters values = params(arg(sequence), arg(given));
        co_await lease.execute(std::move(sql), std::move(values), context);
    }
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

awaitable<std::string> restore_archive(Lease& lease, std::filesystem::path file, std::string backend,
                                       OperationContext context)
{
    const auto reader = std::make_shared<archive::ArchiveReader>();
    std::function<void()> open = [reader, file, backend] { reader->open(file, backend); };
    co_await on_thread(reader, std::move(open), context);

    const bool has_definitions = !reader->definitions().empty();
    std::vector<Right> rights = co_await begin_empty(lease, has_definitions, context);
    co_await lease.run("SET LOCAL lock_timeout TO 0", context);
    if (has_definitions)
        co_await fill_by_definitions(lease, reader, context);
    else
        co_await fill_by_tables(lease, reader, context);
    co_await advance_sequences(lease, reader, context);
    co_await give_rights(lease, std::move(rights), context);
    co_await analyze(lease, context);
    std::vector<std::string> commit;
    commit.emplace_back("COMMIT");
    co_return co_await lease.run_commands(std::move(commit), true, std::move(context));
}

} // namespace whisperstore::postgresql
