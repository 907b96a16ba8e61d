#include <whisperstore/database/schema.hpp>

namespace whisperstore {

namespace {

// A short notation for the definition below: column(...).required().fallback("0").
class Define
{
public:
    Define(std::string name, ColumnType type)
    {
        column_.name = std::move(name);
        column_.type = type;
    }
    Define& required()
    {
        column_.not_null = true;
        return *this;
    }
    Define& fallback(std::string value)
    {
        column_.default_value = std::move(value);
        column_.has_default = true;
        return *this;
    }
    Define& user()
    {
        column_.references = "users(user_id)";
        return *this;
    }
    operator Column() const { return column_; }

private:
    Column column_;
};

Define id() { return {"id", ColumnType::automatic_id}; }
Define text(std::string name) { return {std::move(name), ColumnType::text}; }
Define integer(std::string name) { return {std::move(name), ColumnType::integer}; }
Define bigint(std::string name) { return {std::move(name), ColumnType::bigint}; }
Define real(std::string name) { return {std::move(name), ColumnType::real}; }
Define boolean(std::string name) { return Define(std::move(name), ColumnType::boolean).fallback("false"); }
Define time(std::string name) { return {std::move(name), ColumnType::timestamp}; }
Define time_now(std::string name) { return time(std::move(name)).fallback("now"); }

Table table(std::string name, std::vector<Column> columns)
{
    Table out;
    out.name = std::move(name);
    out.columns = std::move(columns);
    return out;
}

Index index_on(const std::string& table, std::vector<std::string> columns)
{
    Index out;
    out.name = "idx_" + table;
    for (const std::string& column : columns)
        out.name += "_" + column;
    out.columns = std::move(columns);
    return out;
}

Schema build()
{
    Schema schema;
    schema.name = "whisperengine_core";
    schema.version = 2;

    Table users = table("users", {text("user_id").required(), text("username").required(), text("display_name"),
                                  time_now("created_at"), time_now("last_seen"), integer("message_count").fallback("0"),
                                  text("preferences").fallback("{}"), text("privacy_settings").fallback("{}")});
    users.primary_key = {"user_id"};

    Table conversations =
        table("conversations", {id(), text("user_id").required().user(), text("channel_id").required(),
                                text("message_content").required(), text("bot_response"), time_now("timestamp"),
                                text("context_used"), integer("response_time_ms"), text("ai_model_used")});
    conversations.indexes = {index_on("conversations", {"user_id"}),
                             index_on("conversations", {"channel_id", "timestamp"})};

    Table memory_entries =
        table("memory_entries",
              {id(), text("user_id").required().user(), text("memory_type").required(), text("content").required(),
               real("importance_score").fallback("0.5"), time_now("created_at"), time_now("last_accessed"),
               integer("access_count").fallback("0"), text("tags").fallback("[]"), text("metadata").fallback("{}")});
    memory_entries.indexes = {index_on("memory_entries", {"user_id", "memory_type"})};

    Table facts =
        table("facts", {id(), text("user_id").user(), text("fact_type").required(), text("subject").required(),
                        text("content").required(), real("confidence_score").fallback("0.8"), text("source"),
                        time_now("created_at"), boolean("verified"), boolean("global_fact")});
    facts.indexes = {index_on("facts", {"user_id"})};

    Table emotions = table("emotions", {id(), text("user_id").required().user(), text("detected_emotion").required(),
                                        real("confidence").required(), text("context"), time_now("timestamp"),
                                        boolean("response_adapted")});
    emotions.indexes = {index_on("emotions", {"user_id"})};

    Table relationships = table(
        "relationships",
        {id(), text("user_id").user(), text("source_type").fallback("user"), text("source_id").required(),
         text("relationship_type").required(), text("target_type").required(), text("target_id").required(),
         real("strength").fallback("0.5"), time_now("last_interaction"), integer("interaction_count").fallback("0"),
         text("properties").fallback("{}"), text("notes"), time_now("created_at")});
    relationships.unique = {"source_type", "source_id", "relationship_type", "target_type", "target_id"};
    relationships.indexes = {index_on("relationships", {"user_id"}),
                             index_on("relationships", {"target_type", "target_id"})};

    Table messages = table("messages", {bigint("message_id").required(), text("channel_id").required(),
                                        text("user_id").required(), text("username"), text("content").required(),
                                        time("timestamp").required(), boolean("is_bot"), bigint("reply_to"),
                                        text("attachments").fallback("[]"), text("metadata").fallback("{}")});
    messages.primary_key = {"message_id"};
    // The user index serves the removal of a user's messages.
    messages.indexes = {index_on("messages", {"channel_id", "timestamp", "message_id"}),
                        index_on("messages", {"user_id"})};

    Table graph_nodes =
        table("graph_nodes", {text("node_type").required(), text("node_id").required(), text("user_id").user(),
                              text("content"), text("properties").fallback("{}"), real("importance").fallback("0.5"),
                              time_now("created_at"), time_now("updated_at")});
    graph_nodes.primary_key = {"node_type", "node_id"};
    // In the order of an answer of the graph: its best memories are the first ones.
    Index by_importance = index_on("graph_nodes", {"user_id", "node_type", "importance", "node_id"});
    by_importance.columns[2] = "importance DESC";
    graph_nodes.indexes = {std::move(by_importance)};

    Table system_settings = table("system_settings", {text("key").required(), text("value").required(),
                                                      text("description"), time_now("updated_at")});
    system_settings.primary_key = {"key"};

    Table performance_metrics =
        table("performance_metrics", {id(), text("metric_name").required(), real("metric_value").required(),
                                      time_now("timestamp"), text("tags").fallback("{}")});
    performance_metrics.indexes = {index_on("performance_metrics", {"metric_name", "timestamp"})};

    Table schema_migrations =
        table("schema_migrations", {text("version").required(), text("name").required(), text("checksum").required(),
                                    time_now("applied_at"), integer("execution_time_ms").fallback("0")});
    schema_migrations.primary_key = {"version"};

    schema.tables = {users,           conversations,       memory_entries,   facts,
                     emotions,        relationships,       messages,         graph_nodes,
                     system_settings, performance_metrics, schema_migrations};

    // What foreign keys cannot say: messages refer to users loosely, edges to nodes by type and id.
    schema.delete_rules = {
        {"users_delete_messages", "users", "messages", "user_id = OLD.user_id"},
        {"users_delete_nodes", "users", "graph_nodes", "node_type = 'user' AND node_id = OLD.user_id"},
        {"users_delete_edges_from", "users", "relationships", "source_type = 'user' AND source_id = OLD.user_id"},
        {"users_delete_edges_to", "users", "relationships", "target_type = 'user' AND target_id = OLD.user_id"},
        {"graph_nodes_delete_edges_from", "graph_nodes", "relationships",
         "source_type = OLD.node_type AND source_id = OLD.node_id"},
        {"graph_nodes_delete_edges_to", "graph_nodes", "relationships",
         "target_type = OLD.node_type AND target_id = OLD.node_id"},
    };
    return schema;
}

} // namespace

const Schema& WhisperEngineSchema::get_core_schema()
{
    static const Schema schema = build();
    return schema;
}

} // namespace whisperstore
