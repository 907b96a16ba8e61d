// What a question is made of, and how what was found is ranked.
#include "sqlite/words.hpp"
#include "storage/hybrid_ranking.hpp"
#include "storage/text_query.hpp"
#include "vector/about_text.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace whisperstore::test {
namespace {

using List = std::vector<std::string>;

TEST(QueryWords, AreWhatSaysSomething)
{
    struct Case
    {
        std::string question;
        List words;
    };
    const std::vector<Case> cases{
        {"When did Caroline go to the LGBTQ support group?", {"caroline", "lgbtq", "support", "group"}},
        {"What did Maria do on May 7th, 2023?", {"maria", "may", "7", "2023"}},
        {"the 21st of March", {"21", "march"}},
        {"cafe Café CAFÉ", {"cafe"}},
        {"Who are you?", {"who", "are", "you"}}, // nothing else is left
        {"don't", {"don", "t"}},
        {"a\"b OR c*", {"b", "c"}},
        {"", {}},
        {"?!", {}},
        {"100th 7thx", {"100th", "7thx"}},
    };
    for (const Case& one : cases)
        EXPECT_EQ(query_words(one.question), one.words) << one.question;
    std::string many;
    for (int i = 0; i < 100; ++i)
        many += "word" + std::to_string(i) + " ";
    EXPECT_EQ(query_words(many).size(), 32U);
}

TEST(Words, FormsAreJoined)
{
    const sqlite::Words joined(sqlite::Words::Forms::joined);
    EXPECT_EQ(joined.of("Painted, painting & PAINTS"), (List{"paint", "paint", "paint"}));
    EXPECT_EQ(joined.of("Cafés"), List{"cafe"});
    const sqlite::Words kept(sqlite::Words::Forms::kept);
    EXPECT_EQ(kept.of("Painted Cafés"), (List{"painted", "cafes"}));
    EXPECT_EQ(kept.of(""), List{});
}

TEST(AboutText, NamesSpeakerAndDay)
{
    const auto meta = [](std::string_view text) { return parse_json_object(text, "metadata"); };
    EXPECT_EQ(about_text(meta(R"({"username": "Mira", "timestamp": "2023-05-08T13:56:00Z"})")), "Mira\n8 May 2023");
    EXPECT_EQ(about_text(meta(R"({"timestamp": "2023-12-31 13:56:00Z"})")), "31 December 2023");
    EXPECT_EQ(about_text(meta(R"({"username": "Mira"})")), "Mira");
    for (const std::string_view none : {R"({})", R"({"username": 7, "timestamp": 8})", R"({"timestamp": "yesterday"})",
                                        R"({"timestamp": "2023-13-01T00:00:00Z"})", R"({"timestamp": "2023-5-8"})"})
        EXPECT_EQ(about_text(meta(none)), "") << none;
}

/// Documents in two dimensions: the query is (1, 0).
class HybridRanking : public testing::Test
{
protected:
    void add(std::string id, double cosine, std::string content, std::string_view metadata = "{}")
    {
        RankingDocument one;
        one.document.id = std::move(id);
        one.document.content = std::move(content);
        one.document.embedding = {static_cast<float>(cosine), static_cast<float>(std::sqrt(1 - cosine * cosine))};
        one.document.metadata = parse_json_object(metadata, "metadata");
        documents.push_back(std::move(one));
    }
    void link(std::size_t first, std::size_t second)
    {
        documents[first].next = second;
        documents[second].previous = first;
    }
    std::vector<RankedDocument> rank(List words, std::size_t limit = 10)
    {
        RankingQuery query;
        query.embedding = {1, 0};
        query.words = std::move(words);
        return rank_hybrid(query, documents, weights, moment, limit);
    }
    List ids(const std::vector<RankedDocument>& ranked) const
    {
        List list;
        for (const RankedDocument& one : ranked)
            list.push_back(documents[one.place].document.id);
        return list;
    }

