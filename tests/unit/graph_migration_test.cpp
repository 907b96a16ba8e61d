// The file of a whole graph.
#include "migration/graph_file.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace whisperstore::migration {
namespace {

GraphPart sample()
{
    GraphPart part;
    part.nodes.resize(2);
    part.nodes[0].node = NodeRef::user("u");
    part.nodes[0].properties = parse_json_object(R"({"username": "Uma \n\"", "large": 9007199254740993})", "test");
    part.nodes[1].node = NodeRef::memory("a:b");
    part.nodes[1].content = "ünï\n";
    part.nodes[1].properties = parse_json_object(
        R"({"user_id": "u", "text": "9007199254740993", "reals": [1.0, 0.5],
            "integers": [1, -9223372036854775808], "none": []})",
        "test");
    part.edges.resize(1);
    part.edges[0].from = NodeRef::user("u");
    part.edges[0].to = NodeRef::memory("a:b");
    part.edges[0].relationship_type = "REMEMBERS";
    part.edges[0].interaction_count = 9007199254740995;
    part.edges[0].last_interaction = "2020-01-02T03:04:05.000006Z";
    return part;
}

std::string written(const GraphPart& part)
{
    std::ostringstream out;
    GraphFileWriter writer(out);
    writer.write(part);
    writer.finish();
    return out.str();
}

/// Everything in it.
GraphPart read(const std::string& text)
{
    std::istringstream in(text);
    GraphFileReader reader(in);
    return reader.read(1000);
}

TEST(GraphFile, IsReadAsItWasWritten)
{
    const GraphPart before = sample();
    const GraphPart after = read(written(before));
    ASSERT_EQ(after.nodes.size(), before.nodes.size());
    for (std::size_t i = 0; i < before.nodes.size(); ++i) {
        EXPECT_EQ(after.nodes[i].node, before.nodes[i].node);
        EXPECT_EQ(after.nodes[i].content, before.nodes[i].content);
        EXPECT_EQ(after.nodes[i].properties, before.nodes[i].properties);
    }
    EXPECT_TRUE(after.nodes[1].properties.at("reals").as_array().at(0).is_double());
    ASSERT_EQ(after.edges.size(), 1U);
    EXPECT_EQ(after.edges[0].from, before.edges[0].from);
    EXPECT_EQ(after.edges[0].relationship_type, "REMEMBERS");
    EXPECT_EQ(after.edges[0].to, before.edges[0].to);
    EXPECT_EQ(after.edges[0].interaction_count, before.edges[0].interaction_count);
    EXPECT_EQ(after.edges[0].last_interaction, before.edges[0].last_interaction);
    EXPECT_TRUE(read(written(GraphPart())).nodes.empty());
}

TEST(GraphFile, HoldsNoNumberThatReadersWouldRound)
{
    const std::string text = written(sample());
    EXPECT_NE(text.find(R"("large":{"int64":"9007199254740993"})"), std::string::npos) << text;
    EXPECT_NE(text.find(R"("text":"9007199254740993")"), std::string::npos) << text;
    EXPECT_NE(text.find(R"("interaction_count":"9007199254740995")"), std::string::npos) << text;
    EXPECT_EQ(text.find(":9007199"), std::string::npos) << text;
}

TEST(GraphFile, IsReadInParts)
{
    std::istringstream in(written(sample()));
    GraphFileReader reader(in);
    EXPECT_EQ(reader.read(2).nodes.size(), 2U);
    EXPECT_EQ(reader.read(2).edges.size(), 1U);
    EXPECT_TRUE(reader.read(2).edges.empty());
    EXPECT_EQ(reader.read(), (GraphMigrationReport{2, 1}));
}

TEST(GraphFile, ThatWasCutOffIsNoticed)
{
    const std::string whole = written(sample());
    for (std::size_t size = 0; size + 1 < whole.size(); ++size) {
        try {
            read(whole.substr(0, size));
            ADD_FAILURE() << "cut after " << size << " bytes";
        } catch (const StorageError& error) {
            const StorageErrc code = error.errc();
            EXPECT_TRUE(code == StorageErrc::corrupt || code == StorageErrc::syntax ||
                        (size == 0 && code == StorageErrc::invalid_argument))
                << size << ": " << error.what();
        }
    }
}

TEST(GraphFile, ErrorsNameTheLine)
{
    const std::string header = "{\"format\":\"whisperstore-graph\",\"version\":1}\n";
    const auto refusal = [&](const std::string& line) { return test::error_of([&] { read(header + line + "\n"); }); };
    for (const char* line :
         {R"([])", R"({"node":"user:u","properties":{"a":{}}})",
          R"({"node":"user:u","properties":{"a":{"int64":"x"}}})",
          R"({"node":"user:u","properties":{"a":{"int64":"9223372036854775808"}}})", R"({"node":"nobody:u"})",
          R"({"node":"memory:m"})", R"({"node":1})", R"({"node":"user:u","properties":[]})", R"({"from":"user:u"})",
          R"({"from":"user:u","type":1,"to":"user:u"})", R"({"nodes":1})", R"({})"}) {
        const StorageError error = refusal(line);
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << line;
        EXPECT_TRUE(error.message().starts_with("line 2: ")) << error.message();
    }
    EXPECT_EQ(refusal("{").errc(), StorageErrc::syntax);
    EXPECT_EQ(refusal(R"({"nodes":1,"relationships":0})").errc(), StorageErrc::corrupt);
    EXPECT_STORAGE_ERROR(read(""), invalid_argument);
    EXPECT_STORAGE_ERROR(read("{\"format\":\"other\"}\n"), invalid_argument);
    EXPECT_STORAGE_ERROR(read("{\"format\":\"whisperstore-graph\",\"version\":2}\n"), version_mismatch);
}

TEST(GraphFile, AFullDiskIsNoticed)
{
    std::ostringstream out;
    GraphFileWriter writer(out);
    out.setstate(std::ios::badbit);
    EXPECT_STORAGE_ERROR(writer.write(sample()), resource_exhausted);
    EXPECT_STORAGE_ERROR(writer.finish(), resource_exhausted);
}

} // namespace
} // namespace whisperstore::migration
