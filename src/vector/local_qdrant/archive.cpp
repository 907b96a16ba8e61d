#include "vector/local_qdrant/archive.hpp"

#include "sqlite/files.hpp"

#include <whisperstore/core/error.hpp>

namespace whisperstore::local_qdrant {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t rows_between_checks = 256;

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

} // namespace

void write_archive(const fs::path& path, const std::vector<std::pair<std::string, fs::path>>& collections,
                   sqlite::Stopper& stopper)
{
    sqlite::PartialFile partial(path, backend);
    {
        sqlite::Connection archive(making(partial.path(), backend));
        archive.execute("BEGIN");
        create_layout(archive);
        for (const auto& [name, file] : collections) {
            sqlite::Connection source(reading(file, backend));
            const sqlite::Stopper::Scope scope(stopper, source);
            source.execute("BEGIN"); // one snapshot, however many writes come meanwhile
            try {
                const StoredCollection stored = read_own_collection(source);
                copy_documents(source, stored.number, archive, insert_collection(archive, name, stored.config),
                               stopper);
            } catch (const StorageError& error) {
                throw as_damage(error, file, backend);
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

void extract_collection(const fs::path& archive, const StoredCollection& collection, const fs::path& file,
                        sqlite::Stopper& stopper)
{
    {
        sqlite::Connection source(reading(archive, backend));
        sqlite::Connection target(making(file, backend));
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
    sqlite::Connection connection(making(file, backend));
    connection.execute("BEGIN");
    create_layout(connection);
    insert_collection(connection, name, config);
    connection.execute("COMMIT");
}

} // namespace whisperstore::local_qdrant
