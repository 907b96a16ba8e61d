#include "demo/demo_report.hpp"

#include "display/message_view.hpp"

#include <algorithm>

namespace whisperstore::cli {

std::size_t DemoAnswer::rank() const
{
    const auto& expected = question.expected_message_ids;
    const auto is_expected = [&](const SearchResult& memory) {
        return std::find(expected.begin(), expected.end(), memory.id) != expected.end();
    };
    return static_cast<std::size_t>(std::find_if(memories.begin(), memories.end(), is_expected) - memories.begin());
}

json::object DemoReport::to_json() const
{
    json::object document;
    document["data_dir"] = data_dir.string();
    document["sample"] = sample.string();
    document["embedding_model"] = by_text ? json::value(model) : json::value(nullptr);
    document["import"] = import.to_json();

    json::array held;
    for (const DemoStore& store : stores) {
        json::object item;
        item["store"] = store.name;
        item["type"] = store.type;
        item["holds"] = store.holds;
        held.push_back(std::move(item));
    }
    document["stores"] = std::move(held);

    json::array messages;
    for (const CachedMessage& message : conversation)
        messages.push_back(whisperstore::to_json(*message));
    document["context"] = std::move(messages);

    json::array answered;
    for (const DemoAnswer& answer : answers) {
        json::object item;
        item["question"] = answer.question.question;
        item["channel_id"] = answer.question.channel_id;
        item["user_id"] = answer.question.user_id;
        json::array expected;
        for (const std::string& id : answer.question.expected_message_ids)
            expected.emplace_back(id);
        item["expected_message_ids"] = std::move(expected);
        item["context_messages"] = answer.context_messages;
        json::array memories;
        for (const SearchResult& memory : answer.memories)
            memories.push_back(cli::to_json(memory));
        item["memories"] = std::move(memories);
        item["connected_memories"] = answer.connected_memories;
        item["milliseconds"] = answer.milliseconds;
        answered.push_back(std::move(item));
    }
    document["answers"] = std::move(answered);

    json::array everybody;
    for (const DemoPerson& person : people) {
        json::object item;
        item["user_id"] = person.user_id;
        item["username"] = person.username;
        item["messages"] = person.messages;
        json::object replies;
        for (std::size_t i = 0; i < person.replies_to.size(); ++i)
            if (person.replies_to[i] > 0)
                replies[people[i].user_id] = person.replies_to[i];
        item["replies_to"] = std::move(replies);
        everybody.push_back(std::move(item));
    }
    document["people"] = std::move(everybody);

    document["network"] = network.to_json();
    json::array memories;
    for (const ConnectedMemory& memory : connected)
        memories.push_back(memory.to_json());
    document["connected"] = std::move(memories);
    document["metrics"] = metrics;
    return document;
}

} // namespace whisperstore::cli
