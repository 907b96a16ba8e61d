#include "vector/server/archive_stream.hpp"

namespace whisperstore::vector_server {

using vector_archive::ArchiveReader;
using vector_archive::ArchiveWriter;
using vector_archive::run_stoppable;

namespace {

constexpr std::size_t documents_at_once = 512;

} // namespace

awaitable<void> back_up(std::filesystem::path path, std::string backend, BackupSource source, OperationContext context)
{
    std::vector<std::string> names = co_await source.names();
    auto writer = std::make_shared<std::unique_ptr<ArchiveWriter>>();
    std::function<void(sqlite::Stopper&)> begin = [writer, path, backend](sqlite::Stopper&) {
        *writer = std::make_unique<ArchiveWriter>(path, backend);
    };
    co_await run_stoppable(std::move(begin), context);
    for (const std::string& name : names) {
        const CollectionConfig config = co_await source.config(name);
        (*writer)->begin_collection(name, config);
        std::optional<PageCursor> cursor;
        do {
            auto page = std::make_shared<Page<VectorDocument>>(co_await source.page(name, std::move(cursor)));
            cursor = std::move(page->next);
            std::function<void(sqlite::Stopper&)> add = [writer, page](sqlite::Stopper&) {
                (*writer)->add(page->items);
            };
            co_await run_stoppable(std::move(add), context);
        } while (cursor);
    }
    std::function<void(sqlite::Stopper&)> finish = [writer](sqlite::Stopper& stopper) { (*writer)->finish(stopper); };
    co_await run_stoppable(std::move(finish), context);
}

awaitable<std::shared_ptr<RestoreSource>> RestoreSource::open(std::filesystem::path path, std::string backend,
                                                              OperationContext context)
{
    auto source = std::make_shared<RestoreSource>();
    std::function<void(sqlite::Stopper&)> check = [source, path, backend](sqlite::Stopper& stopper) {
        source->collections_ = vector_archive::check_archive(path, backend, stopper);
        source->reader_ = std::make_unique<ArchiveReader>(path, backend);
    };
    co_await run_stoppable(std::move(check), std::move(context));
    co_return source;
}

awaitable<std::vector<VectorDocument>> RestoreSource::next(std::shared_ptr<RestoreSource> self,
                                                           const vector_archive::StoredCollection& collection,
                                                           OperationContext context)
{
    auto documents = std::make_shared<std::vector<VectorDocument>>();
    std::function<void(sqlite::Stopper&)> read = [self, &collection, documents](sqlite::Stopper&) {
        if (self->collection_ != collection.number) {
            self->collection_ = collection.number;
            self->after_ = 0;
        }
        *documents = self->reader_->read(collection, documents_at_once, self->after_);
        if (documents->empty())
            self->collection_ = 0;
    };
    co_await run_stoppable(std::move(read), std::move(context));
    co_return std::move(*documents);
}

awaitable<std::vector<VectorDocument>> RestoreSource::find(std::shared_ptr<RestoreSource> self,
                                                           const vector_archive::StoredCollection& collection,
                                                           std::vector<std::string> ids, OperationContext context)
{
    auto documents = std::make_shared<std::vector<VectorDocument>>();
    std::function<void(sqlite::Stopper&)> read = [self, &collection, documents,
                                                  wanted = std::move(ids)](sqlite::Stopper&) {
        *documents = self->reader_->find(collection, wanted);
    };
    co_await run_stoppable(std::move(read), std::move(context));
    co_return std::move(*documents);
}

} // namespace whisperstore::vector_server
