#include "database/postgresql/bulk_load.hpp"

#include "core/failure.hpp"
#include "database/postgresql/copy_text.hpp"

namespace whisperstore::postgresql {

namespace {

constexpr std::size_t copy_piece = 256 * 1024;

std::string copy_command(const std::string& table, const std::vector<std::string>& columns)
{
    if (columns.empty())
        throw StorageError(StorageErrc::invalid_argument, "no column is named");
    std::string sql = "COPY " + quoted_identifier(table, "the table") + " (";
    for (std::size_t i = 0; i < columns.size(); ++i)
        sql += (i == 0 ? "" : ", ") + quoted_identifier(columns[i], "a column");
    return sql += ") FROM STDIN";
}

} // namespace

awaitable<std::uint64_t> bulk_load(std::shared_ptr<Operations> operations, std::string table,
                                   std::vector<std::string> columns,
                                   std::function<std::optional<std::vector<Value>>()> next, OperationContext context)
{
    const std::string_view backend = operations->backend();
    const auto router = operations->router("bulk_load");
    context.check_deadline(backend, "bulk_load");
    CallMeasure measure(operations->counters());
    std::uint64_t rows = 0;
    try {
        const std::string sql = copy_command(table, columns);
        std::size_t row = 0;
        bool ended = false; // the caller is not asked again after its last row
        const std::function<bool(std::string&)> source = [&](std::string& piece) {
            while (!ended && piece.size() < copy_piece) {
                const std::optional<std::vector<Value>> values = next();
                if (!values) {
                    ended = true;
                    break;
                }
                ++row;
                if (values->size() != columns.size())
                    throw StorageError(StorageErrc::invalid_argument,
                                       "row " + std::to_string(row) + " has " + std::to_string(values->size()) +
                                           " values for " + std::to_string(columns.size()) + " columns");
                append_copy_row(piece, *values);
            }
            return !piece.empty();
        };
        const std::function<awaitable<void>(Lease&)> work = [&](Lease& lease) -> awaitable<void> {
            rows = co_await lease.copy_in(sql, source, context);
        };
        // Not a second time: the rows that were taken from the caller are gone.
        co_await operations->on_writer(router, false, context, work);
        router->wrote(context, std::string());
    } catch (...) {
        rethrow_as_storage_error(backend, "bulk_load");
    }
    measure.succeed();
    co_return rows;
}

} // namespace whisperstore::postgresql
