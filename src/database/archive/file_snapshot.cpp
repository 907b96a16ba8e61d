#include "database/archive/file_snapshot.hpp"

#include "database/archive/archive_reader.hpp"
#include "sqlite/store.hpp"

#include <functional>

namespace whisperstore::archive {

namespace {

class FileSnapshot final : public DatabaseSnapshot
{
public:
    FileSnapshot(std::shared_ptr<ArchiveReader> reader, std::string store, OperationContext context)
        : reader_(std::move(reader)), store_(std::move(store)), context_(std::move(context))
    {
    }

    const Contents& contents() const noexcept override { return reader_->contents(); }
    std::string store() const override { return store_; }

    awaitable<std::uint64_t> count(PortableTable table) override
    {
        const auto reader = reader_;
        const auto rows = std::make_shared<std::uint64_t>(0);
        std::function<void()> work = [reader, rows, table] { *rows = reader->count(table); };
        co_await on_thread(std::move(work));
        co_return *rows;
    }

    awaitable<void> select(PortableTable table, std::vector<std::string> columns) override
    {
        const auto reader = reader_;
        std::function<void()> work = [reader, table, columns] { reader->select(table, columns); };
        co_await on_thread(std::move(work));
    }

    awaitable<Rows> next() override
    {
        const auto reader = reader_;
        const auto rows = std::make_shared<Rows>();
        std::function<void()> work = [reader, rows] { *rows = reader->read(); };
        co_await on_thread(std::move(work));
        co_return std::move(*rows);
    }

    awaitable<bool> write_file(std::filesystem::path file, int page_size) override
    {
        const auto reader = reader_;
        std::function<void()> work = [reader, file, page_size] { reader->write_file(file, page_size); };
        co_await on_thread(std::move(work));
        co_return true;
    }

    awaitable<void> close() override
    {
        reader_->close();
        co_return;
    }

private:
    awaitable<void> on_thread(std::function<void()> work)
    {
        const auto reader = reader_;
        std::function<void()> interrupt = [reader] { reader->stop(); };
        co_await sqlite::run_on_thread(std::move(work), context_, std::move(interrupt));
    }

    const std::shared_ptr<ArchiveReader> reader_; // its threads may let go of it later
    const std::string store_;
    const OperationContext context_;
};

awaitable<std::shared_ptr<DatabaseSnapshot>> open(std::function<void(ArchiveReader&)> opening, std::string store,
                                                  OperationContext context)
{
    const auto reader = std::make_shared<ArchiveReader>();
    std::function<void()> work = [reader, opening] { opening(*reader); };
    std::function<void()> interrupt = [reader] { reader->stop(); };
    co_await sqlite::run_on_thread(std::move(work), context, std::move(interrupt));
    co_return std::make_shared<FileSnapshot>(reader, std::move(store), std::move(context));
}

} // namespace

awaitable<std::shared_ptr<DatabaseSnapshot>> open_archive(std::filesystem::path file, std::string backend,
                                                          OperationContext context)
{
    std::function<void(ArchiveReader&)> opening = [file, backend](ArchiveReader& reader) {
        reader.open(file, backend);
    };
    return open(std::move(opening), std::string(), std::move(context));
}

awaitable<std::shared_ptr<DatabaseSnapshot>> open_live_file(sqlite::OpenOptions live, OperationContext context)
{
    std::string store = std::filesystem::absolute(live.path).string();
    std::function<void(ArchiveReader&)> opening = [live](ArchiveReader& reader) { reader.open_live(live); };
    return open(std::move(opening), std::move(store), std::move(context));
}

} // namespace whisperstore::archive
