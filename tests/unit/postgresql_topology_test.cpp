#include "postgresql_topology_support.hpp"

namespace whisperstore::test {

TEST_F(Cluster, TheWriterIsWhoSaysSoWhateverTheOrder)
{
    with(ReadPolicy::primary);
    answers(a, replica(1, 100));
    answers(b, replica(1, 100));
    EXPECT_FALSE(topology->writer());
    answers(c, primary(1, 100));
    EXPECT_EQ(topology->writer(), c);
    EXPECT_EQ(changes(), Changes{TopologyChange::primary_found});
}

TEST_F(Cluster, AtFirstAllAreAskedBeforeOneIsBelieved)
{
    with(ReadPolicy::primary);
    answers(a, primary(1, 500)); // an old primary that came back
    EXPECT_FALSE(topology->writer());
    answers(b, primary(2, 300)); // the promoted one
    EXPECT_FALSE(topology->writer());
    fails(c);
    EXPECT_EQ(topology->writer(), b);
    EXPECT_EQ(changes(),
              (Changes{TopologyChange::node_lost, TopologyChange::primary_found, TopologyChange::second_primary}));
}

TEST_F(Cluster, OfTwoPrimariesTheHigherTimelineWinsAndTheOtherIsReportedOnce)
{
    with(ReadPolicy::primary);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    answers(c, replica(1, 900));
    ASSERT_EQ(topology->writer(), a);
    changes();
    answers(b, primary(2, 800));
    EXPECT_EQ(topology->writer(), b); // a has not even been found dead
    EXPECT_EQ(topology->failovers(), 1U);
    EXPECT_EQ(changes(),
              (Changes{TopologyChange::primary_lost, TopologyChange::failover, TopologyChange::second_primary}));
    answers(a, primary(1, 2000));
    answers(b, primary(2, 810));
    EXPECT_EQ(topology->writer(), b);
    EXPECT_TRUE(changes().empty());
    EXPECT_NE(topology->status(now)[a].problem.find("not the one"), std::string::npos);
    // It rejoins as a standby, and is a reader again.
    answers(a, replica(2, 805));
    EXPECT_EQ(topology->status(now)[a].problem, "");
}

TEST_F(Cluster, AReturningOldPrimaryIsNotWrittenToEvenWhenItIsAlone)
{
    with(ReadPolicy::primary);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    fails(c);
    fails(a);
    answers(b, primary(2, 900));
    ASSERT_EQ(topology->writer(), b);
    fails(b);
    answers(a, primary(1, 5000, 2));
    fails(c);
    EXPECT_FALSE(topology->writer());
    EXPECT_NE(topology->describe_missing_writer(now).find("a: calls itself primary"), std::string::npos)
        << topology->describe_missing_writer(now);
    answers(b, primary(2, 901, 2));
    EXPECT_EQ(topology->writer(), b);
}

TEST_F(Cluster, AReplicaOnALaterTimelineSpeaksAgainstAnOldPrimary)
{
    with(ReadPolicy::primary);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    answers(c, replica(1, 900));
    answers(c, replica(2, 910)); // it follows somebody who was promoted
    EXPECT_FALSE(topology->writer());
    answers(b, primary(2, 910));
    EXPECT_EQ(topology->writer(), b);
}

TEST_F(Cluster, ARestartedPrimaryIsBelievedWhenAllOthersHaveBeenAskedAgain)
{
    with(ReadPolicy::primary);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    answers(c, replica(1, 900));
    loses(a);
    EXPECT_FALSE(topology->writer());
    answers(a, primary(1, 900, 2));
    EXPECT_FALSE(topology->writer()); // perhaps b has been promoted meanwhile
    answers(b, replica(1, 900));
    EXPECT_FALSE(topology->writer());
    answers(c, replica(1, 900));
    EXPECT_EQ(topology->writer(), a);
    EXPECT_EQ(changes(),
              (Changes{TopologyChange::primary_found, TopologyChange::primary_lost, TopologyChange::primary_back}));
    EXPECT_EQ(topology->failovers(), 0U);
}

TEST_F(Cluster, ARestartThatNoConnectionToldIsOneTheSame)
{
    with(ReadPolicy::primary);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    answers(c, replica(1, 900));
    answers(a, primary(1, 900, 2));
    EXPECT_FALSE(topology->writer());
    answers(c, replica(1, 900));
    answers(b, primary(2, 900));
    EXPECT_EQ(topology->writer(), b);
}

TEST_F(Cluster, OneBrokenConnectionDoesNotWaitForTheOtherServers)
{
    with(ReadPolicy::primary);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    fails(c);
    loses(a);
    EXPECT_FALSE(topology->writer());
    answers(a, primary(1, 901)); // the same run of the server
    EXPECT_EQ(topology->writer(), a);
}

TEST_F(Cluster, WhatWasAskedBeforeAConnectionBrokeDoesNotCount)
{
    with(ReadPolicy::prefer_replica);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    fails(c);
    const auto asked = now;
    loses(a);
    loses(b);
    topology->probe_answered(a, primary(1, 900), asked, now + 1ms);
    topology->probe_answered(b, replica(1, 900), asked, now + 1ms);
    EXPECT_FALSE(topology->writer());
    EXPECT_FALSE(reader());
    // Neither does an answer that was overtaken by a later one.
    answers(a, replica(2, 900));
    topology->probe_answered(a, primary(1, 950), asked + 1ms, now);
    EXPECT_FALSE(topology->writer());
}

TEST_F(Cluster, ADemotedPrimaryIsNotTheWriter)
{
    with(ReadPolicy::primary);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    fails(c);
    answers(a, replica(1, 900, {}, 2));
    EXPECT_FALSE(topology->writer());
    answers(b, primary(2, 900));
    EXPECT_EQ(topology->writer(), b);
    EXPECT_EQ(topology->failovers(), 1U);
}

TEST_F(Cluster, OfTwoPrimariesOnOneTimelineTheKnownOneStays)
{
    with(ReadPolicy::primary);
    answers(a, replica(1, 900));
    answers(b, primary(2, 900));
    answers(c, replica(1, 900));
    answers(a, primary(2, 5000)); // promoted beside b: nobody can tell which of them others write to
    EXPECT_EQ(topology->writer(), b);
    EXPECT_EQ(changes(), (Changes{TopologyChange::primary_found, TopologyChange::second_primary}));
}

TEST_F(Cluster, AServerOfAnotherClusterIsNeitherWrittenToNorReadFrom)
{
    with(ReadPolicy::prefer_replica);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    fails(c);
    changes();
    ProbeAnswer foreign = primary(7, 900);
    foreign.system_identifier = 1;
    answers(c, foreign);
    EXPECT_EQ(topology->writer(), a);
    EXPECT_EQ(changes(), (Changes{TopologyChange::node_back, TopologyChange::foreign_server}));
    foreign.role = NodeRole::replica;
    answers(c, foreign);
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(reader(), b);
}

TEST_F(Cluster, ServersComeAndGo)
{
    with(ReadPolicy::prefer_replica);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    answers(c, replica(1, 900));
    topology->retire(b, now);
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(reader(), c);
    EXPECT_EQ(topology->status(now).size(), 2U);
    topology->retire(a, now);
    EXPECT_FALSE(topology->writer());
    const std::size_t d = topology->add("d");
    EXPECT_EQ(topology->add("b"), b);
    answers(c, replica(1, 900));
    answers(d, primary(1, 900));
    EXPECT_FALSE(topology->writer()); // b has not been asked since
    answers(b, replica(1, 900));
    EXPECT_EQ(topology->writer(), d);
}

TEST_F(Cluster, NodesLostAndBackAreReportedOnce)
{
    with(ReadPolicy::primary);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    answers(c, replica(1, 900));
    changes();
    for (int i = 0; i < 3; ++i)
        fails(b);
    EXPECT_EQ(changes(), Changes{TopologyChange::node_lost});
    EXPECT_EQ(topology->status(now)[b].problem, "connection refused");
    answers(b, replica(1, 900));
    EXPECT_EQ(changes(), Changes{TopologyChange::node_back});
    EXPECT_EQ(topology->status(now)[b].problem, "");
}

} // namespace whisperstore::test
