#include "vector/archive/archive_file.hpp"

#include "sqlite/store.hpp"

#include <whisperstore/core/error.hpp>

#include <sqlite3.h>

namespace whisperstore::vector_archive {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t rows_between_checks = 256;

void check_documents(sqlite::Connection& archive, const StoredCollection& collection, sqlite::Stopper& stopper)
{
    sqlite::Statement rows =
        archive.prepare("SELECT id, embedding, metadata, content FROM documents WHERE +collection = ?1 ORDER BY seq");
    rows.bind(1, collection.number);
    for (std::int64_t checked = 0; rows.step(); ++checked) {
        if (checked % rows_between_checks == 0)
            check_stop(stopper, archive.options().backend);
        const VectorDocument document = read_document(archive, rows, 0, collection.config.embedding_dimension);
        try {
            check_document(document, collection.config.embedding_dimension);
        } catch (const StorageError& error) {
            throw_corrupt(archive, "holds a document that cannot be: " + error.message());
        }
    }
}

} // namespace

void check_stop(const sqlite::Stopper& stopper, std::string_view backend)
{
    // In SQLite's own words: run_on_thread turns them into `timeout` or `cancelled`.
    if (stopper.stopped())
        throw sqlite::make_error(SQLITE_INTERRUPT, "interrupted", {}, backend);
}

awaitable<void> run_stoppable(std::function<void(sqlite::Stopper&)> work, OperationContext context)
{
    auto stopper = std::make_shared<sqlite::Stopper>();
    std::function<void()> blocking = [work = std::move(work), stopper] { work(*stopper); };
    std::function<void()> interrupt = [stopper] { stopper->stop(); };
    co_await sqlite::run_on_thread(std::move(blocking), std::move(context), std::move(interrupt));
}

sqlite::OpenOptions reading(const fs::path& path, std::string_view backend)
{
    sqlite::OpenOptions options;
    options.path = path;
    options.read_only = true;
    options.backend = backend;
    return options;
}

sqlite::OpenOptions making(const fs::path& path, std::string_view backend)
{
    sqlite::OpenOptions options;
    options.path = path;
    options.archive = true;
    options.page_size = file_page_size;
    options.synchronous = "OFF";
    options.backend = backend;
    return options;
}

StorageError as_damage(const StorageError& error, const fs::path& path, std::string_view backend)
{
    if (error.errc() != StorageErrc::not_found && error.errc() != StorageErrc::syntax)
        return error;
    return StorageError(StorageErrc::corrupt,
                        path.string() + " has not the tables of a collection: " + error.message() +
                            "; restore it from a backup",
                        ErrorDetails{std::string(backend)});
}

std::vector<StoredCollection> check_archive(const fs::path& path, std::string_view backend, sqlite::Stopper& stopper)
{
    const std::unique_ptr<sqlite::Connection> archive = sqlite::open_for_check(path, backend);
    const sqlite::Stopper::Scope scope(stopper, *archive);
    archive->execute("BEGIN");
    check_marks(*archive);
    sqlite::check_integrity(*archive);
    try {
        std::vector<StoredCollection> collections = read_collections(*archive);
        for (const StoredCollection& collection : collections)
            check_documents(*archive, collection, stopper);
        return collections;
    } catch (const StorageError& error) {
        throw as_damage(error, path, backend);
    }
}

ArchiveWriter::ArchiveWriter(const fs::path& path, std::string_view backend)
    : backend_(backend),
      partial_(path, backend),
      connection_(std::make_unique<sqlite::Connection>(making(partial_.path(), backend)))
{
    connection_->execute("BEGIN");
    create_layout(*connection_);
}

void ArchiveWriter::begin_collection(std::string_view name, const CollectionConfig& config)
{
    collection_ = insert_collection(*connection_, name, config);
}

void ArchiveWriter::add(const std::vector<VectorDocument>& documents)
{
    sqlite::Statement insert = connection_->prepare(
        "INSERT INTO documents (collection, id, embedding, metadata, content) VALUES (?1, ?2, ?3, ?4, ?5)");
    insert.bind(1, collection_);
    for (const VectorDocument& document : documents) {
        const DocumentRow row = make_row(document);
        insert.reset();
        insert.bind_text(2, row.id);
        insert.bind_blob(3, row.embedding);
        insert.bind_text(4, row.metadata);
        insert.bind_text(5, row.content);
        insert.run();
    }
}

void ArchiveWriter::finish(sqlite::Stopper& stopper)
{
    connection_->execute("COMMIT");
    {
        const sqlite::Stopper::Scope scope(stopper, *connection_);
        if (const std::string check = connection_->query_text("PRAGMA quick_check(1)"); check != "ok")
            throw_corrupt(*connection_, "does not pass its check: " + check);
    }
    connection_.reset();
    check_stop(stopper, backend_);
    partial_.publish();
}

ArchiveReader::ArchiveReader(const fs::path& path, std::string_view backend) : connection_(reading(path, backend)) {}

std::vector<VectorDocument> ArchiveReader::read(const StoredCollection& collection, std::size_t most,
                                                std::int64_t& after)
{
    std::vector<VectorDocument> documents;
    sqlite::Statement rows = connection_.prepare("SELECT seq, id, embedding, metadata, content FROM documents "
                                                 "WHERE +collection = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3");
    rows.bind(1, collection.number);
    rows.bind(2, after);
    rows.bind(3, static_cast<std::int64_t>(most));
    while (rows.step()) {
        after = rows.column_int(0);
        documents.push_back(read_document(connection_, rows, 1, collection.config.embedding_dimension));
    }
    return documents;
}

std::vector<VectorDocument> ArchiveReader::find(const StoredCollection& collection, const std::vector<std::string>& ids)
{
    std::vector<VectorDocument> documents;
    sqlite::Statement row = connection_.prepare("SELECT id, embedding, metadata, content FROM documents "
                                                "WHERE collection = ?1 AND id = ?2");
    row.bind(1, collection.number);
    for (const std::string& id : ids) {
        row.reset();
        row.bind_text(2, id);
        if (row.step())
            documents.push_back(read_document(connection_, row, 0, collection.config.embedding_dimension));
    }
    return documents;
}

} // namespace whisperstore::vector_archive
