#include "postgresql_topology_support.hpp"
#include "support/run.hpp"

namespace whisperstore::test {

// ---- places in the log

TEST(LogPosition, IsReadAndWrittenAsPostgreSQLDoes)
{
    const std::vector<std::pair<std::string, std::uint64_t>> known{
        {"0/0", 0}, {"0/3000C20", 0x3000C20}, {"16/B374D848", 0x16B374D848}, {"FFFFFFFF/FFFFFFFF", UINT64_MAX}};
    for (const auto& [text, value] : known) {
        ASSERT_TRUE(LogSequenceNumber::parse(text)) << text;
        EXPECT_EQ(LogSequenceNumber::parse(text)->value, value);
        EXPECT_EQ(LogSequenceNumber{value}.to_string(), text);
    }
    for (const std::string text : {"", "/", "0", "0/", "/0", "0/0/0", "g/0", "0/-1", "0/ 1", "100000000/0", "0/0 "})
        EXPECT_FALSE(LogSequenceNumber::parse(text)) << text;

    EXPECT_EQ(LogPosition::parse("0000000A:16/B374D848"), at(10, 0x16B374D848));
    EXPECT_EQ(at(10, 0x16B374D848).to_string(), "0000000A:16/B374D848");
    for (const std::string text : {"", ":", "1:", ":0/0", "0/0", "1:0", "1:0/0:1", "neo4j:bookmark"})
        EXPECT_FALSE(LogPosition::parse(text)) << text;
}

TEST(LogPosition, ALaterTimelineIsLater)
{
    EXPECT_LT(at(1, 9), at(2, 5));
    EXPECT_LT(at(2, 5), at(2, 6));
    EXPECT_LT((LogSequenceNumber{0xFFFFFFFF}), (LogSequenceNumber{0x100000000}));
}

TEST(LogPosition, ATokenOnlyMovesForward)
{
    EXPECT_EQ(later_token("", at(1, 16)), "00000001:0/10");
    EXPECT_EQ(later_token("not one of ours", at(1, 16)), "00000001:0/10");
    EXPECT_EQ(later_token("00000001:0/20", at(1, 16)), "00000001:0/20");
    EXPECT_EQ(later_token("00000001:0/20", at(1, 48)), "00000001:0/30");
    EXPECT_EQ(later_token("00000001:0/20", at(2, 16)), "00000002:0/10");
}

TEST(LogPosition, AnUnknownPlaceIsBeyondAllAndKnowsItsTime)
{
    const std::chrono::steady_clock::time_point since{3600s};
    const LogPosition unknown = LogPosition::unknown_since(2, since);
    EXPECT_TRUE(unknown.is_unknown());
    EXPECT_FALSE(at(2, 0x16B374D848).is_unknown());
    EXPECT_GT(unknown, at(2, 1ULL << 62U));
    EXPECT_LT(unknown, at(3, 1));
    EXPECT_EQ(LogPosition::parse(unknown.to_string()), unknown);
    EXPECT_FALSE(unknown.is_settled_by(since - 1ms));
    EXPECT_FALSE(unknown.is_settled_by(since));
    EXPECT_TRUE(unknown.is_settled_by(since + 1ms));
    EXPECT_FALSE(at(2, 1).is_settled_by(since));
    EXPECT_LT(unknown, LogPosition::unknown_since(2, since + 1ms));
    EXPECT_EQ(later_token(unknown.to_string(), at(2, 100)), unknown.to_string());
}

// ---- probes

TEST(Probe, AnswersAreParsed)
{
    const ProbeAnswer of_primary = parse_probe("primary 7713668017281768252 1795978290609390 12 0/303B230 0/0");
    EXPECT_EQ(of_primary.role, NodeRole::primary);
    EXPECT_EQ(of_primary.system_identifier, cluster_id);
    EXPECT_EQ(of_primary.started_at, 1795978290609390);
    EXPECT_EQ(of_primary.position, at(12, 0x303B230));
    EXPECT_FALSE(of_primary.replay_age);

    const ProbeAnswer of_replica = parse_probe("replica 7713668017281768252 1795978291362191 1 0/10 0/20 14772");
    EXPECT_EQ(of_replica.role, NodeRole::replica);
    EXPECT_EQ(of_replica.position, at(1, 16));
    EXPECT_EQ(of_replica.received, LogSequenceNumber{32});
    EXPECT_EQ(of_replica.replay_age, 14772ms);
    // System identifiers use all 64 bits, which PostgreSQL shows with a sign.
    EXPECT_EQ(parse_probe("primary -2 1 1 0/1 0/0").system_identifier, UINT64_MAX - 1);
    // Clocks that disagree.
    EXPECT_EQ(parse_probe("replica 1 1 1 0/1 0/1 -3").replay_age, 0ms);
}

TEST(Probe, AnythingElseIsRefused)
{
    for (const std::string text :
         {"", "primary", "primary 1 1 1 0/1", "leader 1 1 1 0/1 0/0", "primary x 1 1 0/1 0/0", "primary 1 1 -1 0/1 0/0",
          "primary 1 1 1 1 0/0", "replica 1 1 1 0/1 0/1 5 6", "replica 1 1 1 0/1 0/1 soon", "primary  1 1 0/1 0/0"})
        EXPECT_STORAGE_ERROR(parse_probe(text), unsupported) << text;
}

} // namespace whisperstore::test
