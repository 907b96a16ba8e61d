#include "graph/neo4j/stored_form.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>

namespace whisperstore::graph::neo4j {

namespace {

constexpr char ours = '_';

bolt::Value to_bolt(const json::value& value)
{
    switch (value.kind()) {
    case json::kind::bool_:
        return value.get_bool();
    case json::kind::int64:
        return value.get_int64();
    case json::kind::double_:
        return value.get_double();
    case json::kind::string:
        return std::string(value.get_string());
    case json::kind::array: {
        bolt::List list;
        list.reserve(value.get_array().size());
        for (const json::value& item : value.get_array())
            list.push_back(to_bolt(item));
        return list;
    }
    default:
        return nullptr; // the checks leave nothing else
    }
}

json::value to_json(const bolt::Value& value, std::string_view what)
{
    switch (value.kind()) {
    case bolt::Kind::boolean:
        return value.as_bool();
    case bolt::Kind::integer:
        return value.as_int();
    case bolt::Kind::real:
        return value.as_real();
    case bolt::Kind::string:
        return json::value(value.as_string());
    case bolt::Kind::list: {
        json::array list;
        list.reserve(value.as_list().size());
        for (const bolt::Value& item : value.as_list())
            list.push_back(to_json(item, what));
        return list;
    }
    default:
        throw StorageError(StorageErrc::corrupt, std::string(what) + " has a property of the kind " +
                                                     std::string(bolt::to_string(value.kind())) +
                                                     ", which another program must have set; remove it");
    }
}

} // namespace

std::string_view label_of(NodeType type) noexcept
{
    switch (type) {
    case NodeType::user:
        return "User";
    case NodeType::memory:
        return "Memory";
    case NodeType::topic:
        return "Topic";
    case NodeType::emotion:
        return "Emotion";
    case NodeType::fact:
        return "Fact";
    }
    return "Unknown";
}

Keys::Keys(const std::string& name)
{
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.';
    };
    constexpr std::size_t longest = 64;
    if (name.size() > longest || !std::all_of(name.begin(), name.end(), allowed))
        throw StorageError(StorageErrc::invalid_argument,
                           "the graph's namespace has another character than letters, digits, '_', '-' and '.', or "
                           "more than 64 of them");
    if (!name.empty())
        prefix_.append("@").append(name).append("/");
}

std::string Keys::key(NodeType type, std::string_view id) const
{
    std::string key = prefix_;
    key.append(to_string(type)).append(":").append(id);
    return key;
}

NodeRef Keys::node(std::string_view key) const
{
    if (key.starts_with(prefix_))
        if (std::optional<NodeRef> node = NodeRef::try_parse(key.substr(prefix_.size())))
            return std::move(*node);
    throw StorageError(StorageErrc::corrupt, "the graph holds a node with the unknown key '" + std::string(key) + "'");
}

bolt::Map stored_properties(const json::object& properties)
{
    bolt::Map map;
    map.reserve(properties.size());
    for (const auto& [key, value] : properties) {
        std::string name;
        if (key.starts_with(ours))
            name.push_back(ours);
        name.append(key);
        map.append(std::move(name), to_bolt(value));
    }
    return map;
}

json::object callers_properties(const bolt::Map& properties, std::string_view what)
{
    json::object out;
    for (const bolt::MapEntry& entry : properties) {
        std::string_view name = entry.name;
        if (name.starts_with(ours)) {
            name.remove_prefix(1);
            if (!name.starts_with(ours))
                continue;
        }
        out.emplace(name, to_json(entry.value, what));
    }
    return out;
}

const bolt::Value* own(const bolt::Map& properties, std::string_view name)
{
    const bolt::Value* value = properties.find(name);
    return value && !value->is_null() ? value : nullptr;
}

std::string own_text(const bolt::Map& properties, std::string_view name)
{
    const bolt::Value* value = own(properties, name);
    return value ? value->as_string() : std::string();
}

} // namespace whisperstore::graph::neo4j
