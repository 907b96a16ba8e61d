#include "backup/graph_archive.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/time.hpp>

#include <optional>

namespace whisperstore::backup {

namespace {

constexpr std::string_view backend = "backup";
constexpr std::int64_t application_id = 0x57536772; // "WSgr"
constexpr std::int64_t format = 1;
constexpr std::int64_t checked_at_once = 1000;

constexpr const char* layout = R"(
CREATE TABLE nodes (seq INTEGER PRIMARY KEY, node_type TEXT NOT NULL, node_id TEXT NOT NULL, content TEXT NOT NULL,
                    properties TEXT NOT NULL, UNIQUE (node_type, node_id)) STRICT;
CREATE TABLE edges (seq INTEGER PRIMARY KEY, from_type TEXT NOT NULL, from_id TEXT NOT NULL,
                    relationship_type TEXT NOT NULL, to_type TEXT NOT NULL, to_id TEXT NOT NULL,
                    interaction_count INTEGER NOT NULL, last_interaction TEXT NOT NULL, properties TEXT NOT NULL,
                    UNIQUE (from_type, from_id, relationship_type, to_type, to_id)) STRICT;
PRAGMA application_id=1465083762;
PRAGMA user_version=1;
)";
static_assert(application_id == 1465083762);

sqlite::OpenOptions making(const std::filesystem::path& path)
{
    sqlite::OpenOptions options;
    options.path = path;
    options.archive = true;
    options.synchronous = "OFF"; // it is synced as a whole when it is finished
    options.backend = backend;
    return options;
}

std::optional<NodeRef> reference(std::string_view type, std::string_view id)
{
    std::string text(type);
    text.append(":").append(id);
    std::optional<NodeRef> node = NodeRef::try_parse(text);
    if (node && (to_string(node->type) != type || node->id.empty()))
        node.reset();
    return node;
}

} // namespace

GraphArchiveWriter::GraphArchiveWriter(const std::filesystem::path& file)
    : partial_(file, backend), connection_(std::make_unique<sqlite::Connection>(making(partial_.path())))
{
    connection_->execute("BEGIN");
    connection_->execute(layout);
}

void GraphArchiveWriter::add(const GraphPart& part)
{
    sqlite::Statement node = connection_->prepare(
        "INSERT INTO nodes (node_type, node_id, content, properties) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (node_type, "
        "node_id) DO UPDATE SET content = excluded.content, properties = excluded.properties");
    for (const GraphNode& one : part.nodes) {
        const std::string properties = json::serialize(one.properties);
        node.reset();
        node.bind_text(1, to_string(one.node.type));
        node.bind_text(2, one.node.id);
        node.bind_text(3, one.content);
        node.bind_text(4, properties);
        node.run();
    }
    sqlite::Statement edge = connection_->prepare(
        "INSERT INTO edges (from_type, from_id, relationship_type, to_type, to_id, interaction_count, "
        "last_interaction, "
        "properties) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (from_type, from_id, relationship_type, "
        "to_type, to_id) DO UPDATE SET interaction_count = excluded.interaction_count, last_interaction = "
        "excluded.last_interaction, properties = excluded.properties");
    for (const NetworkEdge& one : part.edges) {
        const std::string properties = json::serialize(one.properties);
        edge.reset();
        edge.bind_text(1, to_string(one.from.type));
        edge.bind_text(2, one.from.id);
        edge.bind_text(3, one.relationship_type);
        edge.bind_text(4, to_string(one.to.type));
        edge.bind_text(5, one.to.id);
        edge.bind(6, one.interaction_count);
        edge.bind_text(7, one.last_interaction);
        edge.bind_text(8, properties);
        edge.run();
    }
}

void GraphArchiveWriter::finish()
{
    connection_->execute("COMMIT");
    connection_.reset();
    partial_.publish();
}

GraphArchiveReader::GraphArchiveReader(const std::filesystem::path& file)
    : file_(file), connection_(sqlite::open_for_check(file, backend))
{
    connection_->execute("BEGIN");
    if (connection_->query_int("PRAGMA application_id") != application_id)
        damaged("is no archive of a graph");
    if (const std::int64_t version = connection_->query_int("PRAGMA user_version"); version > format)
        throw StorageError(StorageErrc::version_mismatch, file_.string() + " has format " + std::to_string(version) +
                                                              "; this program reads up to " + std::to_string(format));
}

void GraphArchiveReader::damaged(const std::string& what) const
{
    throw StorageError(StorageErrc::corrupt, file_.string() + " " + what + "; use another backup");
}

void GraphArchiveReader::check(sqlite::Stopper& stopper)
{
    const sqlite::Stopper::Scope scope(stopper, *connection_);
    sqlite::check_integrity(*connection_);
    bool more = true;
    while (more) {
        const GraphPart part = read(checked_at_once);
        more = !part.nodes.empty() || !part.edges.empty();
    }
    after_node_ = 0;
    after_edge_ = 0;
}

GraphPart GraphArchiveReader::read(std::int64_t most)
{
    GraphPart part;
    try {
        sqlite::Statement nodes = connection_->prepare(
            "SELECT seq, node_type, node_id, content, properties FROM nodes WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        nodes.bind(1, after_node_);
        nodes.bind(2, most);
        while (nodes.step()) {
            after_node_ = nodes.column_int(0);
            std::optional<NodeRef> node = reference(nodes.column_text(1), nodes.column_text(2));
            if (!node)
                damaged("has a node of a type that does not exist: " + std::string(nodes.column_text(1)));
            GraphNode one;
            one.node = std::move(*node);
            one.content = nodes.column_text(3);
            one.properties = parse_json_object(nodes.column_text(4), "properties of a node");
            part.nodes.push_back(std::move(one));
        }
        if (!part.nodes.empty())
            return part;
        sqlite::Statement edges = connection_->prepare(
            "SELECT seq, from_type, from_id, relationship_type, to_type, to_id, interaction_count, last_interaction, "
            "properties FROM edges e WHERE seq > ?1 AND EXISTS (SELECT 1 FROM nodes WHERE node_type = from_type AND "
            "node_id "
            "= from_id) AND EXISTS (SELECT 1 FROM nodes WHERE node_type = to_type AND node_id = to_id) ORDER BY seq "
            "LIMIT ?2");
        edges.bind(1, after_edge_);
        edges.bind(2, most);
        while (edges.step()) {
            after_edge_ = edges.column_int(0);
            std::optional<NodeRef> from = reference(edges.column_text(1), edges.column_text(2));
            std::optional<NodeRef> to = reference(edges.column_text(4), edges.column_text(5));
            if (!from || !to)
                damaged("has a relationship between nodes of types that do not exist");
            NetworkEdge one;
            one.from = std::move(*from);
            one.to = std::move(*to);
            one.relationship_type = edges.column_text(3);
            one.interaction_count = edges.column_int(6);
            one.last_interaction = edges.column_text(7);
            one.properties = parse_json_object(edges.column_text(8), "properties of a relationship");
            part.edges.push_back(std::move(one));
        }
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found && error.errc() != StorageErrc::syntax &&
            error.errc() != StorageErrc::invalid_argument)
            throw;
        damaged("holds what cannot be: " + error.message());
    }
    return part;
}

} // namespace whisperstore::backup
