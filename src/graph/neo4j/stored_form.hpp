#pragma once
// How nodes and properties are kept in Neo4j. Pure.
//
// A node has the label WhisperNode, one for its type (User, Memory, Topic, Emotion, Fact) and these properties of ours:
//   _key      "memory:42", or "@NAMESPACE/memory:42"; unique
//   _content  text; not of users
//   _owner    the _key of the user it belongs to
//   _edges    of memories: the highest _order so far
// A relationship has the caller's type, and:
//   _count    interactions
//   _last     the last one, a canonical timestamp
//   _order    of those from a user to a memory: the smallest is the first
// All others are the caller's, under their own names: only a name that begins with an underscore gets a second one, so
// that it cannot be taken for one of ours.

#include <whisperstore/bolt/value.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <string>
#include <string_view>

namespace whisperstore::graph::neo4j {

/// "User", "Memory", …
std::string_view label_of(NodeType type) noexcept;

/// The keys of one namespace.
class Keys
{
public:
    /// `name` is the namespace's; empty for the one without.
    /// Throws StorageError invalid_argument for another than letters, digits, `_`, `-` and `.`, at most 64.
    explicit Keys(const std::string& name);

    std::string key(NodeType type, std::string_view id) const;
    std::string key(const NodeRef& node) const { return key(node.type, node.id); }
    std::string user(std::string_view id) const { return key(NodeType::user, id); }
    /// What the keys of a type begin with.
    std::string prefix(NodeType type) const { return key(type, std::string_view()); }
    /// Throws StorageError corrupt for what is no key of this namespace.
    NodeRef node(std::string_view key) const;

private:
    std::string prefix_;
};

/// Checked properties as a parameter; null stays null, which removes the key.
bolt::Map stored_properties(const json::object& properties);
/// The caller's properties out of those of a node or relationship.
/// Throws StorageError corrupt naming `what` for a value that no caller could have given.
json::object callers_properties(const bolt::Map& properties, std::string_view what);

/// One of our own properties; null where it is missing.
const bolt::Value* own(const bolt::Map& properties, std::string_view name);
std::string own_text(const bolt::Map& properties, std::string_view name); ///< empty where it is missing

} // namespace whisperstore::graph::neo4j
