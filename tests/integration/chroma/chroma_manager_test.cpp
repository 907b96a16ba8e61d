// HTTPChromaDBManager and DistributedChromaDBManager on the real server, beside other programs that use it.

#include "chroma_support.hpp"
#include "servers/chaos_proxy.hpp"

#include <algorithm>
#include <atomic>
#include <iostream>
#include <map>
#include <random>
#include <set>

namespace whisperstore::test {
namespace {

class ChromaManager : public ChromaFixture
{
};

std::set<std::string> ids_of(const auto& documents)
{
    std::set<std::string> ids;
    for (const auto& document : documents)
        EXPECT_TRUE(ids.insert(document.id).second) << document.id << " comes twice";
    return ids;
}

// ---- the layout

TEST_F(ChromaManager, OtherProgramsFindWhatTheyKnow)
{
    run(vectors->store_document("docs", "a", "some text", vector_number(1),
                                meta(R"({"user_id": "u1", "n": 3, "o": {"p": true}, "none": null})")));
    const json::value found = call("docs", "get", R"({"where":{"$and":[{"user_id":"u1"},{"o.p":true}]}})");
    EXPECT_EQ(found.at("ids"), json::array{"a"});
    EXPECT_EQ(found.at("documents"), json::array{"some text"});
}

TEST_F(ChromaManager, AReplacedDocumentLeavesNoKeysBehind)
{
    run(vectors->store_document("docs", "a", "old", vector_number(1), meta(R"({"old": "secret", "list": ["x"]})")));
    run(vectors->store_document("docs", "a", "new", vector_number(2), meta(R"({"new": 1})")));
    const json::value found = call("docs", "get", R"({"ids":["a"]})");
    std::set<std::string> keys;
    for (const auto& [key, value] : found.at("metadatas").at(0).as_object())
        keys.insert(key);
    EXPECT_EQ(keys, (std::set<std::string>{"new", "whisperstore:bucket", "whisperstore:metadata"}));
}

// Chroma's upsert merges, and two writers do not see what the other is about to leave.
TEST_F(ChromaManager, KeysThatWereLeftBehindMisleadNobody)
{
    run(vectors->store_document("docs", "a", "text", vector_number(1), meta(R"({"user_id": "u2"})")));
    call("docs", "update", R"({"ids":["a"],"metadatas":[{"gone":1,"user":"x"}]})");
    EXPECT_EQ(run(vectors->get_document("docs", "a"))->metadata, meta(R"({"user_id": "u2"})"));
    EXPECT_EQ(run(vectors->count_documents("docs", filter::eq("gone", 1))), 0U);
    EXPECT_EQ(run(vectors->count_documents("docs", filter::ne("gone", 1))), 1U);
    EXPECT_EQ(run(vectors->count_documents("docs", filter::exists("gone"))), 0U);
    EXPECT_TRUE(run(vectors->search_similar("docs", vector_number(1), 5, filter::eq("gone", 1))).empty());
    EXPECT_EQ(run(vectors->search_similar("docs", vector_number(1), 5, filter::ne("gone", 1))).size(), 1U);
}

TEST_F(ChromaManager, WritersAtOnceNeverMixTheirVersions)
{
    const auto write = [&](int number) -> awaitable<void> {
        for (int round = 0; round < 20; ++round) {
            const std::string key = numbered("k", static_cast<std::uint64_t>(number * 100 + round));
            json::object metadata;
            metadata[key] = number;
            metadata["writer"] = number;
            const std::string content = key;
            co_await vectors->store_document("docs", "shared", content, vector_number(1), metadata);
        }
    };
    std::vector<std::future<void>> writers;
    for (int i = 0; i < 4; ++i)
        writers.push_back(start(write(i)));
    for (auto& one : writers)
        wait(std::move(one));
    const auto last = run(vectors->get_document("docs", "shared"));
    ASSERT_TRUE(last);
    EXPECT_EQ(last->metadata.size(), 2U);
    EXPECT_TRUE(last->metadata.contains(last->content));
    const json::value writer = last->metadata.at("writer");
    EXPECT_EQ(run(vectors->count_documents("docs", filter::eq("writer", writer))), 1U);
    EXPECT_EQ(run(vectors->count_documents("docs", filter::ne("writer", writer))), 0U);
}

TEST_F(ChromaManager, RecordsOfOthersAreReadAndFound)
{
    run(vectors->store_document("docs", "ours", "text", vector_number(1), meta(R"({"user_id": "u1"})")));
    call("docs", "upsert",
         R"({"ids":["theirs","bare"],"embeddings":[[3,0,4,0],[0,0,0,1]],"documents":["hello",null],)"
         R"("metadatas":[{"user_id":"u1","tags":["x"]},null]})");
    const auto theirs = run(vectors->get_document("docs", "theirs"));
    ASSERT_TRUE(theirs);
    EXPECT_EQ(theirs->content, "hello");
    EXPECT_EQ(theirs->metadata, meta(R"({"user_id": "u1", "tags": ["x"]})"));
    EXPECT_NEAR(theirs->embedding[0], 0.6, 1e-6);
    EXPECT_EQ(run(vectors->get_document("docs", "bare"))->content, "");
    EXPECT_EQ(ids_of(run(vectors->search_similar("docs", vector_number(1), 5, filter::eq("user_id", "u1")))),
              (std::set<std::string>{"ours", "theirs"}));
    EXPECT_EQ(run(vectors->count_documents("docs", filter::eq("tags", "x"))), 1U);
    EXPECT_EQ(ids_of(run(vectors->search_similar("docs", vector_number(1), 5))),
              (std::set<std::string>{"ours", "theirs", "bare"}));
    for (const std::size_t page_size : {1U, 2U, 10U})
        EXPECT_EQ(ids_of(scroll_all(page_size)), (std::set<std::string>{"ours", "theirs", "bare"}));
    EXPECT_EQ(run(vectors->delete_documents("docs", filter::eq("user_id", "u1"))), 2U);
    EXPECT_EQ(run(vectors->count_documents("docs")), 1U);
}

TEST_F(ChromaManager, CollectionsOfOthersAreUsedWhereTheyCompareByCosine)
{
    database.ask("POST", "/collections", R"({"name":"by_l2","metadata":{"owner":"them"}})");
    database.ask("POST", "/collections", R"({"name":"by_cosine","configuration":{"hnsw":{"space":"cosine"}}})");
    database.ask("POST", "/collections", R"({"name":"not.ours"})");
    EXPECT_EQ(run(vectors->list_collections()), (std::vector<std::string>{"by_cosine", "by_l2", "docs"}));
    const CollectionConfig theirs = run(vectors->get_collection("by_l2"));
    EXPECT_EQ(theirs.distance_metric, "l2");
    EXPECT_EQ(theirs.metadata, meta(R"({"owner": "them"})"));
    EXPECT_STORAGE_ERROR(run(vectors->search_similar("by_l2", vector_number(1), 1)), unsupported);
    EXPECT_STORAGE_ERROR(run(vectors->store_document("by_l2", "a", "x", vector_number(1))), unsupported);
    EXPECT_STORAGE_ERROR(create("by_l2", 4), already_exists);
    EXPECT_EQ(run(vectors->count_documents("by_l2")), 0U);
    EXPECT_TRUE(run(vectors->search_similar("by_cosine", vector_number(1), 1)).empty());
    run(vectors->store_document("by_cosine", "a", "x", vector_number(1)));
    EXPECT_EQ(run(vectors->search_similar("by_cosine", vector_number(1), 1)).size(), 1U);
    EXPECT_EQ(run(vectors->get_collection("by_cosine")).embedding_dimension, 4U);
    EXPECT_STORAGE_ERROR(run(vectors->store_document("by_cosine", "a", "x", vector_number(1, 5))), invalid_argument);
}

TEST_F(ChromaManager, NamesThatChromaDoesNotTakeWork)
{
    for (const char* name : {"a", "_x", "-", "ends_", "n"}) {
        create(name, 4);
        run(vectors->store_document(name, "a", "x", vector_number(1)));
        EXPECT_EQ(run(vectors->count_documents(name)), 1U) << name;
    }
    EXPECT_EQ(run(vectors->list_collections()), (std::vector<std::string>{"-", "_x", "a", "docs", "ends_", "n"}));
    EXPECT_TRUE(run(vectors->delete_collection("_x")));
}

TEST_F(ChromaManager, ACollectionThatAnotherProcessReplacedIsFoundAgain)
{
    run(vectors->store_document("docs", "a", "x", vector_number(1)));
    const auto other = manager();
    run(other->initialize());
    EXPECT_TRUE(run(other->delete_collection("docs")));
    EXPECT_STORAGE_ERROR(run(vectors->count_documents("docs")), not_found);
    CollectionConfig shape;
    shape.embedding_dimension = 3;
    run(other->create_collection("docs", shape));
    run(other->store_document("docs", "b", "y", vector_number(2, 3)));
    EXPECT_EQ(run(vectors->count_documents("docs")), 1U);
    run(other->delete_collection("docs"));
    create("docs", 4);
    // What this one remembers has three dimensions.
    run(other->store_document("docs", "c", "z", vector_number(3)));
    EXPECT_STORAGE_ERROR(run(other->store_document("docs", "c", "z", vector_number(3, 3))), invalid_argument);
    run(other->cleanup());
}

// ---- searches

TEST_F(ChromaManager, DocumentsThatTheGraphLosesAreFound)
{
    // Of 2,000 equal vectors Chroma's graph found 66, and none of the 20 that a condition left.
    std::vector<VectorDocument> documents;
    for (std::uint64_t i = 0; i < 2000; ++i) {
        VectorDocument one = document_number(i);
        one.embedding = vector_number(1);
        one.metadata["n"] = i;
        documents.push_back(std::move(one));
    }
    run(vectors->store_documents("docs", documents));
    run(vectors->store_documents("docs", documents));
    EXPECT_EQ(run(vectors->search_similar("docs", vector_number(2), 20, filter::lt("n", 20))).size(), 20U);
    EXPECT_EQ(run(vectors->search_similar("docs", vector_number(2), 500)).size(), 500U);
    EXPECT_EQ(ids_of(run(vectors->search_similar("docs", vector_number(2), 3000))).size(), 2000U);
}

TEST_F(ChromaManager, NearlyAllOfTheMostSimilarAreFound)
{
    constexpr std::size_t dimension = 384;
    constexpr std::size_t count = 10'000;
    constexpr std::size_t queries = 100;
    create("random", dimension);
    std::mt19937 random(7);
    std::normal_distribution<float> component;
    const auto some_unit = [&] {
        std::vector<float> vector(dimension);
        for (float& one : vector)
            one = component(random);
        normalize(vector);
        return vector;
    };
    std::vector<VectorDocument> documents;
    for (std::size_t i = 0; i < count; ++i)
        documents.push_back(VectorDocument{numbered("d", i), "x", some_unit(), json::object()});
    run(vectors->store_documents("random", documents));
    std::size_t found = 0;
    for (std::size_t i = 0; i < queries; ++i) {
        const std::vector<float> query = some_unit();
        std::vector<std::pair<float, std::string>> exact;
        for (const VectorDocument& one : documents) {
            float product = 0;
            for (std::size_t k = 0; k < dimension; ++k)
                product += one.embedding[k] * query[k];
            exact.emplace_back(-product, one.id);
        }
        std::ranges::nth_element(exact, exact.begin() + 10);
        std::set<std::string> best;
        for (std::size_t k = 0; k < 10; ++k)
            best.insert(exact[k].second);
        for (const SearchResult& result : run(vectors->search_similar("random", query, 10)))
            found += best.contains(result.id) ? 1 : 0;
    }
    const double recall = static_cast<double>(found) / (10.0 * queries);
    std::cout << "recall@10 on " << count << " random vectors: " << recall << '\n';
    EXPECT_GE(recall, 0.99);
}

TEST_F(ChromaManager, ManyAreAskedForInPieces)
{
    std::vector<VectorDocument> documents;
    for (std::uint64_t i = 0; i < 1500; ++i) {
        json::object metadata;
        metadata["even"] = i % 2 == 0;
        documents.push_back(document_number(i, std::move(metadata)));
    }
    run(vectors->store_documents("docs", documents));
    EXPECT_EQ(ids_of(run(vectors->search_similar("docs", vector_number(1), 1000))).size(), 1000U);
    EXPECT_EQ(ids_of(run(vectors->search_similar("docs", vector_number(1), 1'000'000))).size(), 1500U);
    EXPECT_EQ(ids_of(run(vectors->search_similar("docs", vector_number(1), 600, filter::ne("even", true)))).size(),
              600U);
    EXPECT_EQ(ids_of(run(vectors->search_similar("docs", vector_number(1), 1000, filter::ne("even", true)))).size(),
              750U);
}

TEST_F(ChromaManager, LongContentsAreStoredAndReadInPieces)
{
    std::vector<VectorDocument> documents;
    for (std::uint64_t i = 0; i < 8; ++i) {
        VectorDocument one = document_number(i);
        one.content = std::string(3'000'000, static_cast<char>('a' + i));
        documents.push_back(std::move(one));
    }
    run(vectors->store_documents("docs", documents));
    const std::vector<VectorDocument> found = scroll_all(100);
    ASSERT_EQ(found.size(), 8U);
    for (const VectorDocument& one : found)
        EXPECT_EQ(one.content.size(), 3'000'000U);
}

// ---- listings

TEST_F(ChromaManager, ScrollingALargeCollectionGivesEachDocumentOnceWhateverComesAndGoes)
{
    // Beyond what comes in one answer, so that it goes by buckets; with records of others, which are in none.
    constexpr std::uint64_t staying = 5000;
    std::vector<VectorDocument> documents;
    for (std::uint64_t i = 0; i < staying; ++i)
        documents.push_back(document_number(i, meta(R"({"stays": true})"), "stay"));
    for (std::uint64_t i = 0; i < 1000; ++i)
        documents.push_back(document_number(i, meta(R"({"stays": false})"), "go"));
    run(vectors->store_documents("docs", documents));
    std::string theirs = R"({"ids":["theirs0")";
    std::string embeddings = R"("embeddings":[[1,0,0,0])";
    for (std::uint64_t i = 1; i < 20; ++i) {
        theirs.append(",\"theirs").append(std::to_string(i)).append("\"");
        embeddings.append(",[1,0,0,").append(std::to_string(i)).append("]");
    }
    call("docs", "upsert", theirs + "]," + embeddings + "]}");

    std::atomic<bool> done = false;
    std::atomic<int> changes = 0;
    const auto disturb = [&]() -> awaitable<void> {
        for (std::uint64_t i = 0; !done; ++i) {
            const std::string gone = numbered("go", i % 1000);
            const bool deleted = co_await vectors->delete_document("docs", gone);
            VectorDocument fresh = document_number(i, json::object(), "new");
            co_await vectors->store_document("docs", fresh.id, fresh.content, fresh.embedding);
            VectorDocument again = document_number(i % staying, json::object(), "stay");
            again.metadata["stays"] = true;
            co_await vectors->store_document("docs", again.id, again.content, again.embedding, again.metadata);
            changes += deleted ? 1 : 0;
        }
    };
    auto disturbing = start(disturb());
    constexpr int enough = 10;
    constexpr int most_passes = 50; // each waits for the server, which may keep the writer waiting
    int passes = 0;
    do {
        const std::set<std::string> ids = ids_of(scroll_all(300));
        const std::vector<VectorDocument> filtered = scroll_all(300, filter::eq("stays", true));
        for (std::uint64_t i = 0; i < staying; ++i)
            EXPECT_TRUE(ids.contains(numbered("stay", i))) << i;
        for (std::uint64_t i = 0; i < 20; ++i)
            EXPECT_TRUE(ids.contains(numbered("theirs", i))) << i;
        EXPECT_EQ(ids_of(filtered).size(), staying);
    } while (changes <= enough && ++passes < most_passes);
    done = true;
    wait(std::move(disturbing));
    EXPECT_GT(changes.load(), enough);
    EXPECT_EQ(run(vectors->count_documents("docs", filter::eq("stays", true))), staying);
    EXPECT_EQ(run(vectors->delete_documents("docs", filter::eq("stays", true))), staying);
}

TEST_F(ChromaManager, ASmallCollectionThatGrowsIsScrolledToItsEnd)
{
    std::vector<VectorDocument> documents;
    for (std::uint64_t i = 0; i < 50; ++i)
        documents.push_back(document_number(i));
    run(vectors->store_documents("docs", documents));
    call("docs", "upsert", R"({"ids":["theirs"],"embeddings":[[1,0,0,0]]})");
    std::vector<VectorDocument> found;
    Page<VectorDocument> page = run(vectors->scroll("docs", 10));
    std::ranges::move(page.items, std::back_inserter(found));
    documents.clear();
    for (std::uint64_t i = 0; i < 5000; ++i)
        documents.push_back(document_number(i, json::object(), "more"));
    run(vectors->store_documents("docs", documents));
    while (page.next) {
        page = run(vectors->scroll("docs", 1000, page.next));
        std::ranges::move(page.items, std::back_inserter(found));
    }
    const std::set<std::string> ids = ids_of(found);
    EXPECT_TRUE(ids.contains("theirs"));
    for (std::uint64_t i = 0; i < 50; ++i)
        EXPECT_TRUE(ids.contains(numbered("d", i))) << i;
}

// ---- nodes

TEST_F(ChromaManager, CallersDoNotSeeThatNodesFail)
{
    ChaosProxy killed(database.port());
    ChaosProxy silent(database.port());
    ChaosProxy slow(database.port());
    ChaosProxy well(database.port());
    VectorDatabaseConfig several = config();
    for (const ChaosProxy* proxy : {&killed, &silent, &slow, &well})
        several.cluster_nodes.push_back(numbered("127.0.0.1:", proxy->port()));
    const auto distributed = std::make_shared<DistributedChromaDBManager>(several);
    run(distributed->initialize());
    std::atomic<bool> done = false;
    std::atomic<int> calls = 0;
    const auto use = [&](std::uint64_t number) -> awaitable<void> {
        for (std::uint64_t i = 0; !done; ++i) {
            const VectorDocument one = document_number(number * 100'000 + i % 20);
            co_await distributed->store_document("docs", one.id, one.content, one.embedding, one.metadata);
            const auto found = co_await distributed->get_document("docs", one.id);
            EXPECT_TRUE(found);
            const auto nearest = co_await distributed->search_similar("docs", one.embedding, 3);
            EXPECT_FALSE(nearest.empty());
            const bool existed = co_await distributed->delete_document("docs", one.id);
            EXPECT_TRUE(existed);
            calls += 4;
        }
    };
    std::vector<std::future<void>> users;
    for (std::uint64_t i = 0; i < 8; ++i)
        users.push_back(start(use(i)));
    const auto go_on = [&](int more) {
        const int before = calls;
        EXPECT_TRUE(eventually([&] { return calls > before + more; }, std::chrono::seconds(60)));
    };
    go_on(100);
    ChaosRule refusing;
    refusing.refuse = true;
    killed.set_rule(refusing);
    killed.cut_all();
    go_on(100);
    ChaosRule hole;
    hole.cut = ChaosRule::Cut::black_hole;
    hole.cut_answer_at = 0;
    silent.set_rule(hole);
    go_on(100);
    ChaosRule delay;
    delay.delay = std::chrono::milliseconds(50);
    slow.set_rule(delay);
    go_on(100);
    killed.clear();
    silent.clear();
    silent.cut_all();
    slow.clear();
    const std::size_t before = killed.accepted();
    EXPECT_TRUE(eventually([&] { return killed.accepted() > before; }));
    go_on(100);
    done = true;
    for (auto& one : users)
        wait(std::move(one)); // a failed call would throw here
    std::cout << calls << " calls, none failed\n";
    run(distributed->cleanup());
}

} // namespace
} // namespace whisperstore::test
