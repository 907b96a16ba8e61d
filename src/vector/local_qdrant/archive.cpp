#include "vector/local_qdrant/archive.hpp"

#include "sqlite/files.hpp"

#include <whisperstore/core/error.hpp>

namespace whisperstore::local_qdrant {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t rows_between_checks = 256;

sqlite::OpenOptions reading(const fs::path& path)
{
    sqlite::OpenOptions options;
    options.path = path;
    options.read_only = true;
    options.backend = backend;
    return options;
}

/// A database in one file, made here and nowhere else open. It is synced as a whole when it is finished.
sqlite::OpenOptions making(const fs::path& path)
{
    sqlite::OpenOptions options;
    options.path = path;
    options.archive = true;
    options.page_size = file_page_size;
    options.synchronous = "OFF";
    options.backend = backend;
    return options;
}

void copy_documents(sqlite::Connection& from, std::int64_t from_collection, sqlite::Connection& to,
                    std::int64_t to_collection, sqlite::Stopper& stopper)
{
    sqlite::Statement rows =
        from.prepare("SELECT id, embedding, metadata, content FROM documents WHERE +collection = ?1 ORDER BY seq");
    rows.bind(1, from_collection);
    sqlite::Statement insert =
        to.prepare("INSERT INTO documents (collection, id, embedding, metadata, content) VALUES (?1, ?2, ?3, ?4, ?5)");
    insert.bind(1, to_collection);
    for (std::int64_t copied = 0; rows.step(); ++copied) {
        if (copied % rows_between_checks == 0)
            check_stop(stopper);
        insert.reset();
        insert.bind_text(2, rows.column_text(0));
        insert.bind_blob(3, rows.column_blob(1));
        insert.bind_text(4, rows.column_text(2));
        insert.bind_text(5, rows.column_text(3));
        insert.run();
    }
}

void check_documents(sqlite::Connection& archive, const StoredCollection& collection, sqlite::Stopper& stopper)
{
    sqlite::Statement rows =
        archive.prepare("SELECT id, embedding, metadata, content FROM documents WHERE +collection = ?1 ORDER BY seq");
    rows.bind(1, collection.number);
    for (std::int64_t checked = 0; rows.step(); ++checked) {
        if (checked % rows_between_checks == 0)
            check_stop(stopper);
        const VectorDocument document = read_document(archive, rows, 0, collection.config.embedding_dimension);
        try {
            check_document(document, collection.config.embedding_dimension);
        } catch (const StorageError& error) {
            throw_corrupt(archive, "holds a document that cannot be: " + error.message());
        }
    }
}

} // namespace

StorageError as_damage(const StorageError& error, const fs::path& path)
{
    if (error.errc() != StorageErrc::not_found && error.errc() != StorageErrc::syntax)
        return error;
    return StorageError(StorageErrc::corrupt,
                        path.string() + " has not the tables of a collection: " + error.message() +
                            "; restore it from a backup",
                        ErrorDetails{std::string(backend)});
}

void write_archive(const fs::path& path, const std::vector<std::pair<std::string, fs::path>>& collections,
                   sqlite::Stopper& stopper)
{
    sqlite::PartialFile partial(path, backend);
    {
        sqlite::Connection archive(making(partial.path()));
        archive.execute("BEGIN");
        create_layout(archive);
        for (const auto& [name, file] : collections) {
            sqlite::Connection source(reading(file));
            const sqlite::Stopper::Scope scope(stopper, source);
            source.execute("BEGIN"); // one snapshot, however many writes come meanwhile
            try {
                const StoredCollection stored = read_own_collection(source);
                copy_documents(source, stored.number, archive, insert_collection(archive, name, stored.config),
                               stopper);
            } catch (const StorageError& error) {
                throw as_damage(error, file);
            }
        }
        archive.execute("COMMIT");
        const sqlite::Stopper::Scope scope(stopper, archive);
        if (const std::string check = archive.query_text("PRAGMA quick_check(1)"); check != "ok")
            throw_corrupt(archive, "does not pass its check: " + check);
    }
    check_stop(stopper);
    partial.publish();
}

std::vector<StoredCollection> check_archive(const fs::path& path, sqlite::Stopper& stopper)
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
        throw as_damage(error, path);
    }
}

void extract_collection(const fs::path& archive, const StoredCollection& collection, const fs::path& file,
                        sqlite::Stopper& stopper)
{
    {
        sqlite::Connection source(reading(archive));
        sqlite::Connection target(making(file));
        const sqlite::Stopper::Scope scope(stopper, source);
        target.execute("BEGIN");
        create_layout(target);
        copy_documents(source, collection.number, target, insert_collection(target, collection.name, collection.config),
                       stopper);
        target.execute("COMMIT");
    }
    sqlite::sync_path(file, backend);
}

void make_collection_file(const fs::path& file, std::string_view name, const CollectionConfig& config)
{
    sqlite::Connection connection(making(file));
    connection.execute("BEGIN");
    create_layout(connection);
    insert_collection(connection, name, config);
    connection.execute("COMMIT");
}

} // namespace whisperstore::local_qdrant
