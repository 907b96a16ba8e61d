#include "database/postgresql/archive/load_rows.hpp"

#include "database/postgresql/archive/catalog.hpp"
#include "database/postgresql/copy_text.hpp"
#include "sqlite/store.hpp"

#include <functional>

namespace whisperstore::postgresql {

namespace {

/// The lines of COPY for rows. PostgreSQL has no year 0: it is the year 1 before Christ.
std::string lines_of(const Rows& rows, const std::vector<bool>& is_time)
{
    std::string lines;
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i > 0)
                lines.push_back('\t');
            const ValueView value = row[i];
            if (is_time[i] && value.kind() == ValueKind::text && value.as_text().starts_with("0000-"))
                lines.append("0001").append(value.as_text().substr(4)).append(" BC");
            else
                append_copy_value(lines, value);
        }
        lines.push_back('\n');
    }
    return lines;
}

awaitable<bool> next_lines(std::shared_ptr<DatabaseSnapshot> from, std::shared_ptr<const std::vector<bool>> is_time,
                           std::string& piece, OperationContext context)
{
    const Rows rows = co_await from->next();
    if (rows.empty())
        co_return false;
    const auto lines = std::make_shared<std::string>();
    std::function<void()> work = [rows, is_time, lines] { *lines = lines_of(rows, *is_time); };
    co_await sqlite::run_on_thread(std::move(work), std::move(context));
    piece = std::move(*lines);
    co_return true;
}

std::int64_t last_id(const archive::Contents& contents, const std::string& table)
{
    for (const auto& [name, id] : contents.last_ids)
        if (name == table)
            return id;
    return 0;
}

} // namespace

awaitable<void> refuse_read_only(Lease& lease, OperationContext context)
{
    std::string question = "SELECT current_setting('transaction_read_only')::boolean";
    const QueryResult only_reads = co_await lease.execute(std::move(question), Parameters(), std::move(context));
    if (only_reads.rows.front()[0].as_bool())
        throw StorageError(StorageErrc::permission,
                           "the server only reads here: it is a standby, or this user or database was set so "
                           "(default_transaction_read_only)");
}

awaitable<void> make(Lease& lease, std::string what, std::string sql, OperationContext context)
{
    std::vector<std::string> commands;
    commands.push_back(std::move(sql));
    try {
        co_await lease.run_commands(std::move(commands), false, std::move(context));
    } catch (const StorageError& error) {
        throw error.prefixed("making " + what + ": ");
    }
}

awaitable<void> copy_rows(Lease& lease, std::shared_ptr<DatabaseSnapshot> from, PortableTable table, std::string into,
                          std::vector<std::string> columns, std::string options, OperationContext context)
{
    std::vector<bool> times;
    for (const std::string& name : columns) {
        const PortableColumn* column = table.find(name);
        times.push_back(column && column->type == PortableType::timestamp);
    }
    const auto is_time = std::make_shared<const std::vector<bool>>(std::move(times));
    std::string sql = "COPY " + into + " (" + quote_identifiers(columns) + ") FROM STDIN " + options;
    co_await from->select(table, std::move(columns));
    std::function<awaitable<bool>(std::string&)> source = [from, is_time, context](std::string& piece) {
        return next_lines(from, is_time, piece, context);
    };
    try {
        co_await lease.copy_in(std::move(sql), std::move(source), context);
    } catch (const StorageError& error) {
        throw error.prefixed("loading the rows of " + table.name + ": ");
    }
}

awaitable<void> advance_sequences(Lease& lease, const archive::Contents& contents, OperationContext context)
{
    const std::vector<OwnedSequence> owned_ones = co_await owned_sequences(lease, context);
    for (const OwnedSequence& owned : owned_ones) {
        std::int64_t given = 0;
        for (const PortableTable& table : contents.tables)
            if (table.automatic_id && table.name == owned.table && table.primary_key.front() == owned.column)
                given = last_id(contents, table.name);
        const std::string sequence = quote_identifier(owned.sequence);
        std::string sql = "SELECT setval(?::regclass, ids.largest) FROM (SELECT greatest(max(";
        sql.append(quote_identifier(owned.column)).append("), ?::bigint) AS largest FROM ");
        sql.append(quote_identifier(owned.table)).append(") ids, ").append(sequence);
        sql.append(" s WHERE ids.largest > s.last_value OR (ids.largest = s.last_value AND NOT s.is_called)");
        Parameters values = params(arg(sequence), arg(given));
        co_await lease.execute(std::move(sql), std::move(values), context);
    }
}

} // namespace whisperstore::postgresql
