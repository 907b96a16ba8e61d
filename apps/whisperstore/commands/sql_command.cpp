// sql

#include "commands/command_tree.hpp"
#include "commands/sql_parameter.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"

#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>

namespace whisperstore::cli {

namespace {

struct SqlArguments
{
    std::string query;
    std::vector<std::string> parameters;
};

std::string text_of(const ValueView& value)
{
    switch (value.kind()) {
    case ValueKind::null:
        return "null";
    case ValueKind::text:
        return std::string(value.as_text());
    case ValueKind::boolean:
        return value.as_bool() ? "true" : "false";
    case ValueKind::integer:
        return std::to_string(value.as_int());
    case ValueKind::real:
        return compact(to_json(value));
    case ValueKind::blob:
        return "(" + file_size(value.as_blob().size()) + ")";
    }
    return {};
}

/// Writes rows piece by piece, as a table or as a JSON list.
class RowWriter
{
public:
    explicit RowWriter(Invocation& invocation) : invocation_(invocation), table_(invocation.terminal()) {}

    void add(const Rows& rows)
    {
        if (invocation_.json()) {
            if (!list_)
                list_.emplace(invocation_.out());
            for (const Row& row : rows)
                list_->add(row.to_json());
        } else {
            add_to_table(rows);
        }
        count_ += rows.size();
    }

    void end()
    {
        if (invocation_.json()) {
            add(Rows()); // an empty list is a list too
            list_->end();
        } else if (has_columns_ && invocation_.terminal().is_terminal) {
            invocation_.out().line(invocation_.terminal().paint(Tone::quiet, "(" + counted(count_, "row") + ")"));
        }
    }

private:
    void add_to_table(const Rows& rows)
    {
        if (!has_columns_) {
            has_columns_ = !rows.columns().empty();
            for (std::size_t i = 0; i < rows.columns().size(); ++i)
                table_.column(rows.columns()[i], is_numeric(rows, i) ? Align::right : Align::left);
        }
        if (as_records_)
            return print_records(rows);
        for (const Row& row : rows) {
            std::vector<Cell> cells;
            cells.reserve(row.size());
            for (std::size_t i = 0; i < row.size(); ++i)
                cells.emplace_back(text_of(row[i]), tone_of(row[i]));
            table_.row(std::move(cells));
        }
        if (count_ == 0 && table_.is_cramped()) {
            as_records_ = true;
            return print_records(rows);
        }
        table_.print(invocation_.out());
    }
    /// Many columns on a narrow terminal: a line for each cell.
    void print_records(const Rows& rows)
    {
        const Terminal& terminal = invocation_.terminal();
        std::size_t names = 0;
        for (const std::string& column : rows.columns())
            names = std::max(names, display_width(one_line(column)));
        const std::size_t room = terminal.width > names + 22 ? terminal.width - names - 2 : 20;
        for (std::size_t index = 0; index < rows.size(); ++index) {
            const Row row = rows[index];
            const std::string number = "── " + grouped(count_ + index + 1) + " ";
            const std::size_t used = display_width(number);
            invocation_.out().line(
                terminal.paint(Tone::quiet, number + repeat("─", terminal.width > used ? terminal.width - used : 0)));
            for (std::size_t i = 0; i < row.size(); ++i) {
                std::string start = terminal.paint(Tone::cyan, pad_right(one_line(row.columns()[i]), names)) + "  ";
                for (const std::string& line : wrap(one_line(text_of(row[i])), room)) {
                    invocation_.out().line(start + terminal.paint(tone_of(row[i]), line));
                    start.assign(names + 2, ' ');
                }
            }
        }
    }
    static Tone tone_of(const ValueView& value) { return value.is_null() ? Tone::quiet : Tone::plain; }
    static bool is_numeric(const Rows& rows, std::size_t column)
    {
        return !rows.empty() && std::all_of(rows.begin(), rows.end(), [column](const Row& row) {
            const ValueKind kind = row[column].kind();
            return kind == ValueKind::integer || kind == ValueKind::real || kind == ValueKind::null;
        });
    }

