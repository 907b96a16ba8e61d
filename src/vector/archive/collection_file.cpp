#include "vector/archive/collection_file.hpp"

#include "vector/about_text.hpp"

#include <whisperstore/core/error.hpp>

#include <bit>
#include <cmath>
#include <cstring>

namespace whisperstore::vector_archive {

namespace {

constexpr std::int64_t application_id = 0x57537664; // "WSvd"
constexpr std::int64_t format_version = 1;
constexpr std::int64_t newest_format_version = 2; // with an index of words
constexpr std::string_view model_key = "embedding_model";
constexpr std::string_view lexical_key = "lexical";
// Read-only openers that stayed away for more deletions than this read the collection anew.
constexpr std::int64_t deletions_kept = 100'000;
constexpr std::int64_t deletions_between_trims = 1024;
// What rounding to float32 leaves of a unit vector's length is far below.
constexpr double unit_tolerance = 1e-4;

static_assert(std::endian::native == std::endian::little, "embeddings are stored as they lie in memory: little-endian");

} // namespace

void throw_corrupt(const sqlite::Connection& connection, const std::string& why)
{
    throw StorageError(StorageErrc::corrupt,
                       connection.options().path.string() + " " + why + "; restore it from a backup",
                       ErrorDetails{std::string(connection.options().backend)});
}

void create_layout(sqlite::Connection& connection)
{
    connection.execute(R"sql(
CREATE TABLE collections (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    embedding_dimension INTEGER NOT NULL,
    distance_metric TEXT NOT NULL,
    description TEXT NOT NULL,
    metadata TEXT NOT NULL
) STRICT;
CREATE TABLE documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL REFERENCES collections (number),
    id TEXT NOT NULL,
    embedding BLOB NOT NULL,
    metadata TEXT NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (collection, id)
) STRICT;
CREATE TABLE deletions (
    change INTEGER PRIMARY KEY AUTOINCREMENT,
    seq INTEGER NOT NULL
) STRICT;
)sql");
    connection.execute("PRAGMA application_id=" + std::to_string(application_id) +
                       "; PRAGMA user_version=" + std::to_string(format_version));
}

std::string stored_metadata(const CollectionConfig& config)
{
    json::object metadata = config.metadata;
    if (!config.embedding_model.empty())
        metadata[model_key] = config.embedding_model;
    if (config.lexical)
        metadata[lexical_key] = true;
    return json::serialize(metadata);
}

std::int64_t insert_collection(sqlite::Connection& connection, std::string_view name, const CollectionConfig& config)
{
    sqlite::Statement insert = connection.prepare(
        "INSERT INTO collections (name, embedding_dimension, distance_metric, description, metadata) "
        "VALUES (?1, ?2, ?3, ?4, ?5)");
    const std::string metadata = stored_metadata(config);
    insert.bind_text(1, name);
    insert.bind(2, static_cast<std::int64_t>(config.embedding_dimension));
    insert.bind_text(3, config.distance_metric);
    insert.bind_text(4, config.description);
    insert.bind_text(5, metadata);
    insert.run();
    return connection.last_insert_rowid();
}

void check_marks(sqlite::Connection& connection)
{
    if (connection.query_int("PRAGMA application_id") != application_id)
        throw_corrupt(connection, "is a SQLite database, but not one of vectors");
    if (connection.query_int("PRAGMA user_version") > newest_format_version)
        throw StorageError(StorageErrc::version_mismatch,
                           connection.options().path.string() + " was written by a newer whisperstore: use that one",
                           ErrorDetails{std::string(connection.options().backend)});
}

namespace {

/// Out of the metadata, where they are what they should be: older programs stored any metadata.
void take_settings(CollectionConfig& config)
{
    if (const json::value* model = config.metadata.if_contains(model_key); model && model->is_string()) {
        config.embedding_model = model->get_string();
        config.metadata.erase(model_key);
    }
    if (const json::value* lexical = config.metadata.if_contains(lexical_key); lexical && lexical->is_bool()) {
        config.lexical = lexical->get_bool();
        config.metadata.erase(lexical_key);
    }
}

} // namespace

std::vector<StoredCollection> read_collections(sqlite::Connection& connection)
{
    std::vector<StoredCollection> collections;
    sqlite::Statement rows = connection.prepare("SELECT number, name, embedding_dimension, distance_metric, "
                                                "description, metadata FROM collections ORDER BY name");
    while (rows.step()) {
        StoredCollection stored;
        stored.number = rows.column_int(0);
        stored.name = rows.column_text(1);
        try {
            check_collection_name(stored.name);
            const std::int64_t dimension = rows.column_int(2);
            stored.config.embedding_dimension = dimension < 0 ? 0 : static_cast<std::size_t>(dimension);
            stored.config.distance_metric = rows.column_text(3);
            stored.config.description = rows.column_text(4);
            stored.config.metadata = parse_json_object(rows.column_text(5), "metadata");
            take_settings(stored.config);
            check_collection_config(stored.config);
        } catch (const StorageError& error) {
            throw_corrupt(connection, "holds a collection that cannot be: " + error.message());
        }
        collections.push_back(std::move(stored));
    }
    return collections;
}

