#include "graph/graph_check.hpp"

#include "core/text.hpp"

#include <whisperstore/core/time.hpp>

#include <cmath>
#include <iterator>
#include <set>

namespace whisperstore::graph {

namespace {

constexpr std::size_t longest_id = 1024;
constexpr std::size_t longest_key = 255;
constexpr std::size_t longest_type = 64;
constexpr int deepest = 10;
constexpr std::int64_t largest_limit = 1000;
constexpr std::int64_t largest_part = 10000;
constexpr double default_importance = 0.5;
constexpr double default_strength = 0.5;

[[noreturn]] void refuse(std::string message) { throw StorageError(StorageErrc::invalid_argument, std::move(message)); }

std::string in_quotes(std::string_view text)
{
    // Names in messages are bounded, and broken bytes do not reach a log.
    if (!text::is_valid_utf8(text) || text.size() > 80)
        return "of " + std::to_string(text.size()) + " bytes";
    std::string quoted(1, '\'');
    quoted.append(text);
    quoted.push_back('\'');
    return quoted;
}

/// The kind of a scalar; lists hold one of them.
std::string_view scalar_kind(json::value& value, const std::string& what)
{
    switch (value.kind()) {
    case json::kind::bool_:
        return "boolean";
    case json::kind::int64:
        return "integer";
    case json::kind::uint64:
        if (value.get_uint64() > static_cast<std::uint64_t>(INT64_MAX))
            refuse(what + " is above 2^63-1; integers are signed and have 64 bits");
        value = static_cast<std::int64_t>(value.get_uint64()); // one form for one number
        return "integer";
    case json::kind::double_:
        if (!std::isfinite(value.get_double()))
            refuse(what + " is not a finite number");
        return "real";
    case json::kind::string:
        text::check(value.get_string(), what);
        return "text";
    case json::kind::null:
        refuse(what + " is null; a list holds text, numbers or booleans");
    case json::kind::array:
    case json::kind::object:
        break;
    }
    refuse(what +
           " is nested; allowed are text, numbers, booleans, null (removes the key) and lists of one kind of them");
}

void check_value(json::value& value, const std::string& what)
{
    if (value.is_null())
        return;
    if (!value.is_array()) {
        scalar_kind(value, what);
        return;
    }
    std::string_view first;
    for (json::value& item : value.get_array()) {
        const std::string_view kind = scalar_kind(item, "an item of " + what);
        if (first.empty())
            first = kind;
        else if (kind != first)
            refuse(what + " mixes " + std::string(first) + " and " + std::string(kind) + "; a list holds one kind");
    }
}

json::object checked_properties(json::object properties)
{
    for (auto& entry : properties) {
        const std::string_view key = entry.key();
        if (key.empty() || key.size() > longest_key)
            refuse("a property key is " + in_quotes(key) + "; keys have 1 to 255 bytes");
        text::check(key, "a property key");
        check_value(entry.value(), "the property " + in_quotes(key));
    }
    return properties;
}

/// A property that is given and not null.
const json::value* given(const json::object& properties, std::string_view key)
{
    const json::value* value = properties.if_contains(key);
    return value && !value->is_null() ? value : nullptr;
}

template <typename Out, typename In>
std::vector<Out> check_all(std::vector<In> items, Out (*check)(In), std::string_view what)
{
    std::vector<Out> checked;
    checked.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        try {
            checked.push_back(check(std::move(items[i])));
        } catch (const StorageError& error) {
            if (items.size() == 1)
                throw;
            throw error.prefixed(std::string(what) + " " + std::to_string(i + 1) + " of " +
                                 std::to_string(items.size()) + ": ");
        }
    }
    return checked;
}

} // namespace

void check_id(std::string_view id, std::string_view what)
{
    if (id.empty() || id.size() > longest_id)
        refuse(std::string(what) + " has " + std::to_string(id.size()) + " bytes; ids have 1 to 1024");
    text::check(id, what);
}

void check_node(const NodeRef& node) { check_id(node.id, "the id of a " + std::string(to_string(node.type))); }

void check_relationship_type(std::string_view type)
{
    const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    bool good = !type.empty() && type.size() <= longest_type && upper(type.front());
    for (const char c : type)
        good = good && (upper(c) || (c >= '0' && c <= '9') || c == '_');
    if (!good)
        refuse("the relationship type is " + in_quotes(type) +
               "; allowed are 1 to 64 of A-Z, 0-9 and _, beginning with a letter");
}

void check_bounds(int max_depth, std::int64_t limit)
{
    if (max_depth < 1 || max_depth > deepest)
        refuse("max_depth is " + std::to_string(max_depth) + "; allowed are 1 to 10");
    if (limit < 0 || limit > largest_limit)
        refuse("limit is " + std::to_string(limit) + "; allowed are 0 to 1000");
}

json::object checked_node_properties(NodeType type, json::object properties)
{
    properties = checked_properties(std::move(properties));
    if (type == NodeType::user) {
        if (const json::value* name = given(properties, "username"); name && !name->is_string())
            refuse("the property 'username' must be text");
        return properties;
    }
    if (const json::value* owner = given(properties, "user_id")) {
        if (!owner->is_string())
            refuse("the property 'user_id' must be text: the id of the user who owns the node");
        check_id(owner->get_string(), "the property 'user_id'");
    }
    if (type == NodeType::memory)
        if (const json::value* importance = given(properties, "importance"); importance && !importance->is_number())
            refuse("the property 'importance' must be a number");
    return properties;
}

