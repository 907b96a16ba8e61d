#include "graph/graph_check.hpp"
#include "support/run.hpp"

#include <whisperstore/core/error.hpp>

#include <gtest/gtest.h>

#include <limits>

namespace whisperstore::graph {
namespace {

json::object parsed(const char* text) { return parse_json_object(text, "test"); }

TEST(NodeRef, IsReadAndWritten)
{
    EXPECT_EQ(NodeRef::try_parse("user:42"), NodeRef::user("42"));
    EXPECT_EQ(NodeRef::try_parse("memory:a:b"), NodeRef::memory("a:b"));
    EXPECT_EQ(NodeRef::try_parse("topic:"), NodeRef::topic(""));
    EXPECT_EQ(NodeRef::try_parse("emotion:joy"), NodeRef::emotion("joy"));
    EXPECT_EQ(NodeRef::try_parse("fact:1"), NodeRef::fact("1"));
    for (const char* bare : {"", "42", ":42", "User:42", "users:42", "user", "https://example.org"})
        EXPECT_EQ(NodeRef::try_parse(bare), std::nullopt) << bare;
    EXPECT_EQ(NodeRef::memory("a:b").text(), "memory:a:b");
    EXPECT_LT(NodeRef::user("z"), NodeRef::memory("a"));
}

TEST(GraphCheck, Ids)
{
    EXPECT_NO_THROW(check_id(std::string(1024, 'x'), "id"));
    EXPECT_NO_THROW(check_id("🌒 ünï'--", "id"));
    EXPECT_STORAGE_ERROR(check_id("", "id"), invalid_argument);
    EXPECT_STORAGE_ERROR(check_id(std::string(1025, 'x'), "id"), invalid_argument);
    EXPECT_STORAGE_ERROR(check_id("\xff", "id"), invalid_argument);
    EXPECT_STORAGE_ERROR(check_id(std::string("a\0b", 3), "id"), invalid_argument);
    EXPECT_STORAGE_ERROR(parse_end("topic:", "from_node"), invalid_argument);
    EXPECT_STORAGE_ERROR(parse_end("", "from_node"), invalid_argument);
}

TEST(GraphCheck, RelationshipTypes)
{
    for (const std::string& type :
         {std::string("A"), std::string("KNOWS"), std::string("REPLIES_TO"), std::string("A1_"), std::string(64, 'X')})
        EXPECT_NO_THROW(check_relationship_type(type)) << type;
    for (const std::string& type :
         {std::string(), std::string("knows"), std::string("_A"), std::string("1A"), std::string("A B"),
          std::string("A-B"), std::string("Ä"), std::string("A`]->() DETACH DELETE n //"),
          std::string("A'; DROP TABLE users; --"), std::string(65, 'X'), std::string("A\0", 2), std::string("A\n")})
        EXPECT_STORAGE_ERROR(check_relationship_type(type), invalid_argument);
}

TEST(GraphCheck, Bounds)
{
    EXPECT_NO_THROW(check_bounds(1, 0));
    EXPECT_NO_THROW(check_bounds(10, 1000));
    EXPECT_STORAGE_ERROR(check_bounds(0, 10), invalid_argument);
    EXPECT_STORAGE_ERROR(check_bounds(11, 10), invalid_argument);
    EXPECT_STORAGE_ERROR(check_bounds(3, -1), invalid_argument);
    EXPECT_STORAGE_ERROR(check_bounds(3, 1001), invalid_argument);
}

TEST(GraphCheck, PropertyValues)
{
    for (const char* good : {R"({})", R"({"a": null})", R"({"a": 1, "b": -0.5, "c": "x", "d": true})",
                             R"({"a": [], "b": [1, 2], "c": [0.5], "d": ["x", "y"], "e": [true, false]})",
                             R"({"a": 9223372036854775807})", R"({"with `quotes` and 'more'": 1})"})
        EXPECT_NO_THROW(checked_node_properties(NodeType::memory, parsed(good))) << good;
    for (const char* bad :
         {R"({"a": {}})", R"({"a": {"b": 1}})", R"({"a": [[1]]})", R"({"a": [{}]})", R"({"a": [null]})",
          R"({"a": [1, "x"]})", R"({"a": [1, 2.5]})", R"({"a": [true, 1]})", R"({"": 1})",
          R"({"a": 9223372036854775808})", R"({"a": "x\u0000y"})", R"({"a\u0000b": 1})"})
        EXPECT_STORAGE_ERROR(checked_node_properties(NodeType::memory, parsed(bad)), invalid_argument);
    json::object longest;
    longest[std::string(255, 'k')] = 1;
    EXPECT_NO_THROW(checked_node_properties(NodeType::topic, longest));
    json::object too_long;
    too_long[std::string(256, 'k')] = 1;
    EXPECT_STORAGE_ERROR(checked_node_properties(NodeType::topic, too_long), invalid_argument);
    json::object infinite;
    infinite["a"] = std::numeric_limits<double>::infinity();
    EXPECT_STORAGE_ERROR(checked_node_properties(NodeType::topic, infinite), invalid_argument);
    json::object broken;
    broken["a"] = "\xff";
    EXPECT_STORAGE_ERROR(checked_node_properties(NodeType::topic, broken), invalid_argument);
}

TEST(GraphCheck, OneFormForOneNumber)
{
    json::object given;
    given["n"] = std::uint64_t{7};
    EXPECT_TRUE(checked_node_properties(NodeType::topic, given)["n"].is_int64());
}

TEST(GraphCheck, PropertiesWithAMeaning)
{
    const auto memory = [](const char* text) { return checked_node_properties(NodeType::memory, parsed(text)); };
    EXPECT_NO_THROW(memory(R"({"importance": 1, "user_id": "u"})"));
    EXPECT_NO_THROW(memory(R"({"importance": null, "user_id": null})"));
    EXPECT_STORAGE_ERROR(memory(R"({"importance": "high"})"), invalid_argument);
    EXPECT_STORAGE_ERROR(memory(R"({"importance": [1]})"), invalid_argument);
    EXPECT_STORAGE_ERROR(memory(R"({"user_id": 42})"), invalid_argument);
    EXPECT_STORAGE_ERROR(memory(R"({"user_id": ""})"), invalid_argument);
    EXPECT_NO_THROW(checked_node_properties(NodeType::topic, parsed(R"({"importance": "high"})")));
    EXPECT_STORAGE_ERROR(checked_node_properties(NodeType::topic, parsed(R"({"user_id": 1})")), invalid_argument);
    EXPECT_NO_THROW(checked_node_properties(NodeType::user, parsed(R"({"user_id": 1, "username": "n"})")));
    EXPECT_STORAGE_ERROR(checked_node_properties(NodeType::user, parsed(R"({"username": 1})")), invalid_argument);
    for (const char* good : {R"({"strength": 0})", R"({"strength": 1.0})", R"({"strength": null})"})
        EXPECT_NO_THROW(checked_relationship_properties(parsed(good))) << good;
    for (const char* bad : {R"({"strength": -0.1})", R"({"strength": 1.1})", R"({"strength": "1"})"})
        EXPECT_STORAGE_ERROR(checked_relationship_properties(parsed(bad)), invalid_argument);
}

// Seen in an earlier implementation: graph updates losing the properties not mentioned.
TEST(GraphCheck, MergingKeepsWhatIsNotMentioned)
{
    const json::object merged = merge_properties(parsed(R"({"a": 1, "b": [1], "c": "x"})"),
                                                 parsed(R"({"b": 2, "c": null, "d": 3, "e": null})"));
    EXPECT_EQ(merged, parsed(R"({"a": 1, "b": 2, "d": 3})"));
}

TEST(GraphCheck, MessagesSayWhatIsAllowed)
{
    const StorageError type = test::error_of([] { check_relationship_type("likes"); });
    EXPECT_EQ(type.message(),
              "the relationship type is 'likes'; allowed are 1 to 64 of A-Z, 0-9 and _, beginning with a letter");
    const StorageError nested =
        test::error_of([] { checked_node_properties(NodeType::topic, parsed(R"({"a": {}})")); });
    EXPECT_NE(nested.message().find("'a' is nested; allowed are"), std::string::npos) << nested.message();
}

TEST(GraphCheck, DamagedPropertiesAreCorrupt)
{
    EXPECT_EQ(stored_properties("", "x"), json::object());
    EXPECT_STORAGE_ERROR(stored_properties("{", "x"), corrupt);
    EXPECT_STORAGE_ERROR(stored_properties("[]", "x"), corrupt);
}

TEST(GraphJson, IdsAndLargeIntegersAreText)
{
    ConnectedMemory memory;
    memory.memory_id = "9007199254740993";
    memory.properties = parsed(R"({"n": 9007199254740993, "list": [1, 9007199254740993], "small": 5})");
    memory.depth = 2;
    memory.relationship_types = {"A", "B"};
    EXPECT_EQ(memory.to_json(), parsed(R"({"memory_id": "9007199254740993", "content": "",
        "properties": {"n": "9007199254740993", "list": [1, "9007199254740993"], "small": 5},
        "depth": 2, "relationship_types": ["A", "B"], "importance": 0.5})"));
}

TEST(GraphJson, Network)
{
    RelationshipNetwork network;
    network.user_id = "u";
    NetworkNode node;
    node.node = NodeRef::user("u");
    network.nodes.push_back(node);
    NetworkEdge edge;
    edge.from = NodeRef::user("u");
    edge.to = NodeRef::topic("t");
    edge.relationship_type = "LIKES";
    edge.interaction_count = 3;
    edge.last_interaction = "2026-01-31T09:05:00.000250Z";
    network.edges.push_back(edge);
    network.counts.emplace_back("LIKES", 1);
    EXPECT_EQ(network.to_json(), parsed(R"({"user_id": "u",
        "nodes": [{"node": "user:u", "type": "user", "id": "u", "content": "", "properties": {}, "depth": 0}],
        "edges": [{"from": "user:u", "to": "topic:t", "relationship_type": "LIKES", "strength": 0.5,
                   "interaction_count": 3, "last_interaction": "2026-01-31T09:05:00.000250Z", "properties": {}}],
        "counts": {"LIKES": 1}, "truncated": false})"));
}

} // namespace
} // namespace whisperstore::graph
