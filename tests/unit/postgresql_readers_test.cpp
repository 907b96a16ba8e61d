#include "postgresql_topology_support.hpp"

#include <map>

namespace whisperstore::test {

TEST_F(Cluster, ReadsFollowThePolicy)
{
    for (const auto& [policy, expected] : {std::pair(ReadPolicy::primary, std::vector<std::size_t>{a}),
                                           std::pair(ReadPolicy::prefer_replica, std::vector<std::size_t>{b, c}),
                                           std::pair(ReadPolicy::nearest, std::vector<std::size_t>{a, c})}) {
        with(policy);
        answers(a, primary(1, 900), 400us);
        answers(b, replica(1, 900), 9ms);
        answers(c, replica(1, 900), 600us);
        std::map<std::size_t, int> counts;
        for (int i = 0; i < 60; ++i)
            ++counts[reader().value()];
        std::vector<std::size_t> used;
        for (const auto& [node, count] : counts) {
            used.push_back(node);
            EXPECT_EQ(count, 60 / static_cast<int>(expected.size())) << to_string(policy);
        }
        EXPECT_EQ(used, expected) << to_string(policy);
        EXPECT_EQ(parse_read_policy(to_string(policy)), policy);
    }
    EXPECT_FALSE(parse_read_policy("replica"));
}

TEST_F(Cluster, WithoutReplicasThePrimaryAnswersAndWithoutAPrimaryReplicasDo)
{
    with(ReadPolicy::prefer_replica);
    answers(a, primary(1, 900));
    fails(b);
    fails(c);
    EXPECT_EQ(reader(), a);
    answers(b, replica(1, 900));
    EXPECT_EQ(reader(), b);
    EXPECT_EQ(reader({}, {b}), a);
    EXPECT_FALSE(reader({}, {a, b}));
    fails(a);
    EXPECT_EQ(reader(), b);

    with(ReadPolicy::primary);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    fails(c);
    fails(a);
    EXPECT_FALSE(reader());
}

TEST_F(Cluster, AReplicaBehindTheSessionIsSkipped)
{
    with(ReadPolicy::prefer_replica);
    answers(a, primary(1, 1000));
    answers(b, replica(1, 900, 5ms));
    fails(c);
    EXPECT_EQ(reader(at(1, 900)), b);
    const ReaderChoice choice = topology->choose_reader(at(1, 901), {}, now);
    EXPECT_EQ(choice.node, a);
    EXPECT_TRUE(choice.replica_behind);
    fails(a);
    EXPECT_FALSE(reader(at(1, 901)));
    answers(b, replica(1, 901, 5ms));
    EXPECT_EQ(reader(at(1, 901)), b);
}

TEST_F(Cluster, RowsLostInAFailoverAreNotWaitedForForEver)
{
    with(ReadPolicy::prefer_replica);
    answers(a, primary(1, 5000));
    answers(b, replica(1, 900));
    answers(c, replica(1, 900));
    const LogPosition written = at(1, 5000);
    fails(a);
    EXPECT_FALSE(reader(written)); // not yet: a may come back with it
    answers(b, primary(2, 950));
    answers(c, replica(1, 900));
    EXPECT_EQ(reader(written), b); // c is on the old timeline
    answers(c, replica(2, 940));
    EXPECT_EQ(reader(written), b); // c lacks what may have survived
    answers(c, replica(2, 950));
    EXPECT_EQ(reader(written), c);
    EXPECT_EQ(topology->writer_for(written), b);
}

TEST_F(Cluster, ASessionThatWroteOnALaterTimelineWaitsForItsPrimary)
{
    with(ReadPolicy::nearest);
    answers(a, primary(1, 5000));
    answers(b, replica(1, 5000));
    fails(c);
    EXPECT_FALSE(reader(at(2, 10)));
    EXPECT_FALSE(topology->writer_for(at(2, 10)));
    EXPECT_EQ(topology->writer_for(at(1, 9000)), a);
    EXPECT_EQ(topology->writer_for({}), a);
    answers(b, primary(2, 5000));
    EXPECT_EQ(reader(at(2, 10)), b);
}

TEST_F(Cluster, AReplicaOnAnOldTimelineIsNotReadFrom)
{
    with(ReadPolicy::prefer_replica);
    answers(a, primary(1, 900));
    answers(b, replica(1, 900));
    answers(c, replica(1, 950)); // it got more than b before a died
    fails(a);
    answers(b, primary(2, 900));
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(reader(), b);
    EXPECT_EQ(topology->status(now)[c].problem, "follows an old timeline");
}

// ---- lag

TEST_F(Cluster, LagIsBoundedByAgeAndByTheLogOfThePrimary)
{
    with(ReadPolicy::prefer_replica, 2s);
    answers(a, primary(1, 1000));
    answers(b, replica(1, 1000, 1h)); // nothing was written for an hour
    fails(c);
    EXPECT_LE(topology->status(now)[b].lag, 5ms);
    EXPECT_EQ(topology->status(now)[b].lag_bytes, 0U);
    EXPECT_EQ(reader(), b);

    for (int i = 0; i < 5; ++i) {
        now += 1s;
        answers(a, primary(1, 2000 + 100 * static_cast<std::uint64_t>(i)));
        answers(b, replica(1, 1000, 1h + 1s));
    }
    EXPECT_EQ(topology->status(now)[b].lag_bytes, 1400U);
    EXPECT_GE(topology->status(now)[b].lag, 5s);
    EXPECT_EQ(reader(), a);

    // By its own clock it is near enough.
    answers(b, replica(1, 2350, 300ms));
    EXPECT_EQ(topology->status(now)[b].lag, 300ms);
    EXPECT_EQ(reader(), b);
    // An answer grows old.
    now += 2s;
    EXPECT_EQ(reader(), a);
}

TEST_F(Cluster, AReplicaWithoutAnyMeasureIsNotReadFromWhereLagIsLimited)
{
    with(ReadPolicy::prefer_replica, 2s);
    fails(a);
    answers(b, replica(1, 1000));
    fails(c);
    EXPECT_FALSE(reader());
    EXPECT_FALSE(topology->status(now)[b].lag);
    with(ReadPolicy::prefer_replica, 0s);
    fails(a);
    answers(b, replica(1, 1000));
    fails(c);
    EXPECT_EQ(reader(), b);
}

TEST_F(Cluster, AfterThePrimaryIsLostReplicasGrowTooOld)
{
    with(ReadPolicy::prefer_replica, 2s);
    answers(a, primary(1, 1000));
    answers(b, replica(1, 1000));
    fails(c);
    for (int i = 0; i < 4; ++i) {
        fails(a);
        answers(b, replica(1, 1000));
        EXPECT_EQ(reader(), i < 2 ? std::optional(b) : std::nullopt) << i;
        now += 1s;
    }
}

TEST_F(Cluster, AReplicaThatCatchesUpIsReadFromAtOnce)
{
    with(ReadPolicy::prefer_replica);
    answers(a, primary(1, 1000));
    answers(b, replica(1, 900, 5ms));
    fails(c);
    EXPECT_EQ(reader(at(1, 950)), a);
    auto asked = now;
    now += 10ms;
    topology->replayed(b, LogSequenceNumber{950}, asked, now);
    EXPECT_EQ(reader(at(1, 950)), b);
    EXPECT_LE(topology->status(now)[b].lag, 16ms);
    // Asked before the server was lost, of a primary, or of one that is not reached.
    loses(b);
    topology->replayed(b, LogSequenceNumber{999}, asked, now);
    topology->replayed(a, LogSequenceNumber{5000}, now, now);
    topology->replayed(c, LogSequenceNumber{5000}, now, now);
    EXPECT_EQ(reader(at(1, 950)), a);
    EXPECT_EQ(topology->status(now)[a].position.lsn.value, 1000U);
}

TEST_F(Cluster, AWriteOfUnknownPlaceIsReadFromThePrimaryUntilThatWasAskedAgain)
{
    with(ReadPolicy::prefer_replica);
    answers(a, primary(1, 1000));
    answers(b, replica(1, 1000, 5ms));
    fails(c);
    const LogPosition unknown = LogPosition::unknown_since(topology->timeline(), now);
    EXPECT_EQ(reader(unknown), a);
    EXPECT_FALSE(topology->settle(unknown));
    now += 1ms;
    answers(a, primary(1, 1100));
    EXPECT_EQ(topology->settle(unknown), at(1, 1100));
    EXPECT_FALSE(topology->settle(at(1, 500)));
    // After a failover what survived is before all that the new primary has.
    answers(b, primary(2, 1200));
    answers(c, replica(2, 1199, 5ms));
    EXPECT_EQ(reader(unknown), b);
    answers(c, replica(2, 1200, 5ms));
    EXPECT_EQ(reader(unknown), c);
}

TEST_F(Cluster, ANewConnectionIsComparedWithWhatIsKnown)
{
    with(ReadPolicy::primary);
    answers(a, primary(1, 900, 5));
    EXPECT_TRUE(topology->fits(a, primary(1, 950, 5)));
    EXPECT_FALSE(topology->fits(a, primary(1, 950, 6)));
    EXPECT_FALSE(topology->fits(a, replica(1, 950, {}, 5)));
    EXPECT_FALSE(topology->fits(b, replica(1, 950, {}, 5)));
    loses(a);
    EXPECT_FALSE(topology->fits(a, primary(1, 950, 5)));
}

} // namespace whisperstore::test
