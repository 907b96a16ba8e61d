// The graph on Neo4j, as far as it needs no server.
#include "graph/neo4j/bookmarks.hpp"
#include "graph/neo4j/cypher.hpp"
#include "graph/neo4j/driver_config.hpp"
#include "graph/neo4j/reads.hpp"
#include "graph/neo4j/server_version.hpp"
#include "graph/neo4j/stored_form.hpp"
#include "graph/neo4j/writes.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

namespace whisperstore::graph::neo4j {
namespace {

json::object object(const char* text) { return parse_json_object(text, "test"); }

GraphNode node(NodeRef ref, std::string content, const char* properties)
{
    GraphNode out;
    out.node = std::move(ref);
    out.content = std::move(content);
    out.properties = object(properties);
    return check_graph_node(std::move(out));
}

// ---- names and values

TEST(Neo4jKeys, AreOfOneNamespace)
{
    const Keys none("");
    const Keys one("one");
    EXPECT_EQ(none.key(NodeRef::user("42")), "user:42");
    EXPECT_EQ(one.key(NodeRef::memory("a:b/c")), "@one/memory:a:b/c");
    EXPECT_EQ(one.prefix(NodeType::fact), "@one/fact:");
    EXPECT_EQ(one.node("@one/memory:a:b/c"), NodeRef::memory("a:b/c"));
    EXPECT_EQ(none.node("topic:@one/user:1"), NodeRef::topic("@one/user:1"));
    for (const char* key : {"user:1", "@two/user:1", "@one/nobody:1", "@one/", ""})
        EXPECT_STORAGE_ERROR(one.node(key), corrupt) << key;
    EXPECT_STORAGE_ERROR(none.node("@one/user:1"), corrupt);
    for (const char* name : {"a/b", "a b", "ä", "@"})
        EXPECT_STORAGE_ERROR(Keys(name), invalid_argument) << name;
    EXPECT_STORAGE_ERROR(Keys(std::string(65, 'a')), invalid_argument);
    EXPECT_NO_THROW(Keys(std::string(64, 'a')));
}

TEST(Neo4jProperties, OfACallerAreNeverTakenForOurs)
{
    const json::object callers = object(
        R"({"mood": "happy", "_key": "mine", "__lock": 1, "_": true, "a`b": [1.0, 2.5], "n": null, "list": []})");
    const bolt::Map stored = stored_properties(callers);
    EXPECT_EQ(stored.at("mood").as_string(), "happy");
    EXPECT_EQ(stored.at("__key").as_string(), "mine");
    EXPECT_EQ(stored.at("___lock").as_int(), 1);
    EXPECT_TRUE(stored.at("__").as_bool());
    EXPECT_TRUE(stored.at("n").is_null());
    EXPECT_FALSE(stored.contains("_key"));

    bolt::Map read;
    for (const bolt::MapEntry& entry : stored)
        if (!entry.value.is_null())
            read.set(entry.name, entry.value);
    read.set("_key", "user:1").set("_content", "text").set("_owner", "user:1");
    json::object expected = callers;
    expected.erase("n");
    EXPECT_EQ(callers_properties(read, "test"), expected);
    EXPECT_EQ(own_text(read, "_content"), "text");
    EXPECT_EQ(own_text(read, "_absent"), "");
}

TEST(Neo4jProperties, OfOtherProgramsAreTold)
{
    bolt::Map read;
    read.set("when", bolt::Date{1});
    const StorageError error = test::error_of([&] { callers_properties(read, "memory:1"); });
    EXPECT_EQ(error.errc(), StorageErrc::corrupt);
    EXPECT_NE(error.message().find("memory:1"), std::string::npos) << error.message();
}

// ---- what is written

TEST(Neo4jWrites, ANodeThatIsThereTwiceIsWrittenOnce)
{
    const Keys keys("");
    std::vector<GraphNode> nodes;
    nodes.push_back(node(NodeRef::memory("m"), "first", R"({"user_id": "u", "a": 1, "b": 2})"));
    nodes.push_back(node(NodeRef::user("u"), "", "{}"));
    nodes.push_back(node(NodeRef::memory("m"), "second", R"({"b": null, "c": 3})"));
    nodes.push_back(node(NodeRef::fact("f"), "", R"({"user_id": "v"})"));
    nodes.push_back(node(NodeRef::topic("t"), "", R"({"user_id": null})"));
    const bolt::Map parameters = node_parameters(nodes, keys);
    const bolt::List& rows = parameters.at("nodes").as_list();
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(rows[0].as_map().at("key").as_string(), "user:u"); // owners first
    EXPECT_TRUE(rows[0].as_map().at("content").is_null());
    const bolt::Map& memory = rows[1].as_map();
    EXPECT_EQ(memory.at("label").as_string(), "Memory");
    EXPECT_EQ(memory.at("content").as_string(), "second");
    EXPECT_TRUE(memory.at("names_owner").as_bool());
    EXPECT_EQ(memory.at("owner").as_string(), "user:u");
    const bolt::Map& merged = memory.at("properties").as_map();
    EXPECT_EQ(merged.at("a").as_int(), 1);
    EXPECT_TRUE(merged.at("b").is_null());
    EXPECT_EQ(merged.at("c").as_int(), 3);
    EXPECT_TRUE(rows[2].as_map().at("names_owner").as_bool()); // that it has none
    EXPECT_TRUE(rows[2].as_map().at("owner").is_null());
    // u is in the list; v must be there already.
    const bolt::List& owners = parameters.at("owners").as_list();
    ASSERT_EQ(owners.size(), 1U);
    EXPECT_EQ(owners[0].as_string(), "user:v");
}

bolt::Record answer(bolt::List missing)
{
    return bolt::Record(std::make_shared<const std::vector<std::string>>(1, "missing"),
                        std::vector<bolt::Value>(1, bolt::Value(std::move(missing))));
}

TEST(Neo4jWrites, WhatIsMissingIsNamed)
{
    const Keys keys("x");
    const std::vector<GraphNode> nodes{node(NodeRef::fact("f"), "", R"({"user_id": "v"})")};
    require_owners(answer({}), nodes, keys);
    const StorageError owner = test::error_of([&] { require_owners(answer({"@x/user:v"}), nodes, keys); });
    EXPECT_EQ(owner.errc(), StorageErrc::not_found);
    EXPECT_NE(owner.message().find("user 'v'"), std::string::npos) << owner.message();

    std::vector<CheckedRelationship> edges(3);
    edges[1].from = parse_end("1", "from");
    edges[1].to = parse_end("topic:t", "to");
    edges[2] = edges[1];
    require_ends(answer({}), edges);
    const bolt::List second{bolt::List{2, true}, bolt::List{1, false}}; // in any order: the first row counts
    const StorageError end = test::error_of([&] { require_ends(answer(second), edges); });
    EXPECT_EQ(end.message(), "relationship 2 of 3: there is no node topic:t; create the node first");
    const StorageError bare = test::error_of([&] { require_ends(answer({bolt::List{1, true}}), edges); });
    EXPECT_EQ(bare.message(), "relationship 2 of 3: '1' is neither a user nor a memory; create the node first");
}

TEST(Neo4jWrites, BareEndsHaveTwoMeanings)
{
    std::vector<CheckedRelationship> edges(1);
    edges[0].from = parse_end("1", "from");
    edges[0].to = parse_end("topic:1", "to");
    edges[0].type = "KNOWS";
    const bolt::Map parameters = edge_parameters(edges, Keys(""), now());
    EXPECT_FALSE(parameters.at("replaces").as_bool());
    const bolt::Map& row = parameters.at("rows").as_list().at(0).as_map();
    EXPECT_EQ(row.at("from").as_string(), "user:1");
    EXPECT_EQ(row.at("from_memory").as_string(), "memory:1");
    EXPECT_EQ(row.at("to").as_string(), "topic:1");
    EXPECT_TRUE(row.at("to_memory").is_null());
    EXPECT_EQ(row.at("count").as_int(), 1);

    edges[0].interactions = Interactions{7, "2020-01-01T00:00:00.000000Z"};
    const bolt::Map imported = edge_parameters(edges, Keys(""), now());
    EXPECT_TRUE(imported.at("replaces").as_bool());
    EXPECT_EQ(imported.at("rows").as_list().at(0).as_map().at("count").as_int(), 7);
}

TEST(Neo4jCypher, OnlyDepthsBecomeText)
{
    for (int depth = 1; depth <= 10; ++depth) {
        for (const bool details : {false, true}) {
            const std::string text = cypher::neighbourhood(depth, details);
            EXPECT_EQ(text.find("{visible}"), std::string::npos);
            EXPECT_EQ(text.find("{depth"), std::string::npos);
            EXPECT_EQ(text.find("{details}"), std::string::npos);
            EXPECT_EQ(text.find("{from_memories}"), std::string::npos);
            EXPECT_NE(text.find("(u)-[*0.." + std::to_string(details ? depth : depth - 1) + "]-(h)"),
                      std::string::npos);
        }
    }
}

// ---- settings, versions, bookmarks

TEST(Neo4jSettings, BecomeThoseOfTheDriver)
{
    GraphDatabaseConfig config;
    config.host = "graph.example";
    config.password = "secret";
    EXPECT_EQ(driver_config(config, false, {}).uri, "bolt://graph.example:7687");
    EXPECT_EQ(driver_config(config, true, {}).uri, "neo4j://graph.example:7687");
    EXPECT_EQ(std::get<bolt::BasicAuth>(driver_config(config, false, {}).auth).username, "neo4j");
    config.tls.enabled = true;
    config.tls.ca_file = "/ca.pem";
    EXPECT_EQ(driver_config(config, false, {}).uri, "bolt+s://graph.example:7687");
    EXPECT_EQ(driver_config(config, false, {}).ca_file, "/ca.pem");
    config.tls.verify = false;
    config.cluster_nodes = {"a", "b:17687"};
    EXPECT_EQ(driver_config(config, true, {}).uri, "neo4j+ssc://a,b:17687");
    EXPECT_EQ(endpoints_of(driver_config(config, true, {})), (std::vector<std::string>{"a:7687", "b:17687"}));

    config.uri = "neo4j+s://me:p%40ss@h:1?policy=eu"; // as it stands
    const bolt::DriverConfig from_uri = driver_config(config, false, {});
    EXPECT_EQ(from_uri.uri, "neo4j+s://h:1?policy=eu");
    EXPECT_EQ(std::get<bolt::BasicAuth>(from_uri.auth), (bolt::BasicAuth{"me", "p@ss"}));
    config.uri = "bolt://h";
    config.password.clear();
    EXPECT_TRUE(std::holds_alternative<bolt::NoAuth>(driver_config(config, false, {}).auth));
    EXPECT_STORAGE_ERROR(driver_config(config, true, {}), invalid_argument);
    config.uri = "http://h";
    EXPECT_STORAGE_ERROR(driver_config(config, false, {}), invalid_argument);
    EXPECT_STORAGE_ERROR(driver_config(GraphDatabaseConfig(), false, {}), invalid_argument);
}

TEST(Neo4jServerVersion, IsCompared)
{
    for (const char* agent : {"Neo4j/5.26.0", "Neo4j/5.26.30", "Neo4j/6.0", "Neo4j/2025.01.0", "Memgraph/2.0"})
        EXPECT_NO_THROW(require_server(agent)) << agent;
    for (const char* agent : {"Neo4j/5.9.0", "Neo4j/5.25.1", "Neo4j/4.4.40", "Neo4j/dev"})
        EXPECT_STORAGE_ERROR(require_server(agent), version_mismatch) << agent;
}

TEST(Neo4jBookmarks, OfWritesAtOnceAreAllKept)
{
    using Bookmarks = bolt::Bookmarks;
    Session session;
    EXPECT_EQ(bookmarks_of(session), Bookmarks());
    leave_bookmarks(session, {}, {"one"});
    EXPECT_EQ(bookmarks_of(session), Bookmarks{"one"});
    const Bookmarks before = bookmarks_of(session);
    leave_bookmarks(session, before, {"two"}); // two that began at the same time
    leave_bookmarks(session, before, {"three"});
    EXPECT_EQ(bookmarks_of(session), (Bookmarks{"three", "two"}));
    leave_bookmarks(session, {"three", "two"}, {"four"});
    EXPECT_EQ(bookmarks_of(session), Bookmarks{"four"});
    leave_bookmarks(session, {"four"}, {"four"}); // a read
    EXPECT_EQ(bookmarks_of(session), Bookmarks{"four"});
}

} // namespace
} // namespace whisperstore::graph::neo4j