json::object checked_relationship_properties(json::object properties)
{
    properties = checked_properties(std::move(properties));
    if (const json::value* strength = given(properties, "strength")) {
        const double number = strength->is_number() ? strength->to_number<double>() : -1;
        if (number < 0 || number > 1)
            refuse("the property 'strength' must be a number from 0 to 1");
    }
    return properties;
}

End parse_end(std::string text, std::string_view what)
{
    End end;
    end.node = NodeRef::try_parse(text);
    check_id(end.node ? std::string_view(end.node->id) : std::string_view(text), what);
    end.text = std::move(text);
    return end;
}

GraphNode check_graph_node(GraphNode node)
{
    check_node(node.node);
    node.properties = checked_node_properties(node.node.type, std::move(node.properties));
    if (node.node.type == NodeType::user)
        node.content.clear();
    else
        text::check(node.content, "the content");
    return node;
}

std::vector<GraphNode> check_nodes(std::vector<GraphNode> nodes)
{
    return check_all(std::move(nodes), check_graph_node, "node");
}

CheckedRelationship check_relationship(Relationship relationship)
{
    CheckedRelationship out;
    out.from = parse_end(std::move(relationship.from_node), "from_node");
    out.to = parse_end(std::move(relationship.to_node), "to_node");
    check_relationship_type(relationship.relationship_type);
    out.type = std::move(relationship.relationship_type);
    out.properties = checked_relationship_properties(std::move(relationship.properties));
    out.keep_existing = relationship.keep_existing;
    return out;
}

std::vector<CheckedRelationship> check_relationships(std::vector<Relationship> relationships)
{
    return check_all(std::move(relationships), check_relationship, "relationship");
}

std::vector<GraphNode> check_imported_nodes(std::vector<GraphNode> nodes)
{
    nodes = check_nodes(std::move(nodes));
    std::set<std::string> owners;
    for (const GraphNode& node : nodes)
        if (std::optional<std::string> owner = owner_of(node.node, node.properties);
            owner && node.node.type != NodeType::user)
            owners.insert(std::move(*owner));
    std::vector<GraphNode> all;
    for (const std::string& owner : owners) {
        GraphNode user;
        user.node = NodeRef::user(owner);
        all.push_back(std::move(user)); // merges nothing into one that is there
    }
    std::move(nodes.begin(), nodes.end(), std::back_inserter(all));
    return all;
}

namespace {

CheckedRelationship check_imported_edge(NetworkEdge edge)
{
    Relationship relationship;
    relationship.from_node = edge.from.text();
    relationship.to_node = edge.to.text();
    relationship.relationship_type = std::move(edge.relationship_type);
    relationship.properties = std::move(edge.properties);
    CheckedRelationship checked = check_relationship(std::move(relationship));
    if (edge.interaction_count < 0)
        refuse("the interaction count is " + std::to_string(edge.interaction_count) + "; it cannot be negative");
    checked.interactions =
        Interactions{edge.interaction_count, format_timestamp(parse_timestamp(edge.last_interaction))};
    return checked;
}

} // namespace

std::vector<CheckedRelationship> check_imported_edges(std::vector<NetworkEdge> edges)
{
    return check_all(std::move(edges), check_imported_edge, "relationship");
}

void check_part_limit(std::int64_t limit)
{
    if (limit < 1 || limit > largest_part)
        refuse("limit is " + std::to_string(limit) + "; allowed are 1 to 10000");
}

StorageError missing_end(const End& end, std::size_t index, std::size_t count)
{
    const std::string which =
        count > 1 ? "relationship " + std::to_string(index + 1) + " of " + std::to_string(count) + ": " : "";
    return StorageError(
        StorageErrc::not_found,
        which + (end.node ? "there is no node " + end.text : "'" + end.text + "' is neither a user nor a memory") +
            "; create the node first");
}

StorageError missing_owner(const NodeRef& node, const std::string& owner)
{
    return StorageError(StorageErrc::not_found, "the owner of " + node.text() + ", user '" + owner +
                                                    "', does not exist; create it with create_user_node()");
}

json::object merge_properties(json::object properties, const json::object& patch)
{
    for (const auto& [key, value] : patch) {
        if (!value.is_null())
            properties[key] = value;
        else if (const auto found = properties.find(key); found != properties.end())
            properties.stable_erase(found);
    }
    return properties;
}

std::optional<std::string> owner_of(const NodeRef& node, const json::object& properties)
{
    if (node.type == NodeType::user)
        return node.id;
    const json::value* owner = given(properties, "user_id");
    return owner && owner->is_string() ? std::optional<std::string>(owner->get_string()) : std::nullopt;
}

double importance_of(NodeType type, const json::object& properties)
{
    const json::value* importance = type == NodeType::memory ? given(properties, "importance") : nullptr;
    return importance && importance->is_number() ? importance->to_number<double>() : default_importance;
}

double strength_of(const json::object& properties)
{
    const json::value* strength = given(properties, "strength");
    return strength && strength->is_number() ? strength->to_number<double>() : default_strength;
}

json::object stored_properties(std::string_view text, std::string_view what)
{
    if (text.empty() || text == "{}")
        return {};
    try {
        return parse_json_object(text, "its properties");
    } catch (const StorageError& error) {
        throw StorageError(StorageErrc::corrupt, std::string(what) + " is damaged: " + error.message());
    }
}

} // namespace whisperstore::graph
