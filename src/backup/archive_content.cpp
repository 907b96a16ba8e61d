#include "backup/archive_content.hpp"

#include "backup/graph_archive.hpp"
#include "cache/cache_archive.hpp"
#include "database/archive/archive_format.hpp"
#include "sqlite/connection.hpp"
#include "vector/archive/archive_file.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>

namespace whisperstore::backup {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view backend = "backup";

std::string quoted_name(std::string_view name)
{
    std::string out = "\"";
    for (const char c : name)
        out.append(c == '"' ? 2 : 1, c);
    return out + "\"";
}

std::uint64_t count(sqlite::Connection& archive, const std::string& sql)
{
    return static_cast<std::uint64_t>(archive.query_int(sql));
}

Counts count_tables(sqlite::Connection& archive)
{
    std::vector<std::string> tables;
    {
        // Not the hidden ones of virtual tables, whose content is that of the table they belong to.
        sqlite::Statement names = archive.prepare(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND "
            "name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name");
        while (names.step())
            if (!archive::is_of_archive(names.column_text(0)))
                tables.emplace_back(names.column_text(0));
    }
    Counts counts;
    for (const std::string& table : tables)
        counts.emplace_back(table, count(archive, "SELECT count(*) FROM " + quoted_name(table)));
    return counts;
}

Counts count_documents(sqlite::Connection& archive)
{
    Counts counts;
    sqlite::Statement rows = archive.prepare("SELECT c.name, (SELECT count(*) FROM documents d WHERE d.collection = "
                                             "c.number) FROM collections c ORDER BY 1");
    while (rows.step())
        counts.emplace_back(rows.column_text(0), static_cast<std::uint64_t>(rows.column_int(1)));
    return counts;
}

void attach(sqlite::Connection& connection, const fs::path& file, std::string_view name)
{
    sqlite::Statement statement = connection.prepare_once("ATTACH ?1 AS " + std::string(name));
    const std::string path = file.string();
    statement.bind_text(1, path);
    statement.run();
}

void add(std::vector<OrphanCount>& orphans, sqlite::Connection& connection, std::string_view store,
         const std::string& what, const std::string& sql)
{
    if (const std::uint64_t rows = count(connection, sql); rows > 0)
        orphans.push_back(OrphanCount{std::string(store), what, rows});
}

void add_documents(std::vector<OrphanCount>& orphans, sqlite::Connection& connection)
{
    sqlite::Statement rows = connection.prepare(
        "SELECT c.name, count(*) FROM vectors.documents d JOIN vectors.collections c ON c.number = d.collection "
        "WHERE json_type(d.metadata, '$.user_id') = 'text' AND json_extract(d.metadata, '$.user_id') NOT IN "
        "(SELECT user_id FROM main.users) GROUP BY c.name ORDER BY c.name");
    while (rows.step())
        orphans.push_back(OrphanCount{
            "vector_db", "documents of " + std::string(rows.column_text(0)) + " whose user_id is not in users",
            static_cast<std::uint64_t>(rows.column_int(1))});
}

void add_graph(std::vector<OrphanCount>& orphans, sqlite::Connection& connection)
{
    add(orphans, connection, "graph", "nodes of users that are not in users",
        "SELECT count(*) FROM graph.nodes WHERE node_type = 'user' AND node_id NOT IN (SELECT user_id FROM "
        "main.users)");
    add(orphans, connection, "graph", "nodes whose user_id is not in users",
        "SELECT count(*) FROM graph.nodes WHERE json_type(properties, '$.user_id') = 'text' AND "
        "json_extract(properties, '$.user_id') NOT IN (SELECT user_id FROM main.users)");
    add(orphans, connection, "graph", "relationships with an end that is no node (left out)",
        "SELECT count(*) FROM graph.edges e WHERE NOT EXISTS (SELECT 1 FROM graph.nodes n WHERE n.node_type = "
        "e.from_type AND n.node_id = e.from_id) OR NOT EXISTS (SELECT 1 FROM graph.nodes n WHERE n.node_type = "
        "e.to_type AND n.node_id = e.to_id)");
}

} // namespace

