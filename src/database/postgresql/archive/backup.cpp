#include "database/archive/archive_load.hpp"
#include "database/postgresql/archive/archive.hpp"
#include "database/postgresql/archive/snapshot.hpp"

#include <algorithm>

namespace whisperstore::postgresql {

namespace {

/// A backup has everything or is none.
void refuse_what_is_left_out(const archive::Contents& contents)
{
    const auto missing = std::find_if(contents.left_out.begin(), contents.left_out.end(),
                                      [](const archive::LeftOut& one) { return one.has_rows; });
    if (missing != contents.left_out.end())
        throw StorageError(StorageErrc::unsupported, missing->name + " " + missing->reason +
                                                         ", which an archive cannot hold: back this database up with "
                                                         "pg_dump, or move the table into another schema");
}

/// Large pages take fewer writes and reads; of a small database every table would waste most of one.
awaitable<int> page_size_for(Lease& lease, OperationContext context)
{
    constexpr std::int64_t large = 64 * 1024 * 1024;
    std::string sql = "SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint FROM pg_class c JOIN pg_namespace n ON "
                      "n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'";
    const QueryResult size = co_await lease.execute(std::move(sql), Parameters(), std::move(context));
    co_return size.rows.front()[0].as_int() < large ? 4096 : 32768;
}

} // namespace

awaitable<void> write_archive(Lease lease, std::filesystem::path file, std::string backend, OperationContext context)
{
    const int page_size = co_await page_size_for(lease, context);
    auto opened = co_await archive::open_writer(std::move(file), std::move(backend), page_size, context);
    const archive::Writing writing(std::move(opened));
    const std::shared_ptr<archive::ArchiveWriter>& writer = writing.writer();
    const std::shared_ptr<DatabaseSnapshot> snapshot = co_await open_snapshot(std::move(lease), context);
    refuse_what_is_left_out(snapshot->contents());
    co_await archive::write_tables(writer, snapshot, context);
    co_await snapshot->close();
    std::function<void()> finish = [writer, snapshot] { writer->finish(snapshot->contents()); };
    co_await archive::on_thread(writer, std::move(finish), std::move(context));
}

} // namespace whisperstore::postgresql
