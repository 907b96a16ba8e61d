// What the client sends, and what it makes of the answers, against what a real server was sent and answered.

#include "protocol/http/client.hpp"
#include "servers/http_stub.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"
#include "vector/qdrant/answers.hpp"
#include "vector/qdrant/condition.hpp"
#include "vector/qdrant/layout.hpp"

#include <whisperstore/vector/http_qdrant_manager.hpp>

#include <map>

namespace whisperstore::test {
namespace {

class QdrantRecords : public testing::Test
{
protected:
    void SetUp() override { load("qdrant_rest.json"); }
    void load(const char* file)
    {
        const std::filesystem::path path = shared_data() / "servers" / "records" / file;
        if (!std::filesystem::exists(path))
            GTEST_SKIP() << "no records at " << path;
        document_ = parse_json(read_file(path), "records");
        for (const json::value& call : document_.at("calls").as_array())
            calls_.emplace(std::string(call.at("name").as_string()), &call);
    }
    const json::value& call(const std::string& name) const { return *calls_.at(name); }
    std::string answer(const std::string& name) const { return json::serialize(call(name).at("response")); }
    const json::value& request(const std::string& name) const { return call(name).at("request"); }

    json::value document_;
    std::map<std::string, const json::value*> calls_;
};

/// As json::value, in which 1 and 1.0 are one number.
json::value normal(const json::value& value)
{
    if (value.is_array()) {
        json::array list;
        for (const json::value& one : value.get_array())
            list.emplace_back(normal(one));
        return list;
    }
    if (value.is_object()) {
        json::object object;
        for (const auto& [key, member] : value.get_object())
            object[key] = normal(member);
        return object;
    }
    return value.is_number() ? json::value(value.to_number<double>()) : value;
}

TEST_F(QdrantRecords, PointsAreWrittenAsTheServerTookThem)
{
    VectorDocument document;
    document.id = "a";
    document.content = "hello";
    document.embedding = {1, 0, 0, 0};
    const json::value& recorded = request("upsert wait").at("points").as_array()[0];
    document.metadata = recorded.at("payload").at("metadata").as_object();
    std::string body;
    qdrant::append_point(body, document, nullptr);
    EXPECT_EQ(normal(parse_json(body, "point")), normal(recorded));
}

TEST_F(QdrantRecords, FiltersAreWhatTheServerTook)
{
    const auto translated = [](const char* text) { return normal(qdrant::translate(Filter::parse_text(text)).filter); };
    const auto recorded = [&](const char* name) { return normal(request(name).at("filter")); };
    EXPECT_EQ(translated(R"({"user_id": "u1"})"), recorded("query filter match"));
    EXPECT_EQ(translated(R"({"ok": true})"), recorded("query filter match bool"));
    EXPECT_EQ(translated(R"({"user_id": {"$in": ["u1", "u3"]}})"), recorded("query filter any"));
    EXPECT_EQ(translated(R"({"nul": null})"), recorded("query filter is_null"));
    json::object must_not;
    must_not["must"] = json::array{recorded("query filter must_not")};
    EXPECT_EQ(translated(R"({"user_id": {"$ne": "u1"}})"), json::value(must_not));
    for (const char* exact : {R"({"user_id": "u1"})", R"({"a": {"$exists": true}})", R"({"a": {"$nin": ["x", null]}})",
                              R"({"$or": [{"a": true}, {"$not": {"b": "x"}}]})"})
        EXPECT_TRUE(qdrant::translate(Filter::parse_text(exact)).exact) << exact;
    for (const char* weaker :
         {R"({"n": 1})", R"({"n": {"$gt": 1}})", R"({"t": {"$lt": "2026-01-01T00:00:00Z"}})", R"({"a\"b": "x"})"})
        EXPECT_FALSE(qdrant::translate(Filter::parse_text(weaker)).exact) << weaker;
}

TEST_F(QdrantRecords, AnswersWithPoints)
{
    const std::vector<qdrant::Point> plain = qdrant::parse_query(answer("query plain"));
    ASSERT_EQ(plain.size(), 2U);
    EXPECT_EQ(plain[0].document.id, "a");
    EXPECT_EQ(plain[0].document.content, "hello");
    EXPECT_EQ(plain[0].document.embedding, (std::vector<float>{1, 0, 0, 0}));
    EXPECT_EQ(plain[0].document.metadata,
              request("upsert wait").at("points").as_array()[0].at("payload").at("metadata"));
    EXPECT_DOUBLE_EQ(plain[0].score, 1);
    EXPECT_EQ(plain[1].document.id, "c");
    EXPECT_NEAR(plain[1].score, 0.6, 1e-6);

    const std::vector<qdrant::Point> retrieved = qdrant::parse_retrieved(answer("retrieve many"));
    ASSERT_EQ(retrieved.size(), 2U);
    EXPECT_EQ(retrieved[1].document.metadata.at("big").as_int64(), 9007199254740993);
    EXPECT_EQ(retrieved[1].document.metadata.at("u64").as_uint64(), UINT64_MAX);

    const qdrant::ScrollPage first = qdrant::parse_scroll(answer("scroll page 1"));
    EXPECT_EQ(first.points.size(), 2U);
    EXPECT_EQ(first.next, "\"3c480084-0bec-5ee3-a530-e96a1170273a\"");
    EXPECT_EQ(first.next, "\"" + qdrant::point_id("b") + "\"");
    EXPECT_EQ(qdrant::parse_count(answer("count exact")), 6U);
    EXPECT_EQ(qdrant::parse_count(answer("count filter")), 2U);
}

TEST_F(QdrantRecords, PointsOfOthersAreToldApart)
{
    // A scroll without payloads, and a search that asked for none.
    EXPECT_STORAGE_ERROR(qdrant::parse_scroll(answer("scroll filter")), unsupported);
    EXPECT_STORAGE_ERROR(qdrant::parse_query_batch(answer("query batch")), unsupported);
}

TEST_F(QdrantRecords, AnswersAboutCollections)
{
    const qdrant::CollectionInfo info = qdrant::parse_collection(answer("collection info"));
    EXPECT_EQ(info.dimension, 4U);
    EXPECT_EQ(info.distance, "Cosine");
    EXPECT_FALSE(info.has_words);
    EXPECT_TRUE(info.index_failure.empty());
    EXPECT_EQ(qdrant::parse_names(answer("list")), (std::vector<std::string>{"mem", "repl"}));
    const std::vector<qdrant::Alias> aliases = qdrant::parse_aliases(answer("aliases"));
    ASSERT_EQ(aliases.size(), 1U);
    EXPECT_EQ(aliases[0].name, "memory");
    EXPECT_EQ(aliases[0].collection, "mem");
    EXPECT_EQ(qdrant::parse_version(answer("root")), "1.18.3");
    EXPECT_TRUE(qdrant::parse_flag(answer("create")));
    EXPECT_TRUE(qdrant::parse_flag(answer("delete collection")));
    EXPECT_FALSE(qdrant::parse_flag(answer("delete collection again")));
    const qdrant::Snapshot snapshot = qdrant::parse_snapshot(answer("snapshot create"));
    EXPECT_EQ(snapshot.size, 209408U);
    EXPECT_EQ(snapshot.checksum.size(), 64U);
}

TEST_F(QdrantRecords, AWriteThatIsOnlyAcknowledgedIsNotDone)
{
    qdrant::check_completed(answer("upsert wait"));
    qdrant::check_completed(answer("upsert ordering strong"));
    qdrant::check_completed(answer("payload index keyword tenant"));
    const StorageError error = error_of([&] { qdrant::check_completed(answer("upsert no wait")); });
    EXPECT_EQ(error.errc(), StorageErrc::timeout);
    EXPECT_EQ(error.outcome(), Outcome::unknown);
}

TEST_F(QdrantRecords, SparseVectors)
{
    load("qdrant_sparse.json");
    const std::vector<std::vector<qdrant::Point>> batch =
        qdrant::parse_query_batch(answer("query batch dense and sparse"));
    ASSERT_EQ(batch.size(), 2U);
    EXPECT_EQ(batch[1].size(), 3U);
    EXPECT_NEAR(batch[1][0].score, 1.3862944, 1e-6);
    const qdrant::ScrollPage page = qdrant::parse_scroll(answer("scroll with vectors"));
    ASSERT_EQ(page.points.size(), 2U);
    EXPECT_EQ(page.points[0].document.embedding, (std::vector<float>{0, 1, 0, 0}));
    std::string sparse;
    qdrant::append_sparse(sparse, qdrant::SparseVector{{20, 30}, {1, 1}});
    EXPECT_EQ(normal(parse_json(sparse, "sparse")), normal(request("query sparse").at("query")));
}

TEST_F(QdrantRecords, RefusalsAreOurErrors)
{
    const std::map<std::string, StorageErrc> expected{
        {"no api key", StorageErrc::authentication},
        {"wrong api key", StorageErrc::authentication},
        {"collection missing", StorageErrc::not_found},
        {"create again", StorageErrc::already_exists},
        {"create zero dim", StorageErrc::invalid_argument},
        {"create bad name", StorageErrc::invalid_argument},
        {"upsert wrong dim", StorageErrc::invalid_argument},
        {"upsert to missing collection", StorageErrc::not_found},
        {"query limit 0", StorageErrc::invalid_argument},
        {"query filter unknown clause", StorageErrc::invalid_argument},
    };
    for (const auto& [name, code] : expected) {
        StubAnswer recorded;
        recorded.status = static_cast<int>(call(name).at("status").as_int64());
        const json::value& response = call(name).at("response");
        // Refused keys are told in plain text.
        const std::string said = response.is_string() ? std::string(response.get_string())
                                                      : std::string(response.at("status").at("error").as_string());
        recorded.body = response.is_string() ? said : json::serialize(response);
        HttpStub stub(recorded);
        http::Client client(http::ClientConfig::of_url(stub.url(), "the test"));
        http::Request request;
        const StorageError error = error_of([&] { run(client.send_checked(request)); });
        EXPECT_EQ(error.errc(), code) << name;
        EXPECT_FALSE(error.retryable()) << name;
        EXPECT_NE(error.message().find(said.substr(0, 30)), std::string::npos) << error.message();
    }
}

TEST(QdrantClient, OldServersAreRefused)
{
    for (const auto& [version, refused] : std::map<std::string, bool>{{"1.9.7", true}, {"1.10.0", false}}) {
        HttpStub stub([&](const StubRequest& seen) {
            StubAnswer answer;
            answer.body = R"({"title":"qdrant - vector search engine","version":")" + version + "\"}";
            if (seen.target != "/") {
                answer.status = 404;
                answer.body = R"({"status":{"error":"Not found: Collection doesn't exist!"}})";
            }
            return answer;
        });
        VectorDatabaseConfig config;
        config.url = stub.url();
        HTTPQdrantManager manager(config);
        if (refused) {
            const StorageError error = error_of([&] { run(manager.initialize()); });
            EXPECT_EQ(error.errc(), StorageErrc::version_mismatch);
            EXPECT_NE(error.message().find("1.9.7"), std::string::npos);
            EXPECT_STORAGE_ERROR(run(manager.list_collections()), closed);
        } else {
            run(manager.initialize());
        }
    }
}

TEST(QdrantClient, SettingsThatCannotBeAreRefused)
{
    const auto refused = [](auto change) {
        VectorDatabaseConfig config;
        change(config);
        return error_of([&] { HTTPQdrantManager manager(config); });
    };
    EXPECT_NE(refused([](auto& c) { c.consistency = "most"; }).message().find("majority"), std::string::npos);
    EXPECT_NE(refused([](auto& c) { c.ordering = "3"; }).message().find("strong"), std::string::npos);
    EXPECT_EQ(refused([](auto& c) { c.url = "http://user:hidden@h"; }).message().find("hidden"), std::string::npos);
    EXPECT_EQ(refused([](auto& c) { c.url = "ftp://h"; }).errc(), StorageErrc::invalid_argument);
    EXPECT_EQ(refused([](auto& c) { c.cluster_nodes = {"h:x"}; }).errc(), StorageErrc::invalid_argument);
    EXPECT_EQ(refused([](auto& c) { c.api_key = "hidden\nkey"; }).message().find("hidden"), std::string::npos);
}

TEST(QdrantLayout, NumbersThatQdrantReadsInexactlyAreKeptAsText)
{
    for (const double plain : {0.0, -0.0, 1.0, 0.1, 1e22, 123456789012345.0, 0.5, 1.5e-7})
        EXPECT_TRUE(qdrant::survives_as_json(json::value(plain))) << plain;
    for (const double long_one : {1.0 / 3, 0.1 + 0.2, 1e300, 5e-324, 1e23, 1.7976931348623157e308})
        EXPECT_FALSE(qdrant::survives_as_json(json::value(long_one))) << long_one;
    EXPECT_TRUE(qdrant::survives_as_json(parse_json(R"({"a":[18446744073709551615,-9223372036854775808]})", "x")));
    EXPECT_FALSE(qdrant::survives_as_json(parse_json(R"({"a":[{"b":0.30000000000000004}]})", "x")));
}

TEST(QdrantLayout, EmptyListsAreNamed)
{
    VectorDocument document{"d", "", {1}, parse_json_object(R"({"a":[],"o":{"b":[],"":[]},"x.y":[],"c":[1]})", "x")};
    std::string body;
    qdrant::append_point(body, document, nullptr);
    EXPECT_EQ(parse_json(body, "point").at("payload").at("empty_lists"), parse_json(R"(["a","o.b","o."])", "x"));
}

TEST(QdrantLayout, IdsAndTermsNeverChange)
{
    EXPECT_EQ(qdrant::point_id("a"), "e1407479-3136-56c0-9908-bb02fb0339e2"); // uuid5, as recorded
    EXPECT_EQ(qdrant::term_number("a"), 0x296230C0U);
    EXPECT_NE(qdrant::term_number("cello"), qdrant::term_number("cellos"));
    qdrant::WordMaker words;
    EXPECT_EQ(words.of_document("The Paintings", "").indices, words.of_document("the painting", "").indices);
    EXPECT_EQ(words.of_word("painted"), words.of_word("painting"));
    const qdrant::SparseVector twice = words.of_document("door door", "");
    ASSERT_EQ(twice.values.size(), 1U);
    EXPECT_NEAR(twice.values[0], 2 * 2.2 / 3.2, 1e-6);
}

} // namespace
} // namespace whisperstore::test
