#include "crash/stores.hpp"

#if defined(WHISPERSTORE_TEST_CHROMADB)
#include "servers/chroma_servers.hpp"

#include <whisperstore/vector/local_chromadb_manager.hpp>
#endif
#include <whisperstore/core/error.hpp>
#include <whisperstore/database/schema.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>
#include <whisperstore/graph/mock_graph_database_manager.hpp>
#include <whisperstore/vector/local_qdrant_manager.hpp>

#include <array>
#include <cmath>

namespace whisperstore::test {

namespace {

constexpr std::int64_t torn = -1;
constexpr std::array<const char*, 2> collections{"even", "odd"};

/// Whether a stored vector is the one made for the version, at unit length.
bool is_embedding_of(const std::string& key, std::int64_t version, const std::vector<float>& stored)
{
    std::vector<float> expected = embedding_of(key, version, vector_dimension);
    normalize(expected);
    if (stored.size() != expected.size())
        return false;
    for (std::size_t i = 0; i < stored.size(); ++i)
        if (std::abs(stored[i] - expected[i]) > 1e-6F)
            return false;
    return true;
}

/// Nodes and edges hold their version and, as "text", the content made for it.
std::int64_t version_in_properties(const std::string& key, std::string_view properties)
{
    const json::object object = parse_json_object(properties, "properties");
    const json::value* text = object.if_contains("text");
    const json::value* version = object.if_contains("version");
    if (!text || !version || !text->is_string() || !version->is_int64())
        return torn;
    const std::int64_t number = version->get_int64();
    return version_of(key, text->get_string()) == number ? number : torn;
}

} // namespace

std::string in_group(const std::string& group, int number) { return group + "." + std::to_string(number); }

std::string collection_of(std::string_view key)
{
    const std::string_view group = key.substr(0, key.find('.'));
    return (group.back() - '0') % 2 == 0 ? "even" : "odd";
}

std::shared_ptr<AbstractDatabaseAdapter> database_in(const std::filesystem::path& directory)
{
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + (directory / "database.db").string();
    return std::make_shared<SQLiteAdapter>(std::move(config));
}

std::shared_ptr<VectorDatabaseManager> vectors_in(const std::filesystem::path& directory)
{
    VectorDatabaseConfig config;
    config.persist_directory = directory / "vectors";
    config.hnsw_threshold = 40; // so that graphs are being built and written when the process is killed
    config.hnsw_ef = 10;
    return std::make_shared<LocalQdrantManager>(std::move(config));
}

std::shared_ptr<VectorDatabaseManager> chroma_in([[maybe_unused]] const std::filesystem::path& directory)
{
#if defined(WHISPERSTORE_TEST_CHROMADB)
    VectorDatabaseConfig config;
    config.persist_directory = directory / "chromadb";
    config.chroma_command = chroma_program();
    return std::make_shared<LocalChromaDBManager>(std::move(config));
#else
    throw StorageError(StorageErrc::unsupported, "Chroma is not part of this build");
#endif
}

std::shared_ptr<GraphDatabaseManager> graph_on(std::shared_ptr<AbstractDatabaseAdapter> database)
{
    return std::make_shared<MockGraphDatabaseManager>(std::move(database));
}

awaitable<void> open(AbstractDatabaseAdapter& database)
{
    co_await database.connect();
    co_await database.setup_schema(WhisperEngineSchema::get_core_schema());
    co_await create_entries(database);
}

awaitable<void> create_entries(AbstractDatabaseAdapter& database)
{
    co_await database.execute_query(
        "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, version BIGINT NOT NULL, content TEXT NOT NULL)");
}

awaitable<void> open(VectorDatabaseManager& vectors)
{
    co_await vectors.initialize();
    co_await create_entries(vectors);
}

awaitable<void> create_entries(VectorDatabaseManager& vectors)
{
    CollectionConfig config;
    config.embedding_dimension = vector_dimension;
    for (const char* collection : collections) {
        config.lexical = collection == collections[0]; // with an index of words, and without
        co_await vectors.create_collection(collection, config);
    }
}

awaitable<Entries> read_entries(AbstractDatabaseAdapter& database)
{
    const QueryResult rows = co_await database.execute_query("SELECT key, version, content FROM entries");
    Entries entries;
    for (const Row& row : rows) {
        const std::string key(row["key"].as_text());
        const std::int64_t version = row["version"].as_int();
        entries[key] = version_of(key, row["content"].as_text()) == version ? version : torn;
    }
    co_return entries;
}

awaitable<Entries> read_entries(VectorDatabaseManager& vectors)
{
    Entries entries;
    for (const char* collection : collections) {
        const CollectionExport exported = co_await vectors.export_collection(collection);
        for (const VectorDocument& document : exported.documents) {
            const json::value* version = document.metadata.if_contains("version");
            const std::int64_t number = version && version->is_int64() ? version->get_int64() : torn;
            const bool whole = version_of(document.id, document.content) == number &&
                               collection_of(document.id) == collection &&
                               is_embedding_of(document.id, number, document.embedding);
            entries[document.id] = whole ? number : torn;
        }
    }
    co_return entries;
}

awaitable<Entries> read_graph(AbstractDatabaseAdapter& database)
{
    Entries entries;
    const QueryResult nodes = co_await database.execute_query("SELECT node_type, node_id, properties FROM graph_nodes");
    for (const Row& row : nodes) {
        const std::string key = std::string(row["node_type"].as_text()) + ":" + std::string(row["node_id"].as_text());
        entries[key] = version_in_properties(key, row["properties"].as_text());
    }
    const QueryResult edges =
        co_await database.execute_query("SELECT source_type || ':' || source_id AS source, relationship_type, "
                                        "target_type || ':' || target_id AS target, "
                                        "properties FROM relationships");
    for (const Row& row : edges) {
        const std::string source(row["source"].as_text());
        const std::string target(row["target"].as_text());
        const std::string key = "edge/" + source + "/" + std::string(row["relationship_type"].as_text()) + "/" + target;
        const bool has_ends = entries.contains(source) && entries.contains(target);
        entries[key] = has_ends ? version_in_properties(key, row["properties"].as_text()) : torn;
    }
    co_return entries;
}

} // namespace whisperstore::test