    std::vector<RankingDocument> documents;
    HybridWeights weights;
    Timestamp moment = parse_timestamp("2026-01-31T00:00:00Z");
};

TEST_F(HybridRanking, NothingIsRankedAsNothing)
{
    EXPECT_TRUE(rank({"bread"}).empty());
    add("a", 0.5, "bread");
    EXPECT_TRUE(rank({"bread"}, 0).empty());
}

TEST_F(HybridRanking, WithoutWordsItIsTheCosine)
{
    add("a", 0.2, "one");
    add("b", 0.8, "two");
    add("c", 0.8, "three");
    for (const List& words : {List{}, List{"absent"}}) {
        const auto ranked = rank(words);
        EXPECT_EQ(ids(ranked), (List{"b", "c", "a"})); // ties by id
        EXPECT_NEAR(ranked[0].score, 0.8, 1e-6);
    }
}

TEST_F(HybridRanking, ARareWordOutweighsACommonOne)
{
    for (int i = 0; i < 10; ++i)
        add("common-" + std::to_string(i), 0.3, "bread is good");
    add("rare", 0.3, "sourdough is good");
    EXPECT_EQ(ids(rank({"bread", "sourdough"}))[0], "rare");
    const auto ranked = rank({"sourdoughs"}); // another form
    EXPECT_EQ(ids(ranked)[0], "rare");
    EXPECT_NEAR(ranked[0].parts.words, weights.lexical, 1e-9);
    EXPECT_EQ(ranked[0].parts.matched_words, List{"sourdoughs"});
    EXPECT_NEAR(ranked[0].score, 0.6 * 0.3 + 0.4, 1e-6);
}

TEST_F(HybridRanking, CountsOfTheBackendGoBeforeCountsOfTheCandidates)
{
    add("a", 0.3, "alpha");
    add("b", 0.3, "beta");
    RankingQuery query;
    query.embedding = {1, 0};
    query.words = {"alpha", "beta"};
    query.word_documents = {900, 2};
    query.documents = 1000;
    EXPECT_EQ(ids(rank_hybrid(query, documents, weights, moment, 1)), List{"b"});
    query.word_documents = {2, 900};
    EXPECT_EQ(ids(rank_hybrid(query, documents, weights, moment, 1)), List{"a"});
}

TEST_F(HybridRanking, NeighboursWordsAndMeaningCount)
{
    add("question", 0.9, "which instrument");
    add("answer", 0.1, "an old one");
    add("alone", 0.1, "an old one");
    add("after", 0.1, "how nice");
    link(0, 1);
    link(1, 3);
    const auto ranked = rank({"instrument"});
    EXPECT_EQ(ids(ranked), (List{"question", "answer", "after", "alone"}));
    EXPECT_GT(ranked[1].parts.similarity, 0.6 * 0.1); // blended with the question's vector
    EXPECT_NEAR(ranked[1].parts.neighbour, weights.neighbour * (ranked[0].parts.similarity + ranked[0].parts.words),
                1e-9);
    EXPECT_GT(ranked[2].parts.words, 0); // two messages away
    EXPECT_EQ(ranked[3].parts.words, 0);
    weights.near_words = weights.far_words = weights.near_meaning = weights.neighbour = 0;
    EXPECT_EQ(ids(rank({"instrument"})), (List{"question", "after", "alone", "answer"}));
}

TEST_F(HybridRanking, OnlyTheAdmittedAreReturnedButOthersCount)
{
    add("question", 0.9, "which instrument");
    add("answer", 0.1, "an old one");
    link(0, 1);
    documents[0].admitted = false;
    const auto ranked = rank({"instrument"});
    EXPECT_EQ(ids(ranked), List{"answer"});
    EXPECT_GT(ranked[0].parts.neighbour, 0);
}

TEST_F(HybridRanking, NamesAndDaysCount)
{
    add("a", 0.3, "hello", R"({"username": "Noor", "timestamp": "2023-05-08T00:00:00Z"})");
    add("b", 0.3, "hello", R"({"username": "Mira", "timestamp": "2023-06-09T00:00:00Z"})");
    EXPECT_EQ(ids(rank({"mira"}))[0], "b");
    EXPECT_EQ(ids(rank({"9", "june"}))[0], "b");
    EXPECT_EQ(ids(rank({"8", "may"}))[0], "a");
}

TEST_F(HybridRanking, RecencyHalvesWithItsHalfLife)
{
    weights.recency = 0.2;
    add("now", 0.3, "x", R"({"timestamp": "2026-01-31T00:00:00Z"})");
    add("month", 0.3, "x", R"({"timestamp": "2026-01-01T00:00:00Z"})");
    add("future", 0.3, "x", R"({"timestamp": "2027-01-01T00:00:00Z"})");
    add("never", 0.3, "x");
    weights.importance = 1;
    add("weighty", 0.1, "x", R"({"importance": 0.9})");
    const auto ranked = rank({});
    EXPECT_EQ(ids(ranked), (List{"weighty", "future", "now", "month", "never"}));
    EXPECT_NEAR(ranked[0].parts.importance, 0.9, 1e-9);
    EXPECT_NEAR(ranked[2].parts.recency, 0.2, 1e-9);
    EXPECT_NEAR(ranked[3].parts.recency, 0.1, 1e-9);
    EXPECT_EQ(ranked[4].parts.recency, 0);
}

} // namespace
} // namespace whisperstore::test