StoredCollection read_own_collection(sqlite::Connection& connection)
{
    std::vector<StoredCollection> stored = read_collections(connection);
    if (stored.size() != 1 || stored.front().number != 1)
        throw_corrupt(connection, "holds " + std::to_string(stored.size()) + " collections instead of its own");
    return std::move(stored.front());
}

DocumentRow make_row(const VectorDocument& unit_document)
{
    DocumentRow row;
    row.id = unit_document.id;
    const auto bytes = std::as_bytes(std::span(unit_document.embedding));
    row.embedding.assign(bytes.begin(), bytes.end());
    row.metadata = json::serialize(unit_document.metadata);
    row.content = unit_document.content;
    row.about = about_text(unit_document.metadata);
    return row;
}

std::int64_t write_row(sqlite::Connection& connection, std::int64_t collection, const DocumentRow& row)
{
    sqlite::Statement write = connection.prepare(
        "INSERT OR REPLACE INTO documents (collection, id, embedding, metadata, content) VALUES (?1, ?2, ?3, ?4, ?5)");
    write.bind(1, collection);
    write.bind_text(2, row.id);
    write.bind_blob(3, row.embedding);
    write.bind_text(4, row.metadata);
    write.bind_text(5, row.content);
    write.run();
    return connection.last_insert_rowid();
}

bool delete_version(sqlite::Connection& connection, std::int64_t seq)
{
    sqlite::Statement remove = connection.prepare("DELETE FROM documents WHERE seq = ?1");
    remove.bind(1, seq);
    remove.run();
    if (connection.changes() == 0)
        return false;
    sqlite::Statement record = connection.prepare("INSERT INTO deletions (seq) VALUES (?1)");
    record.bind(1, seq);
    record.run();
    const std::int64_t change = connection.last_insert_rowid();
    if (change % deletions_between_trims == 0) {
        sqlite::Statement trim = connection.prepare("DELETE FROM deletions WHERE change <= ?1");
        trim.bind(1, change - deletions_kept);
        trim.run();
    }
    return true;
}

std::int64_t version_of(sqlite::Connection& connection, std::string_view id)
{
    sqlite::Statement find = connection.prepare("SELECT seq FROM documents WHERE collection = 1 AND id = ?1");
    find.bind_text(1, id);
    return find.step() ? find.column_int(0) : 0;
}

std::vector<float> decode_embedding(const sqlite::Connection& connection, std::span<const std::byte> bytes,
                                    std::size_t dimension, std::string_view id)
{
    if (bytes.size() != dimension * sizeof(float))
        throw_corrupt(connection, "holds the document '" + std::string(id) + "' with " + std::to_string(bytes.size()) +
                                      " bytes of vector instead of " + std::to_string(dimension * sizeof(float)));
    std::vector<float> embedding(dimension);
    std::memcpy(embedding.data(), bytes.data(), bytes.size());
    double squares = 0;
    for (const float component : embedding)
        squares += static_cast<double>(component) * static_cast<double>(component);
    if (!(std::abs(squares - 1) <= unit_tolerance)) // so that NaN fails too
        throw_corrupt(connection,
                      "holds the document '" + std::string(id) + "' with a vector that has not unit length");
    return embedding;
}

json::object decode_metadata(const sqlite::Connection& connection, std::string_view text, std::string_view id)
{
    try {
        return parse_json_object(text, "metadata");
    } catch (const StorageError& error) {
        throw_corrupt(connection,
                      "holds the document '" + std::string(id) + "' with damaged metadata: " + error.message());
    }
}

VectorDocument read_document(const sqlite::Connection& connection, const sqlite::Statement& row, int first_column,
                             std::size_t dimension)
{
    VectorDocument document;
    document.id = row.column_text(first_column);
    document.embedding = decode_embedding(connection, row.column_blob(first_column + 1), dimension, document.id);
    document.metadata = decode_metadata(connection, row.column_text(first_column + 2), document.id);
    document.content = row.column_text(first_column + 3);
    return document;
}

ChangeMarks read_marks(sqlite::Connection& connection)
{
    // SQLite's own record of the largest number that AUTOINCREMENT gave out.
    ChangeMarks marks;
    sqlite::Statement rows = connection.prepare("SELECT name, seq FROM sqlite_sequence");
    while (rows.step())
        (rows.column_text(0) == "documents" ? marks.documents : marks.deletions) = rows.column_int(1);
    return marks;
}

} // namespace whisperstore::vector_archive
