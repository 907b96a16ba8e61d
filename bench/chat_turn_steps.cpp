#include "chat_turn_steps.hpp"

namespace whisperstore::bench {

namespace {

UniversalMessage message_of(const Turn& turn, bool is_bot)
{
    UniversalMessage message;
    message.message_id = 2 * turn.number + (is_bot ? 1 : 0);
    message.channel_id = turn.channel;
    message.user_id = is_bot ? "assistant" : turn.user;
    message.username = "A name";
    message.content = is_bot ? reply_text() : user_text();
    message.timestamp = now();
    message.is_bot = is_bot;
    return message;
}

// Made beforehand, for an application gets them from its model.
const std::vector<float>& embedding_of(const Turn& turn)
{
    static const std::vector<std::vector<float>> all = [] {
        std::vector<std::vector<float>> vectors;
        for (std::uint64_t i = 0; i < 4096; ++i)
            vectors.push_back(chat_embedding(i + (1ULL << 32)));
        return vectors;
    }();
    return all[static_cast<std::size_t>(turn.number) % all.size()];
}

} // namespace

Turn::Turn(std::int64_t turn_number)
    : number(turn_number),
      user(chat_user(static_cast<std::size_t>(turn_number * 2654435761) % chat_users)),
      channel("channel-" + user)
{
}

awaitable<void> read_context(StorageLayer& storage, const Turn& turn, Run& run)
{
    const auto context = co_await storage.cache().get_conversation_context(turn.channel, 15);
    run.rows += context.size();
}

awaitable<void> read_rows(AbstractDatabaseAdapter& database, const Turn& turn, Run& run)
{
    for (const char* sql : {turn_sql::user, turn_sql::facts, turn_sql::conversations}) {
        Parameters values = params(arg(turn.user));
        const QueryResult result = co_await database.execute_query(sql, std::move(values));
        run.rows += result.rows.size();
    }
}

awaitable<void> recall(StorageLayer& storage, const Turn& turn, Run& run)
{
    const std::vector<float>& embedding = embedding_of(turn);
    const auto memories =
        co_await storage.vector_db().search_similar("user_memories", embedding, 10, filter::eq("user_id", turn.user));
    run.rows += memories.size();
}

awaitable<void> read_graph(StorageLayer& storage, const Turn& turn, Run& run)
{
    const auto connected = co_await storage.graph().find_connected_memories(turn.user, std::string(), 2, 20);
    run.rows += connected.size();
}

awaitable<void> cache_messages(StorageLayer& storage, const Turn& turn)
{
    UniversalMessage question = message_of(turn, false);
    co_await storage.cache().add_message(turn.channel, std::move(question));
    UniversalMessage answer = message_of(turn, true);
    co_await storage.cache().add_message(turn.channel, std::move(answer));
}

awaitable<void> write_rows(AbstractDatabaseAdapter& database, const Turn& turn)
{
    std::vector<Query> list;
    list.reserve(6);
    list.push_back(query(turn_sql::upsert_user, params(arg(turn.user), arg("A name"))));
    list.push_back(query(turn_sql::message,
                         params(arg(turn.number), arg(turn.channel), arg(turn.user), arg("A name"), arg(user_text()))));
    list.push_back(
        query(turn_sql::conversation, params(arg(turn.user), arg(turn.channel), arg(user_text()), arg(reply_text()))));
    list.push_back(query(turn_sql::memory, params(arg(turn.user), arg(user_text()))));
    list.push_back(query(turn_sql::emotion, params(arg(turn.user), arg(user_text()))));
    list.push_back(query(turn_sql::relationship, params(arg(turn.user), arg(turn.user))));
    co_await database.execute_transaction(std::move(list));
}

awaitable<void> write_vector(StorageLayer& storage, const Turn& turn)
{
    const std::vector<float>& embedding = embedding_of(turn);
    json::object metadata;
    metadata["user_id"] = turn.user;
    metadata["memory_type"] = "episodic";
    co_await storage.vector_db().store_document("user_memories", "turn-" + std::to_string(turn.number), user_text(),
                                                embedding, std::move(metadata));
}

awaitable<void> write_graph(StorageLayer& storage, const Turn& turn)
{
    const std::string memory = "turn-" + std::to_string(turn.number);
    json::object properties;
    properties["user_id"] = turn.user;
    co_await storage.graph().create_memory_node(memory, user_text(), std::move(properties));
    const std::string node = "memory:" + memory;
    const std::string user = "user:" + turn.user;
    std::vector<Relationship> edges;
    edges.push_back(Relationship{user, node, "REMEMBERS", {}});
    edges.push_back(Relationship{node, "memory:memory-" + turn.user.substr(5), "REPLIES_TO", {}});
    edges.push_back(Relationship{node, user, "ABOUT", {}});
    co_await storage.graph().create_relationships(std::move(edges));
}

} // namespace whisperstore::bench
