#include "core/failure.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/storage/remember_message.hpp>

namespace whisperstore {

namespace {

constexpr std::string_view backend = "storage";
constexpr std::string_view operation = "remember_message";

void check_complete(const UniversalMessage& message)
{
    const auto need = [](const std::string& text, std::string_view what) {
        if (text.empty())
            throw StorageError(StorageErrc::invalid_argument, "the message has no " + std::string(what));
    };
    need(message.content, "text");
    need(message.channel_id, "channel_id");
    need(message.user_id, "user_id");
}

/// What searches can filter by, and what tells who said it and when.
json::object document_metadata(const UniversalMessage& message)
{
    json::object metadata = message.metadata;
    metadata["channel_id"] = message.channel_id;
    metadata["user_id"] = message.user_id;
    if (!message.username.empty())
        metadata["username"] = message.username;
    metadata["timestamp"] = format_timestamp(message.timestamp);
    if (message.is_bot)
        metadata["is_bot"] = true;
    return metadata;
}

Relationship edge(std::string from, std::string to, std::string type)
{
    Relationship out;
    out.from_node = std::move(from);
    out.to_node = std::move(to);
    out.relationship_type = std::move(type);
    out.keep_existing = true;
    return out;
}

std::string memory_ref(std::int64_t id) { return NodeRef::memory(std::to_string(id)).text(); }

awaitable<void> store_graph(GraphDatabaseManager& graph, const UniversalMessage& message, OperationContext context)
{
    std::vector<GraphNode> nodes(2);
    nodes[0].node = NodeRef::user(message.user_id);
    if (!message.username.empty())
        nodes[0].properties["username"] = message.username;
    nodes[1].node = NodeRef::memory(std::to_string(message.message_id));
    nodes[1].content = message.content;
    nodes[1].properties["user_id"] = message.user_id;
    nodes[1].properties["channel_id"] = message.channel_id;
    nodes[1].properties["timestamp"] = format_timestamp(message.timestamp);
    co_await graph.create_nodes(std::move(nodes), context);
    std::vector<Relationship> edges;
    edges.push_back(edge(NodeRef::user(message.user_id).text(), memory_ref(message.message_id), "REMEMBERS"));
    co_await graph.create_relationships(std::move(edges), context);
    if (!message.reply_to)
        co_return;
    std::vector<Relationship> reply;
    reply.push_back(edge(memory_ref(message.message_id), memory_ref(*message.reply_to), "REPLIES_TO"));
    try {
        co_await graph.create_relationships(std::move(reply), std::move(context));
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found) // what it replies to is not in the graph: its row says it
            throw;
    }
}

Query user_row(const UniversalMessage& message)
{
    const std::string& name = message.username.empty() ? message.user_id : message.username;
    return query("INSERT INTO users (user_id, username, created_at, last_seen) VALUES (:user, :name, :time, :time) "
                 "ON CONFLICT (user_id) DO NOTHING",
                 params(arg("user", message.user_id), arg("name", name), arg("time", message.timestamp)));
}

awaitable<void> store_rows(AbstractDatabaseAdapter& database, const UniversalMessage& message, OperationContext context)
{
    std::vector<Query> queries;
    queries.push_back(user_row(message)); // once more, for the user may have been deleted meanwhile
    queries.push_back(
        query("UPDATE users SET message_count = message_count + 1, "
              "last_seen = CASE WHEN last_seen < :time OR message_count = 0 THEN :time ELSE last_seen END "
              "WHERE user_id = :user",
              params(arg("time", message.timestamp), arg("user", message.user_id))));
    queries.push_back(query("INSERT INTO conversations (user_id, channel_id, message_content, timestamp) "
                            "VALUES (:user, :channel, :content, :time)",
                            params(arg("user", message.user_id), arg("channel", message.channel_id),
                                   arg("content", message.content), arg("time", message.timestamp))));
    queries.push_back(
        query("INSERT INTO messages (message_id, channel_id, user_id, username, content, timestamp, is_bot, reply_to, "
              "attachments, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
              params(arg(message.message_id), arg(message.channel_id), arg(message.user_id), arg(message.username),
                     arg(message.content), arg(message.timestamp), arg(message.is_bot), arg(message.reply_to),
                     arg(json::serialize(message.attachments)), arg(json::serialize(message.metadata)))));
    co_await database.execute_transaction(std::move(queries), std::move(context));
}

} // namespace

awaitable<void> remember_message(StorageLayer& storage, UniversalMessage message, std::string collection,
                                 OperationContext context)
{
    try {
        check_complete(message);
        check_message(message);
        const std::string id = std::to_string(message.message_id);
        Parameters wanted = params(arg(message.message_id));
        const QueryResult known = co_await storage.database().execute_query(
            "SELECT content FROM messages WHERE message_id = ?", std::move(wanted), context);
        if (!known.rows.empty())
            throw StorageError(StorageErrc::already_exists, "there is a message with the id " + id + " already");
        json::object metadata = document_metadata(message);
        co_await storage.store_text(std::move(collection), id, message.content, std::move(metadata), context);
        std::vector<Query> user;
        user.push_back(user_row(message));
        co_await storage.database().execute_transaction(std::move(user), context);
        if (storage.has_graph())
            co_await store_graph(storage.graph(), message, context);
        co_await store_rows(storage.database(), message, context);
        std::string channel = message.channel_id;
        co_await storage.cache().add_message(std::move(channel), std::move(message), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

} // namespace whisperstore
