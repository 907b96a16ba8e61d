#pragma once
// The SQLite side of collections: the layout of docs/archive-format.md, which a collection's file
// and a backup of all collections share.

#include "sqlite/connection.hpp"

#include <whisperstore/vector/vector_database_manager.hpp>

namespace whisperstore::vector_archive {

constexpr int file_page_size = 8192; // five vectors of 384 dimensions to a page

/// Makes tables and marks in an empty database.
void create_layout(sqlite::Connection& connection);
/// What of a collection's facts goes by the column `metadata`.
std::string stored_metadata(const CollectionConfig& config);
/// Adds a collection and returns its number.
std::int64_t insert_collection(sqlite::Connection& connection, std::string_view name, const CollectionConfig& config);

/// Throws StorageError corrupt or version_mismatch unless the database says that it has the layout.
void check_marks(sqlite::Connection& connection);

struct StoredCollection
{
    std::int64_t number = 0;
    std::string name;
    CollectionConfig config;
};
/// Throws StorageError corrupt when one does not pass its checks.
std::vector<StoredCollection> read_collections(sqlite::Connection& connection);
/// The one collection of a collection's file. Throws as well when there is another number of them.
StoredCollection read_own_collection(sqlite::Connection& connection);

/// A document ready to be written.
struct DocumentRow
{
    std::string id;
    Blob embedding;
    std::string metadata;
    std::string content;
    std::string about; ///< about_text()
};
DocumentRow make_row(const VectorDocument& unit_document);
/// Inserts or replaces, and returns the number of this version: larger than every one before.
std::int64_t write_row(sqlite::Connection& connection, std::int64_t collection, const DocumentRow& row);
/// Removes a version and records that; false when it is not there (any more).
bool delete_version(sqlite::Connection& connection, std::int64_t seq);
/// The current version of a document; 0 when there is none.
std::int64_t version_of(sqlite::Connection& connection, std::string_view id);

/// Little-endian float32. Throws StorageError corrupt naming the document unless it is a unit vector of that dimension.
std::vector<float> decode_embedding(const sqlite::Connection& connection, std::span<const std::byte> bytes,
                                    std::size_t dimension, std::string_view id);
/// Throws StorageError corrupt naming the document unless the text is a JSON object.
json::object decode_metadata(const sqlite::Connection& connection, std::string_view text, std::string_view id);
/// Reads (id, embedding, metadata, content) from four columns on.
VectorDocument read_document(const sqlite::Connection& connection, const sqlite::Statement& row, int first_column,
                             std::size_t dimension);

/// How far the file has come: both numbers grow with every change.
struct ChangeMarks
{
    std::int64_t documents = 0; ///< the last version written
    std::int64_t deletions = 0; ///< the last deletion recorded
    friend bool operator==(const ChangeMarks&, const ChangeMarks&) = default;
};
ChangeMarks read_marks(sqlite::Connection& connection);

[[noreturn]] void throw_corrupt(const sqlite::Connection& connection, const std::string& why);

} // namespace whisperstore::vector_archive
