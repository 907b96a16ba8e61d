// Stores a turn of a conversation and recalls it. The vectors would come from an embedding model; here
// they are made by hand, so that the program needs nothing but whisperstore.
#include <whisperstore/whisperstore.hpp>

#include <iostream>

namespace ws = whisperstore;

std::vector<float> embedding_of(std::size_t topic)
{
    std::vector<float> embedding(384, 0.01F);
    embedding[topic] = 1;
    return embedding;
}

ws::UniversalMessage message(std::int64_t id, std::string content)
{
    ws::UniversalMessage out;
    out.message_id = id;
    out.channel_id = "kitchen";
    out.user_id = "ada";
    out.username = "Ada";
    out.content = std::move(content);
    out.timestamp = ws::now();
    return out;
}

ws::awaitable<void> remember(ws::StorageLayer& storage, ws::UniversalMessage message, std::vector<float> embedding)
{
    const std::string id = std::to_string(message.message_id);
    ws::json::object metadata;
    metadata["user_id"] = message.user_id;
    co_await storage.cache().add_message(message.channel_id, message);
    co_await storage.graph().create_user_node(message.user_id);
    co_await storage.graph().create_memory_node(id, message.content, metadata);
    co_await storage.graph().create_relationship("user:" + message.user_id, "memory:" + id, "REMEMBERS");
    co_await storage.vector_db().store_document("user_memories", id, message.content, embedding, metadata);
}

ws::awaitable<void> conversation(ws::StorageLayer& storage)
{
    co_await remember(storage, message(1, "My bread needs a day to rise."), embedding_of(1));
    co_await remember(storage, message(2, "The tram was late again."), embedding_of(2));
    const auto found = co_await storage.vector_db().search_similar("user_memories", embedding_of(1), 1,
                                                                   ws::filter::eq("user_id", "ada"));
    for (const ws::SearchResult& memory : found)
        std::cout << "recalled: " << memory.content << " (" << memory.score << ")\n";
    const auto connected = co_await storage.graph().find_connected_memories("ada", "tram");
    for (const ws::ConnectedMemory& memory : connected)
        std::cout << "connected: " << memory.content << '\n';
}

int main()
{
    boost::asio::io_context io;
    const auto storage =
        ws::blocking::initialize_storage_layer(io); // detects, configures, connects, creates the schema
    ws::blocking::run(io, conversation(*storage));
    ws::blocking::run(io, storage->close());
}