Counts count_rows(std::string_view type, const fs::path& archive, sqlite::Stopper& stopper)
{
    const std::unique_ptr<sqlite::Connection> connection = sqlite::open_for_check(archive, backend);
    const sqlite::Stopper::Scope scope(stopper, *connection);
    if (type == "database")
        return count_tables(*connection);
    if (type == "vector_db")
        return count_documents(*connection);
    const bool is_graph = type == "graph";
    Counts counts;
    for (const char* table : {is_graph ? "edges" : "channels", is_graph ? "nodes" : "messages"})
        counts.emplace_back(table, count(*connection, std::string("SELECT count(*) FROM ").append(table)));
    return counts;
}

void check_archive(std::string_view type, const fs::path& archive, sqlite::Stopper& stopper)
{
    if (type == "database") {
        const std::unique_ptr<sqlite::Connection> connection = sqlite::open_for_check(archive, backend);
        const sqlite::Stopper::Scope scope(stopper, *connection);
        archive::hold_snapshot(*connection);
        archive::check_content(*connection);
    } else if (type == "vector_db") {
        vector_archive::check_archive(archive, backend, stopper);
    } else if (type == "graph") {
        GraphArchiveReader(archive).check(stopper);
    } else {
        CacheArchiveReader(archive, std::string(backend)).open();
    }
}

std::vector<std::string> archived_channels(const fs::path& archive)
{
    const std::unique_ptr<sqlite::Connection> connection = sqlite::open_for_check(archive, backend);
    std::vector<std::string> channels;
    sqlite::Statement rows = connection->prepare("SELECT channel_id FROM channels");
    while (rows.step())
        channels.emplace_back(rows.column_text(0));
    return channels;
}

std::vector<OrphanCount> count_orphans(const ArchiveFiles& files, sqlite::Stopper& stopper)
{
    std::vector<OrphanCount> orphans;
    const std::unique_ptr<sqlite::Connection> connection = sqlite::open_for_check(files.database, backend);
    const sqlite::Stopper::Scope scope(stopper, *connection);
    if (!archive::has_table(*connection, "users"))
        return orphans; // no database of a storage layer: nobody is unknown
    if (archive::has_table(*connection, "messages"))
        add(orphans, *connection, "database", "messages whose user_id is not in users",
            "SELECT count(*) FROM messages WHERE user_id NOT IN (SELECT user_id FROM users)");
    attach(*connection, files.vector_db, "vectors");
    add_documents(orphans, *connection);
    if (!files.graph.empty()) {
        attach(*connection, files.graph, "graph");
        add_graph(orphans, *connection);
    }
    if (!files.cache.empty() && archive::has_table(*connection, "messages")) {
        attach(*connection, files.cache, "cache");
        add(orphans, *connection, "cache", "cached messages that are not in messages",
            "SELECT count(*) FROM cache.messages c WHERE c.message_id NOT IN (SELECT message_id FROM main.messages)");
    }
    return orphans;
}

void mark_archive(const fs::path& database, const std::string& text)
{
    sqlite::OpenOptions options;
    options.path = database;
    options.archive = true;
    options.backend = backend;
    sqlite::Connection connection(options);
    if (!archive::has_table(connection, "system_settings"))
        return;
    sqlite::Statement remove = connection.prepare("DELETE FROM system_settings WHERE key = ?1");
    remove.bind_text(1, mark_key);
    remove.run();
    if (text.empty())
        return;
    sqlite::Statement insert = connection.prepare("INSERT INTO system_settings (key, value) VALUES (?1, ?2)");
    insert.bind_text(1, mark_key);
    insert.bind_text(2, text);
    insert.run();
}

} // namespace whisperstore::backup
