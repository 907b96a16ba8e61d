#include "migration/content.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace whisperstore::migration {

namespace {

json::value sorted(const json::value& value)
{
    if (const json::array* list = value.if_array()) {
        json::array out;
        out.reserve(list->size());
        for (const json::value& item : *list)
            out.push_back(sorted(item));
        return out;
    }
    const json::object* object = value.if_object();
    if (!object)
        return value;
    std::vector<const json::key_value_pair*> members;
    members.reserve(object->size());
    for (const json::key_value_pair& member : *object)
        members.push_back(&member);
    std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->key() < b->key(); });
    json::object out;
    out.reserve(members.size());
    for (const json::key_value_pair* member : members)
        out[member->key()] = sorted(member->value());
    return out;
}

} // namespace

std::string canonical(const json::value& value) { return json::serialize(sorted(value)); }

void add_document(ContentHash& hash, const VectorDocument& document)
{
    hash.add(document.id);
    hash.add(document.content);
    hash.add(canonical(document.metadata));
    hash.end_row();
}

bool same_document(const VectorDocument& one, const VectorDocument& other)
{
    constexpr float tolerance = 1e-6F;
    return one.id == other.id && one.content == other.content &&
           std::equal(one.embedding.begin(), one.embedding.end(), other.embedding.begin(), other.embedding.end(),
                      [](float a, float b) { return std::abs(a - b) <= tolerance; }) &&
           canonical(one.metadata) == canonical(other.metadata);
}

std::string key_of(const GraphNode& node)
{
    json::array key;
    key.emplace_back(node.node.text());
    return json::serialize(key);
}

std::string key_of(const NetworkEdge& edge)
{
    json::array key;
    key.emplace_back(edge.from.text());
    key.emplace_back(edge.relationship_type);
    key.emplace_back(edge.to.text());
    return json::serialize(key);
}

json::object content_of(const GraphNode& node)
{
    json::object out;
    // Users have none: stores may give what they keep in its place.
    out["content"] = node.node.type == NodeType::user ? std::string() : node.content;
    out["properties"] = node.properties;
    return out;
}

json::object content_of(const NetworkEdge& edge)
{
    json::object out; // the strength is one of the properties
    out["interaction_count"] = edge.interaction_count;
    out["last_interaction"] = edge.last_interaction;
    out["properties"] = edge.properties;
    return out;
}

} // namespace whisperstore::migration
