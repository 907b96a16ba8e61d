// The parts of the embedded vector store that have no file.

#include "support/run.hpp"
#include "vector/local_qdrant/index_search.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>
#include <thread>

namespace whisperstore::local_qdrant {
namespace {

json::object meta(std::string_view text) { return parse_json_object(text, "metadata"); }

std::vector<float> unit(std::mt19937& random, std::size_t dimension)
{
    std::normal_distribution<float> normal;
    std::vector<float> vector(dimension);
    double squares = 0;
    for (float& component : vector) {
        component = normal(random);
        squares += static_cast<double>(component) * static_cast<double>(component);
    }
    for (float& component : vector)
        component = static_cast<float>(static_cast<double>(component) / std::sqrt(squares));
    return vector;
}

std::string numbered(std::string text, std::uint64_t number) { return text.append(std::to_string(number)); }

// ---- the dot product

TEST(DotProduct, EveryKernelAgreesWithDoubles)
{
    std::mt19937 random(1);
    for (const std::size_t size : {32UL, 64UL, 96UL, 384UL, 1536UL, 65536UL}) {
        AlignedFloats a(size);
        AlignedFloats b(size);
        std::ranges::copy(unit(random, size), a.data());
        std::ranges::copy(unit(random, size), b.data());
        double expected = 0;
        for (std::size_t i = 0; i < size; ++i)
            expected += static_cast<double>(a.data()[i]) * static_cast<double>(b.data()[i]);
        for (const DotProduct kernel : usable_dot_products()) {
            EXPECT_NEAR(kernel(a.data(), b.data(), size), expected, 2e-7) << size;
            EXPECT_NEAR(kernel(a.data(), a.data(), size), 1, 1e-6) << size;
            EXPECT_EQ(kernel(a.data(), b.data(), size), kernel(b.data(), a.data(), size));
        }
    }
    EXPECT_EQ(usable_dot_products().back(), fastest_dot_product());
}

TEST(DotProduct, DimensionsArePadded)
{
    EXPECT_EQ(padded(1), 32U);
    EXPECT_EQ(padded(32), 32U);
    EXPECT_EQ(padded(33), 64U);
    EXPECT_EQ(padded(384), 384U);
}

// ---- packed metadata

TEST(PackedMetadata, KeepsWhatFiltersCanName)
{
    PathTable paths;
    const PackedMetadata packed(
        meta(R"({"a": {"b": [1, "x", [2], {"c": 3}]}, "t": "2026-01-31T09:05:00Z", "n": null, "dot.ted": 1, "": 2})"),
        paths);
    std::map<PathId, int> entries;
    packed.for_each([&](PathId path, const Scalar*) {
        ++entries[path];
        return true;
    });
    EXPECT_EQ(entries.at(*paths.find("a")), 1);
    EXPECT_EQ(entries.at(*paths.find("a.b")), 3); // the list, 1 and "x"
    EXPECT_EQ(entries.at(*paths.find("t")), 1);
    EXPECT_EQ(entries.at(*paths.find("n")), 1);
    EXPECT_EQ(entries.size(), 4U);
    EXPECT_FALSE(paths.find("dot.ted"));
    EXPECT_FALSE(paths.find("a.b.c"));
}

TEST(PackedMetadata, MatchesAsJsonDoes)
{
    const char* documents[] = {R"({})",
                               R"({"a": 1})",
                               R"({"a": 1.0})",
                               R"({"a": [1, null]})",
                               R"({"a": {"b": "x"}})",
                               R"({"a": null})",
                               R"({"a": true})",
                               R"({"a": 18446744073709551615})",
                               R"({"a": []})"};
    const char* filters[] = {R"({"a": 1})",
                             R"({"a": null})",
                             R"({"a": {"$ne": 1}})",
                             R"({"a": {"$gt": 0}})",
                             R"({"a.b": "x"})",
                             R"({"a": {"$exists": true}})",
                             R"({"a": {"$exists": false}})",
                             R"({"a.b": {"$exists": false}})",
                             R"({"a": {"$in": [1, true]}})",
                             R"({"a": {"$in": [0,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18446744073709551615,true]}})",
                             R"({"$not": {"a": {"$nin": [1, "x"]}}})",
                             R"({"z": {"$exists": true}})",
                             R"({"z": 1})"};
    PathTable paths;
    std::vector<PackedMetadata> packed;
    for (const char* document : documents)
        packed.emplace_back(meta(document), paths);
    for (const char* text : filters) {
        const Filter filter = Filter::parse_text(text);
        const PackedFilter prepared(filter, paths);
        for (std::size_t i = 0; i < std::size(documents); ++i)
            EXPECT_EQ(prepared.matches(packed[i]), filter.matches(meta(documents[i])))
                << text << " on " << documents[i];
    }
}

TEST(PackedMetadata, EqualNumbersHaveEqualHashes)
{
    const auto hash = [](const json::value& value) { return hash_of(*filter_detail::scalar_of(value)); };
    EXPECT_EQ(hash(1), hash(1.0));
    EXPECT_EQ(hash(0), hash(-0.0));
    EXPECT_EQ(hash(std::uint64_t{5}), hash(std::int64_t{5}));
    EXPECT_EQ(hash(std::uint64_t{1} << 63), hash(9223372036854775808.0));
    EXPECT_EQ(hash(INT64_MIN), hash(-9223372036854775808.0));
    EXPECT_NE(hash(1), hash(true));
    EXPECT_NE(hash(1), hash("1"));
}

// ---- the inverted index

TEST(SlotSet, IsASortedSetThroughRandomChanges)
{
    std::mt19937 random(7);
    SlotSet set;
    std::set<Slot> model;
    for (int i = 0; i < 60'000; ++i) {
        const auto slot = static_cast<Slot>(random() % 20'000);
        if (random() % 3 == 0) {
            set.erase(slot);
            model.erase(slot);
        } else {
            set.insert(slot);
            model.insert(slot);
        }
        ASSERT_EQ(set.size(), model.size());
    }
    std::vector<Slot> slots;
    set.append_to(slots);
    EXPECT_TRUE(std::ranges::equal(slots, model));
    for (const Slot slot : model)
        set.erase(slot);
    EXPECT_EQ(set.size(), 0U);
    set.insert(3);
    EXPECT_EQ(set.size(), 1U);
}

TEST(PayloadIndex, NamesTheDocumentsThatCanMatch)
{
    PathTable paths;
    PayloadIndex index;
    std::vector<PackedMetadata> documents;
    for (Slot slot = 0; slot < 1000; ++slot) {
        documents.emplace_back(
            meta(numbered(R"({"user": "u)", slot % 100) + numbered(R"(", "tags": ["t)", slot % 7) + R"(", "all"]})"),
            paths);
        index.add(slot, documents.back());
    }
    const auto candidates = [&](std::string_view text, std::size_t most = 1000) {
        return index.candidates(PackedFilter(Filter::parse_text(text), paths), most);
    };
    EXPECT_EQ(candidates(R"({"user": "u5"})")->size(), 10U);
    EXPECT_EQ(candidates(R"({"user": "u5", "tags": "all"})")->size(), 10U); // the shortest list
    EXPECT_EQ(candidates(R"({"user": {"$in": ["u5", "u6", "u5"]}})")->size(), 20U);
    EXPECT_EQ(candidates(R"({"$or": [{"user": "u5"}, {"tags": "t5"}]})")->size(), 10U + 143U - 2U);
    EXPECT_TRUE(candidates(R"({"user": "nobody"})")->empty());
    EXPECT_TRUE(candidates(R"({"unknown": 1})")->empty());
    EXPECT_TRUE(candidates(R"({"user": {"$in": []}})")->empty());
    EXPECT_EQ(candidates(R"({"user": {"$gt": 1}})")->size(), 1000U); // all that have one
    EXPECT_FALSE(candidates(R"({"user": {"$gt": 1}})", 999));
    EXPECT_FALSE(candidates(R"({"user": {"$ne": "u5"}})"));
    EXPECT_FALSE(candidates(R"({"$or": [{"user": "u5"}, {"user": {"$exists": false}}]})"));
    EXPECT_FALSE(candidates("{}"));
    for (Slot slot = 0; slot < 1000; ++slot)
        index.remove(slot, documents[slot]);
    EXPECT_TRUE(candidates(R"({"user": "u5"})")->empty());
    EXPECT_TRUE(candidates(R"({"user": {"$exists": true}})")->empty());
}

// ---- the vector index

class Index : public testing::Test
{
protected:
    void stage(const std::string& id, std::int64_t seq, std::string_view metadata = "{}")
    {
        index->stage(id, seq, PackedMetadata(meta(metadata), *paths), unit(random, 8));
    }
    std::vector<std::int64_t> seqs(const Selection& selection) const
    {
        std::vector<std::int64_t> found;
        selection.for_each(nullptr, [&](Slot slot) { found.push_back(selection.snapshot().document(slot).seq); });
        std::ranges::sort(found);
        return found;
    }
    std::vector<std::int64_t> seqs() const { return seqs(Selection(*index, Filter())); }

    std::mt19937 random{3};
    std::shared_ptr<PathTable> paths = std::make_shared<PathTable>();
    std::shared_ptr<VectorIndex> index = std::make_shared<VectorIndex>(8, paths);
};

using Seqs = std::vector<std::int64_t>;

TEST_F(Index, WhatIsStagedIsSeenAtOnceAfterPublish)
{
    stage("a", 1);
    stage("b", 2);
    EXPECT_EQ(seqs(), Seqs{});
    index->publish();
    EXPECT_EQ(seqs(), (Seqs{1, 2}));
    stage("a", 3);
    index->stage_removal(2);
    EXPECT_EQ(seqs(), (Seqs{1, 2}));
    index->publish();
    EXPECT_EQ(seqs(), Seqs{3});
}

TEST_F(Index, ASnapshotStaysAsItIs)
{
    stage("a", 1, R"({"k": 1})");
    stage("b", 2, R"({"k": 1})");
    index->publish();
    const Selection before(*index, filter::eq("k", 1));
    const Selection everything_before(*index, Filter());
    for (int round = 0; round < 20; ++round) {
        stage("a", 10 + round, R"({"k": 2})");
        stage(numbered("c", static_cast<unsigned>(round)), 100 + round, R"({"k": 1})");
        if (round == 3)
            index->stage_removal(2);
        index->publish();
    }
    EXPECT_EQ(seqs(before), (Seqs{1, 2}));
    EXPECT_EQ(seqs(everything_before), (Seqs{1, 2}));
    EXPECT_EQ(before.snapshot().documents(), 2U);
    EXPECT_EQ(seqs(Selection(*index, filter::eq("k", 2))), Seqs{29});
    EXPECT_EQ(Selection(*index, Filter()).snapshot().documents(), 21U);
}

TEST_F(Index, SlotsAreUsedAgainWhenNobodySeesThem)
{
    for (int round = 0; round < 1000; ++round) {
        stage("a", round + 1);
        index->publish();
    }
    EXPECT_LE(Selection(*index, Filter()).effort(), 3U);
    const std::size_t memory = index->memory();
    {
        const Selection held(*index, Filter());
        for (int round = 1000; round < 6000; ++round) {
            stage("a", round + 1);
            index->publish();
        }
        EXPECT_EQ(seqs(held), Seqs{1000});
        EXPECT_GT(index->memory(), memory);
    }
    const std::size_t slots = Selection(*index, Filter()).effort();
    for (int round = 6000; round < 9000; ++round) {
        stage("a", round + 1);
        index->publish();
    }
    EXPECT_LE(Selection(*index, Filter()).effort(), slots + 2);
    EXPECT_EQ(seqs(), Seqs{9000});
}

TEST_F(Index, TwoVersionsInOneChangeLeaveTheLast)
{
    stage("a", 1);
    stage("a", 2);
    index->stage_removal(1);
    stage("b", 3);
    index->stage_removal(3);
    index->stage_removal(99);
    index->publish();
    EXPECT_EQ(seqs(), Seqs{2});
}

TEST_F(Index, TheBestAreFoundWhateverTheLimit)
{
    std::mt19937 own(11);
    std::map<std::int64_t, std::vector<float>> model;
    for (std::int64_t seq = 1; seq <= 500; ++seq) {
        model[seq] = unit(own, 8);
        index->stage(numbered("d", static_cast<std::uint64_t>(seq)), seq, PackedMetadata(), model[seq]);
    }
    index->publish();
    AlignedFloats query(padded(8));
    const std::vector<float> direction = unit(own, 8);
    std::ranges::copy(direction, query.data());
    std::vector<std::pair<double, std::int64_t>> expected;
    for (const auto& [seq, vector] : model) {
        double score = 0;
        for (std::size_t i = 0; i < 8; ++i)
            score += static_cast<double>(vector[i]) * static_cast<double>(direction[i]);
        expected.emplace_back(-score, seq);
    }
    std::ranges::sort(expected);
    for (const std::size_t limit : {1UL, 2UL, 10UL, 499UL, 500UL, 1000UL}) {
        const std::vector<Hit> hits =
            most_similar(Selection(*index, Filter()), query.data(), limit, SearchPlan(), nullptr);
        ASSERT_EQ(hits.size(), std::min<std::size_t>(limit, 500));
        for (std::size_t i = 0; i < hits.size(); ++i) {
            EXPECT_EQ(hits[i].seq, expected[i].second);
            EXPECT_NEAR(hits[i].score, -expected[i].first, 1e-6);
        }
    }
}

TEST_F(Index, AScanCanBeStopped)
{
    for (std::int64_t seq = 1; seq <= 5000; ++seq)
        stage(numbered("d", static_cast<std::uint64_t>(seq)), seq);
    index->publish();
    int checks = 0;
    int visited = 0;
    const CheckPoint check = [&] {
        if (++checks == 3)
            throw StorageError(StorageErrc::cancelled, "stop");
    };
    const Selection selection(*index, Filter());
    EXPECT_STORAGE_ERROR(selection.for_each(check, [&](Slot) { ++visited; }), cancelled);
    EXPECT_GT(visited, 0);
    EXPECT_LT(visited, 2000);
}

TEST_F(Index, SearchesBesideAWriterSeeWholeChanges)
{
    // Each change moves all documents to the next generation.
    constexpr int documents = 30;
    std::int64_t seq = 0;
    const auto change = [&](int generation) {
        const std::string metadata = numbered(R"({"g": )", static_cast<unsigned>(generation)) + R"(, "all": true})";
        for (int i = 0; i < documents; ++i)
            stage(numbered("d", static_cast<unsigned>(i)), ++seq, metadata);
        index->publish();
    };
    change(0);
    std::atomic<bool> done = false;
    std::atomic<int> searches = 0;
    std::vector<std::thread> readers;
    for (int reader = 0; reader < 3; ++reader)
        readers.emplace_back([&, reader] {
            while (!done) {
                const Selection selection(*index, reader == 0 ? Filter() : filter::eq("all", true));
                const std::vector<std::int64_t> found = seqs(selection);
                ASSERT_EQ(found.size(), static_cast<std::size_t>(documents));
                ASSERT_EQ(found.back() - found.front(), documents - 1);
                ASSERT_EQ(found.back() % documents, 0);
                ++searches;
            }
        });
    for (int generation = 1; generation < 400 || searches < 50; ++generation)
        change(generation);
    done = true;
    for (std::thread& reader : readers)
        reader.join();
}

} // namespace
} // namespace whisperstore::local_qdrant