    Invocation& invocation_;
    Table table_;
    std::optional<JsonList> list_;
    bool has_columns_ = false;
    bool as_records_ = false;
    std::uint64_t count_ = 0;
};

/// An operation's result has to be one that can be made empty, which a stream cannot.
awaitable<std::shared_ptr<RowStream>> open_stream(AbstractDatabaseAdapter& database, std::string query,
                                                  Parameters parameters, OperationContext context)
{
    co_return std::make_shared<RowStream>(
        co_await database.stream_query(std::move(query), std::move(parameters), std::move(context)));
}

/// Streams a query that only reads. False: it is not one, and nothing has been written or changed.
bool stream(Invocation& invocation, AbstractDatabaseAdapter& database, const std::string& query,
            const Parameters& parameters)
{
    std::shared_ptr<RowStream> rows;
    try {
        rows = invocation.run(open_stream(database, query, parameters, invocation.context()));
    } catch (const StorageError& error) {
        if (error.errc() == StorageErrc::invalid_argument)
            return false; // it writes; or it is wrong, which execute_query() will say too
        throw;
    }
    RowWriter writer(invocation);
    for (bool first = true;; first = false) {
        const Rows piece = invocation.run(rows->next());
        if (piece.empty() && !first)
            break;
        writer.add(piece);
        if (piece.empty())
            break;
        invocation.out().flush();
    }
    writer.end();
    return true;
}

void write_result(Invocation& invocation, const QueryResult& result)
{
    if (!result.columns().empty() || invocation.json()) {
        RowWriter writer(invocation);
        writer.add(result.rows);
        writer.end();
        return;
    }
    invocation.out().line(counted(static_cast<std::uint64_t>(result.row_count), "row") + " changed in " +
                          duration(result.execution_time_ms / 1000));
}

Exit run_sql(Invocation& invocation, const SqlArguments& arguments)
{
    std::string query = arguments.query;
    if (query == "-")
        query.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    Parameters parameters;
    for (const std::string& text : arguments.parameters) {
        Parameter parameter = parse_parameter(text);
        parameters.add(std::move(parameter.name), std::move(parameter.value));
    }
    const AdaptiveConfigManager manager = invocation.configure();
    {
        OpenStorage storage = invocation.open(manager, Access::read);
        if (stream(invocation, storage->database(), query, parameters)) {
            storage.close();
            return Exit::done;
        }
        // A read-only database refuses writes before they begin: only then is the writer's place asked for.
        try {
            const QueryResult result =
                invocation.run(storage->database().execute_query(query, parameters, invocation.context()));
            storage.close();
            write_result(invocation, result);
            return Exit::done;
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::permission || manager.get_storage_configuration().database.read_only)
                throw;
        }
        storage.close();
    }
    OpenStorage storage = invocation.open(manager, Access::write);
    const QueryResult result =
        invocation.run(storage->database().execute_query(query, parameters, invocation.context()));
    storage.close();
    write_result(invocation, result);
    return Exit::done;
}

} // namespace

void add_sql_command(CLI::App& program, Selected& selected)
{
    auto arguments = std::make_shared<SqlArguments>();
    CLI::App* command = program.add_subcommand("sql", "Run one SQL statement, values always bound");
    command
        ->add_option("QUERY", arguments->query,
                     "The statement, with :name, ? or $1 where values go; - reads it from standard input")
        ->required();
    command
        ->add_option("--param", arguments->parameters,
                     "A value, in order of the placeholders where they have no names; may be given several times. "
                     "TYPE is text, int, real, bool, time, json, blob (base64) or null; without it whole numbers and "
                     "decimals are numbers and everything else is text")
        ->option_text("NAME[:TYPE]=VALUE")
        ->allow_extra_args(false);
    command->footer("Examples:\n"
                    "  whisperstore sql 'SELECT username, count(*) AS n FROM messages GROUP BY 1'\n"
                    "  whisperstore sql 'SELECT content FROM messages WHERE user_id = :u LIMIT :n' \\\n"
                    "      --param u=mira --param n=5\n"
                    "\n"
                    "A statement that only reads runs beside a process that writes. Any other needs\n"
                    "the data for itself.");
    command->callback([&selected, arguments] {
        selected.action = [arguments](Invocation& invocation) { return run_sql(invocation, *arguments); };
    });
}

} // namespace whisperstore::cli
