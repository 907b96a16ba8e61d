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

} // namespace

awaitable<void> write_archive(Lease lease, std::filesystem::path file, std::string backend, OperationContext context)
{
    constexpr int page_size = 4096;
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
