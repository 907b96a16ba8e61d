#pragma once
// A layer on PostgreSQL, Qdrant, Redis and Neo4j that is backed up and restored, and what it holds.

#include "core/content_hash.hpp"
#include "integration/backup_fixture.hpp"
#include "servers/neo4j_servers.hpp"
#include "servers/postgresql_servers.hpp"
#include "servers/qdrant_managers.hpp"
#include "servers/redis_servers.hpp"
#include "sqlite/connection.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <algorithm>
#include <map>

namespace whisperstore::test {

class ServersBackup : public Backup
{
protected:
    using Hashes = std::map<std::string, std::string>;

    /// What makes the configuration of a laptop that of the servers.
    std::map<std::string, std::string> settings() const
    {
        const Neo4jAddress neo4j = neo4j_address();
        return {{"WHISPERENGINE_DATABASE_TYPE", "postgresql"},
                {"WHISPERENGINE_DATABASE_URL", database.url().to_string()},
                {"WHISPERENGINE_DATABASE_POOL_SIZE", "4"},
                {"WHISPERENGINE_VECTOR_DB_TYPE", qdrant.config.type},
                {"QDRANT_URL", qdrant.config.url},
                {"QDRANT_API_KEY", qdrant.config.api_key},
                {"QDRANT_EXACT_SEARCH", "true"},
                {"WHISPERENGINE_CACHE_TYPE", cache.type},
                {"WHISPERENGINE_CACHE_TIMEOUT_MINUTES", "1440"}, // nothing expires meanwhile
                {"REDIS_HOST", cache.redis_host},
                {"REDIS_PORT", std::to_string(cache.redis_port)},
                {"REDIS_KEY_PREFIX", cache.redis_key_prefix},
                {"REDIS_WARM_CHANNELS", "0"}, // what is cached is what the test has put there
                {"WHISPERENGINE_GRAPH_DB_TYPE", "neo4j"},
                {"NEO4J_URI", neo4j.uri()},
                {"NEO4J_USERNAME", neo4j.username},
                {"NEO4J_PASSWORD", neo4j.password},
                {"NEO4J_NAMESPACE", graph_name}};
    }
    std::shared_ptr<StorageLayer> open_servers()
    {
        return run(initialize_storage_layer(laptop_configuration(directory / "servers", settings())));
    }

    /// Of what the queries find in an archive, by their names.
    static void add_hashes(Hashes& hashes, const fs::path& archive, const std::map<std::string, std::string>& queries)
    {
        sqlite::OpenOptions options;
        options.path = archive;
        options.read_only = true;
        sqlite::Connection connection(options);
        for (const auto& [name, sql] : queries) {
            ContentHash hash;
            sqlite::Statement rows = connection.prepare(sql);
            while (rows.step()) {
                for (int i = 0; i < rows.column_count(); ++i)
                    if (rows.column_is_null(i))
                        hash.add(ValueView());
                    else
                        hash.add(rows.column_text(i));
                hash.end_row();
            }
            hashes[name] = hash.hex() + " of " + std::to_string(hash.rows());
        }
    }
    /// Of the rows of each table of a backup, with those of vectors as they are kept everywhere.
    static Hashes hashes_of(const fs::path& backup)
    {
        Hashes hashes;
        std::map<std::string, std::string> tables;
        for (const Table& table : WhisperEngineSchema::get_core_schema().tables)
            tables[table.name] = "SELECT * FROM " + table.name;
        tables["schema_migrations"] = "SELECT version, name, checksum FROM schema_migrations"; // when is the target's
        add_hashes(hashes, backup / "database", tables);
        add_hashes(hashes, backup / "vector_db",
                   {{"documents", "SELECT c.name, d.id, hex(d.embedding), d.metadata, d.content FROM documents d JOIN "
                                  "collections c ON c.number = d.collection"}});
        return hashes;
    }
    /// The nodes and edges that an application sees, sorted.
    static std::vector<std::string> graph_lines(GraphDatabaseManager& graph)
    {
        std::vector<std::string> lines;
        const auto properties = [](const json::object& object) {
            std::map<std::string, std::string> sorted;
            for (const auto& entry : object)
                sorted[std::string(entry.key())] = json::serialize(entry.value());
            std::string text;
            for (const auto& [key, value] : sorted)
                text.append(" ").append(key).append("=").append(value);
            return text;
        };
        std::string place;
        do {
            const GraphPart part = run(graph.export_part(place, 1000));
            for (const GraphNode& node : part.nodes)
                lines.push_back(node.node.text() + " '" + (node.node.type == NodeType::user ? "" : node.content) + "'" +
                                properties(node.properties));
            for (const NetworkEdge& edge : part.edges)
                lines.push_back(edge.from.text() + " " + edge.relationship_type + " " + edge.to.text() + " " +
                                std::to_string(edge.interaction_count) + " " + edge.last_interaction +
                                properties(edge.properties));
            place = part.next;
        } while (!place.empty());
        std::sort(lines.begin(), lines.end());
        return lines;
    }
    static std::string graph_of(GraphDatabaseManager& graph)
    {
        std::string text;
        for (const std::string& line : graph_lines(graph))
            text.append(line).append("\n");
        return text;
    }

    TestDatabase database;
    QdrantPlace qdrant = QdrantPlace::make();
    CacheConfig cache = RedisServers::get().single_config();
    std::string graph_name = unique_graph_name();
};

} // namespace whisperstore::test
