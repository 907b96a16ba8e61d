#include "database/archive/archive_load.hpp"

#include "core/both.hpp"
#include "sqlite/thread_result.hpp"

#include <utility>
#include <vector>

namespace whisperstore::archive {

namespace {

using Writer = std::shared_ptr<ArchiveWriter>;
using Pieces = std::vector<Rows>;

// Handed to the writer's thread together, so that neither side waits for the other at every one.
constexpr std::size_t pieces_at_once = 4;

awaitable<void> insert(Writer writer, std::shared_ptr<const PortableTable> table, Pieces pieces,
                       OperationContext context)
{
    std::function<void()> work = [writer, table, pieces] {
        for (const Rows& rows : pieces)
            writer->insert(*table, rows);
    };
    co_await on_thread(writer, std::move(work), std::move(context));
}

struct Ahead
{
    Pieces pieces;
    bool at_end = false;
};

awaitable<void> read_ahead(std::shared_ptr<DatabaseSnapshot> from, std::shared_ptr<Ahead> ahead)
{
    while (!ahead->at_end && ahead->pieces.size() < pieces_at_once) {
        Rows read = co_await from->next();
        ahead->at_end = read.empty();
        if (!ahead->at_end)
            ahead->pieces.push_back(std::move(read));
    }
}

awaitable<void> write_table(Writer writer, std::shared_ptr<DatabaseSnapshot> from,
                            std::shared_ptr<const PortableTable> table, OperationContext context)
{
    std::vector<std::string> columns;
    for (const PortableColumn& column : table->columns)
        columns.push_back(column.name);
    co_await from->select(*table, std::move(columns));
    const auto ahead = std::make_shared<Ahead>();
    co_await read_ahead(from, ahead);
    while (!ahead->pieces.empty()) {
        awaitable<void> writing = insert(writer, table, std::exchange(ahead->pieces, Pieces()), context);
        awaitable<void> reading = read_ahead(from, ahead);
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
