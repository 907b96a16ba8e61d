#include "database/archive/archive_load.hpp"

#include "core/both.hpp"
#include "sqlite/thread_result.hpp"

namespace whisperstore::archive {

namespace {

using Writer = std::shared_ptr<ArchiveWriter>;

awaitable<void> insert(Writer writer, std::shared_ptr<const PortableTable> table, Rows rows, OperationContext context)
{
    std::function<void()> work = [writer, table, rows] { writer->insert(*table, rows); };
    co_await on_thread(writer, std::move(work), std::move(context));
}

awaitable<void> read_next(std::shared_ptr<DatabaseSnapshot> from, std::shared_ptr<Rows> rows)
{
    Rows read = co_await from->next();
    *rows = std::move(read);
}

awaitable<void> write_table(Writer writer, std::shared_ptr<DatabaseSnapshot> from,
                            std::shared_ptr<const PortableTable> table, OperationContext context)
{
    std::vector<std::string> columns;
    for (const PortableColumn& column : table->columns)
        columns.push_back(column.name);
    co_await from->select(*table, std::move(columns));
    const auto next = std::make_shared<Rows>();
    co_await read_next(from, next);
    while (!next->empty()) {
        Rows rows = std::move(*next);
        *next = Rows();
        awaitable<void> writing = insert(writer, table, std::move(rows), context);
        awaitable<void> reading = read_next(from, next);
        co_await both(std::move(writing), std::move(reading));
    }
}

} // namespace

awaitable<Writer> open_writer(std::filesystem::path file, std::string backend, int page_size, OperationContext context)
{
    std::function<Writer()> open = [file, backend, page_size] {
        return std::make_shared<ArchiveWriter>(file, backend, page_size);
    };
    return sqlite::result_of_thread(std::move(open), std::move(context));
}

awaitable<void> on_thread(Writer writer, std::function<void()> work, OperationContext context)
{
    std::function<void()> interrupt = [writer] { writer->stop(); };
    co_await sqlite::run_on_thread(std::move(work), std::move(context), std::move(interrupt));
}

awaitable<void> write_tables(Writer writer, std::shared_ptr<DatabaseSnapshot> from, OperationContext context)
{
    const auto contents = std::make_shared<const Contents>(from->contents());
    std::function<void()> create = [writer, contents] { writer->create_tables(contents->tables); };
    co_await on_thread(writer, std::move(create), context);
    for (const PortableTable& table : contents->tables) {
        std::shared_ptr<const PortableTable> shared(contents, &table);
        co_await write_table(writer, from, std::move(shared), context);
    }
}

} // namespace whisperstore::archive
