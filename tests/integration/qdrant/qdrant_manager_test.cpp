// A Qdrant manager and its server: keys, TLS, crashes, what others stored, what is lost on the way.

#include "servers/chaos_proxy.hpp"
#include "servers/http_stub.hpp"
#include "servers/qdrant_managers.hpp"
#include "servers/test_certificates.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/vector/http_qdrant_manager.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <set>
#include <thread>

namespace whisperstore::test {
namespace {

/// "d7" for "d" and 7.
std::string numbered(std::string text, std::uint64_t number) { return text.append(std::to_string(number)); }

std::vector<float> direction(std::size_t i)
{
    std::vector<float> vector(4, 0.1F);
    vector[i % 4] = 1;
    vector[(i / 4) % 4] += 0.5F;
    return vector;
}

CollectionConfig four_dimensions()
{
    CollectionConfig config;
    config.embedding_dimension = 4;
    return config;
}

VectorDocument document(std::string id, std::size_t i, std::string content = "content")
{
    json::object metadata;
    metadata["n"] = i;
    return VectorDocument{std::move(id), std::move(content), direction(i), std::move(metadata)};
}

/// The same server, through a proxy.
VectorDatabaseConfig through(const ChaosProxy& proxy, VectorDatabaseConfig config)
{
    ConnectionUrl url = ConnectionUrl::parse(config.url);
    url.hosts = {HostPort{"127.0.0.1", proxy.port()}};
    config.url = url.to_string();
    return config;
}

TEST(QdrantManager, KeysAreNeededAndNeverTold)
{
    const QdrantPlace place = QdrantPlace::make();
    for (const std::string key : {"", "not-the-key-at-all"}) {
        VectorDatabaseConfig config = place.config;
        config.api_key = key;
        HTTPQdrantManager manager(config);
        const StorageError error = error_of([&] { run(manager.initialize()); });
        EXPECT_EQ(error.errc(), StorageErrc::authentication);
        EXPECT_EQ(error.native_code(), "401");
        EXPECT_EQ(std::string(error.what()).find("not-the-key"), std::string::npos);
    }
}

TEST(QdrantManager, OverTls)
{
    const TestCertificates certificates;
    QdrantServer::Options options;
    options.certificate = certificates.server();
    const QdrantServer server(options);
    VectorDatabaseConfig config = qdrant_config(server.address());
    {
        HTTPQdrantManager untrusting(config);
        EXPECT_STORAGE_ERROR(run(untrusting.initialize()), unavailable);
    }
    config.tls.ca_file = certificates.authority();
    HTTPQdrantManager manager(config);
    run(manager.initialize());
    run(manager.create_collection("docs", four_dimensions()));
    run(manager.store_document("docs", "a", "text", direction(1)));
    EXPECT_EQ(run(manager.search_similar("docs", direction(1), 3)).size(), 1U);
}

TEST(QdrantManager, WhatWasAcknowledgedOutlivesTheServersCrash)
{
    QdrantServer server;
    HTTPQdrantManager manager(qdrant_config(server.address()));
    run(manager.initialize());
    run(manager.create_collection("docs", four_dimensions()));
    for (int round = 0; round < 3; ++round) {
        std::atomic<std::size_t> acknowledged{0};
        std::atomic<bool> failed{false};
        const auto write = [&]() -> awaitable<void> {
            try {
                for (std::size_t i = 0;; ++i) {
                    std::string id = numbered(numbered("r", static_cast<std::uint64_t>(round)) + "-", i);
                    co_await manager.store_document("docs", id, "text", direction(i));
                    acknowledged = i + 1;
                }
            } catch (const StorageError&) {
                failed = true;
            }
        };
        std::future<void> writing = start(write());
        ASSERT_TRUE(eventually([&] { return acknowledged > 50; }));
        server.kill();
        wait(std::move(writing));
        EXPECT_TRUE(failed);
        server.start();
        for (std::size_t i = 0; i < acknowledged; ++i) {
            const std::string id = numbered(numbered("r", static_cast<std::uint64_t>(round)) + "-", i);
            ASSERT_TRUE(run(manager.get_document("docs", id))) << id;
        }
    }
}

TEST(QdrantManager, LargeBatchesAreSplit)
{
    const QdrantPlace place = QdrantPlace::make();
    HTTPQdrantManager manager(place.config);
    run(manager.initialize());
    run(manager.create_collection("docs", four_dimensions()));
    std::vector<VectorDocument> documents;
    for (std::size_t i = 0; i < 40; ++i)
        documents.push_back(document(numbered("d", i), i, std::string(1'000'000, 'x')));
    run(manager.store_documents("docs", documents)); // more than the server takes at once
    EXPECT_EQ(run(manager.count_documents("docs")), 40U);
    // One that no request can hold.
    const StorageError error =
        error_of([&] { run(manager.store_document("docs", "huge", std::string(40'000'000, 'x'), direction(1))); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << error.what();
    EXPECT_EQ(run(manager.count_documents("docs")), 40U);
}

TEST(QdrantManager, ABatchThatFailsHalfWaySaysHowMuchWasStored)
{
    std::atomic<int> upserts{0};
    HttpStub stub([&](const StubRequest& seen) {
        if (seen.target == "/")
            return StubAnswer{.body = R"({"title":"qdrant","version":"1.18.3"})"};
        if (seen.target == "/collections/docs")
            return StubAnswer{.body = R"({"result":{"optimizer_status":"ok","config":{"params":{"vectors":)"
                                      R"({"size":4,"distance":"Cosine"}}}},"status":"ok"})"};
        if (seen.method == "PUT" && ++upserts <= 3)
            return StubAnswer{.body = R"({"result":{"operation_id":1,"status":"completed"},"status":"ok"})"};
        if (seen.method == "PUT")
            return StubAnswer{.status = 507, .body = R"({"status":{"error":"the disk is full"}})"};
        return StubAnswer{.status = 404, .body = R"({"status":{"error":"Not found"}})"};
    });
    VectorDatabaseConfig config;
    config.url = stub.url();
    HTTPQdrantManager manager(config);
    run(manager.initialize());
    std::vector<VectorDocument> documents;
    for (std::size_t i = 0; i < 30; ++i)
        documents.push_back(document(numbered("d", i), i, std::string(1'000'000, 'x')));
    const StorageError error = error_of([&] { run(manager.store_documents("docs", documents)); });
    EXPECT_EQ(error.errc(), StorageErrc::resource_exhausted) << error.what();
    EXPECT_EQ(error.outcome(), Outcome::unknown);
    EXPECT_NE(error.message().find("15 of 30 documents were stored, then: "), std::string::npos) << error.what();
    EXPECT_NE(error.message().find("the disk is full"), std::string::npos) << error.what();
}

/// The connection breaks after each byte of the answer.
TEST(QdrantManager, LostAnswersAreAskedForAgainWhereThatIsHarmless)
{
    const QdrantPlace place = QdrantPlace::make();
    if (!place.universe)
        GTEST_SKIP() << "over the stand-in only: a proxy takes no TLS apart";
    ChaosProxy proxy(place.universe->address().ports.front());
    HTTPQdrantManager manager(through(proxy, place.config));
    run(manager.initialize());
    run(manager.create_collection("docs", four_dimensions()));
    run(manager.store_document("docs", "a", "text", direction(1)));
    std::size_t unknown = 0;
    for (std::uint64_t byte = 0; byte < 200; byte += 7) {
        ChaosRule rule;
        rule.cut_answer_at = byte;
        rule.cut = ChaosRule::Cut::reset;
        rule.connections = 1;
        const auto broken = [&] {
            proxy.cut_all();
            EXPECT_TRUE(eventually([&] { return proxy.open() == 0; }));
            proxy.set_rule(rule);
        };
        // One node: nothing is left to go to, so the caller hears of it, with what is known.
        broken();
        try {
            run(manager.store_document("docs", "b", numbered("text ", byte), direction(byte)));
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::unavailable);
            EXPECT_TRUE(error.retryable());
            EXPECT_EQ(error.outcome(), Outcome::unknown);
        }
        proxy.clear();
        run(manager.store_document("docs", "b", numbered("text ", byte), direction(byte)));
        EXPECT_EQ(run(manager.get_document("docs", "b"))->content, numbered("text ", byte));

        broken();
        try {
            run(manager.search_similar("docs", direction(1), 1));
        } catch (const StorageError& error) {
            EXPECT_EQ(error.errc(), StorageErrc::unavailable);
            EXPECT_EQ(error.outcome(), Outcome::not_applied);
        }
        proxy.clear();
        // Counted first, then deleted: only the second may be unknown.
        broken();
        try {
            run(manager.delete_collection("other"));
        } catch (const StorageError& error) {
            unknown += error.errc() == StorageErrc::outcome_unknown ? 1 : 0;
        }
        proxy.clear();
    }
    EXPECT_EQ(run(manager.count_documents("docs")), 2U);
    EXPECT_EQ(unknown, 0U); // there was no such collection, so nothing was sent that changes anything
}

TEST(QdrantManager, DeletingByFilterIsNeverSentTwice)
{
    std::atomic<int> deletions{0};
    HttpStub stub([&](const StubRequest& seen) {
        if (seen.target == "/")
            return StubAnswer{.body = R"({"title":"qdrant","version":"1.18.3"})"};
        if (seen.target.find("/points/count") != std::string::npos)
            return StubAnswer{.body = R"({"result":{"count":3},"status":"ok"})"};
        if (seen.target.find("/points/delete") != std::string::npos) {
            ++deletions;
            return StubAnswer{.body = "lost", .cut_at = 0};
        }
        return StubAnswer{.status = 404, .body = R"({"status":{"error":"Not found"}})"};
    });
    VectorDatabaseConfig config;
    config.url = stub.url();
    HTTPQdrantManager manager(config);
    run(manager.initialize());
    const StorageError error = error_of([&] { run(manager.delete_documents("docs", filter::eq("user_id", "u1"))); });
    EXPECT_EQ(error.errc(), StorageErrc::outcome_unknown);
    EXPECT_FALSE(error.retryable());
    EXPECT_EQ(deletions, 1);
}

TEST(QdrantManager, CollectionsOfOthersAreToldApart)
{
    const QdrantPlace place = QdrantPlace::make();
    if (!place.universe)
        GTEST_SKIP() << "asks the stand-in by itself";
    const QdrantAddress& address = place.universe->address();
    ASSERT_EQ(address.ask("PUT", "/collections/theirs", R"({"vectors":{"size":4,"distance":"Cosine"}})").status, 200);
    ASSERT_EQ(address
                  .ask("PUT", "/collections/theirs/points?wait=true",
                       R"({"points":[{"id":7,"vector":[1,0,0,0],"payload":{"text":"of another program"}}]})")
                  .status,
              200);
    ASSERT_EQ(address.ask("PUT", "/collections/named", R"({"vectors":{"a":{"size":4,"distance":"Cosine"}}})").status,
              200);
    ASSERT_EQ(address.ask("PUT", "/collections/dots", R"({"vectors":{"size":4,"distance":"Dot"}})").status, 200);
    HTTPQdrantManager manager(place.config);
    run(manager.initialize());
    const StorageError error = error_of([&] { run(manager.search_similar("theirs", direction(1), 5)); });
    EXPECT_EQ(error.errc(), StorageErrc::unsupported);
    EXPECT_NE(error.message().find("point 7"), std::string::npos) << error.what();
    EXPECT_EQ(run(manager.count_documents("theirs")), 1U);
    EXPECT_STORAGE_ERROR(run(manager.get_collection("named")), unsupported);
    EXPECT_STORAGE_ERROR(run(manager.create_collection("dots", four_dimensions())), already_exists);
    // Without the vector of words: searched by vectors, and that is said.
    ASSERT_EQ(address.ask("PUT", "/collections/plain", R"({"vectors":{"size":4,"distance":"Cosine"}})").status, 200);
    run(manager.create_collection("plain", four_dimensions()));
    run(manager.prepare_for_texts("plain", "model"));
    run(manager.store_document("plain", "a", "some words", direction(1)));
    CandidateQuery query;
    query.embedding = direction(1);
    query.words = {"words"};
    const SearchCandidates found = run(manager.search_candidates("plain", query));
    EXPECT_FALSE(found.lexical);
    EXPECT_EQ(found.candidates.size(), 1U);
    EXPECT_EQ(run(manager.get_collection("plain")).embedding_model, "model");
}

TEST(QdrantManager, AnotherProcessMayReplaceACollection)
{
    const QdrantPlace place = QdrantPlace::make();
    HTTPQdrantManager first(place.config);
    HTTPQdrantManager second(place.config);
    run(first.initialize());
    run(second.initialize());
    run(first.create_collection("docs", four_dimensions()));
    run(first.store_document("docs", "a", "text", direction(1)));
    run(second.delete_collection("docs"));
    EXPECT_STORAGE_ERROR(run(first.store_document("docs", "a", "text", direction(1))), not_found);
    CollectionConfig three;
    three.embedding_dimension = 3;
    run(second.create_collection("docs", three));
    const std::vector<float> vector{1, 2, 3};
    run(first.store_document("docs", "a", "text", vector));
    EXPECT_STORAGE_ERROR(run(first.store_document("docs", "b", "text", direction(1))), invalid_argument);
    run(second.delete_collection("docs"));
    run(second.create_collection("docs", four_dimensions()));
    EXPECT_STORAGE_ERROR(run(first.store_document("docs", "a", "text", vector)), invalid_argument);
    run(first.store_document("docs", "a", "text", direction(1)));
}

/// The server is killed at any moment of a restore.
TEST(QdrantManager, ARestoreThatACrashEndsIsUndoneOrFinished)
{
    const TestDirectory directory;
    QdrantServer server;
    const VectorDatabaseConfig config = qdrant_config(server.address());
    const auto contents = [](VectorDatabaseManager& of) {
        std::set<std::string> all;
        for (const std::string& name : run(of.list_collections()))
            for (const VectorDocument& one : run(of.export_collection(name)).documents)
                all.insert(name + "/" + one.id);
        return all;
    };
    const auto fill = [&](VectorDatabaseManager& manager, const std::string& mark) {
        for (const std::string& name : run(manager.list_collections()))
            run(manager.delete_collection(name));
        const std::vector<std::string> names{"docs", "more", "only-" + mark};
        for (const std::string& name : names) {
            run(manager.create_collection(name, four_dimensions()));
            run(manager.store_document(name, mark, mark, direction(1)));
        }
        std::vector<VectorDocument> many; // so that it takes a while
        for (std::size_t i = 0; i < 2500; ++i)
            many.push_back(document(numbered(mark, i), i, std::string(1000, 'x')));
        run(manager.store_documents("docs", many));
    };
    std::set<std::string> saved;
    std::chrono::steady_clock::duration whole{};
    {
        HTTPQdrantManager manager(config);
        run(manager.initialize());
        fill(manager, "saved");
        saved = contents(manager);
        run(manager.backup_collections(directory / "backup.db"));
        fill(manager, "live");
        const auto begin = std::chrono::steady_clock::now();
        run(manager.restore_collections(directory / "backup.db"));
        whole = std::chrono::steady_clock::now() - begin;
        EXPECT_EQ(contents(manager), saved);
    }
    std::size_t undone = 0;
    std::size_t finished = 0;
    constexpr int rounds = 6;
    constexpr int most_rounds = 10 * rounds;
    int round = 0;
    for (; round < rounds || (undone == 0 && round < most_rounds); ++round) { // on a busy machine the end comes late
        HTTPQdrantManager manager(config);
        run(manager.initialize());
        fill(manager, "live");
        const std::set<std::string> live = contents(manager);
        const auto moment = std::chrono::steady_clock::now() + whole * (round % rounds) / rounds;
        std::future<void> restoring = start(manager.restore_collections(directory / "backup.db"));
        std::this_thread::sleep_until(moment); // the moment is the point of it
        server.kill();
        try {
            wait(std::move(restoring));
        } catch (const StorageError& error) {
            EXPECT_TRUE(error.errc() == StorageErrc::unavailable || error.errc() == StorageErrc::outcome_unknown)
                << error.what();
        }
        server.start();
        HTTPQdrantManager next(config);
        run(next.initialize());
        const std::set<std::string> after = contents(next);
        EXPECT_TRUE(after == live || after == saved) << "round " << round;
        ++(after == live ? undone : finished);
    }
    std::cout << "of " << round << " restores " << undone << " were undone, " << finished << " finished\n";
    EXPECT_GT(undone, 0U);
    // What was filled and never used goes with the next restore.
    HTTPQdrantManager manager(config);
    run(manager.initialize());
    run(manager.restore_collections(directory / "backup.db"));
    EXPECT_EQ(contents(manager), saved);
    const std::string names = server.address().ask("GET", "/collections").body;
    std::size_t staged = 0;
    for (std::size_t at = names.find(".restore-"); at != std::string::npos; at = names.find(".restore-", at + 1))
        ++staged;
    EXPECT_EQ(staged, 3U) << names;
    EXPECT_TRUE(run(manager.delete_collection("docs")));
    EXPECT_FALSE(run(manager.delete_collection("docs")));
}

TEST(QdrantManager, SnapshotsAreMadeByTheServer)
{
    const QdrantPlace place = QdrantPlace::make();
    const TestDirectory directory;
    VectorDatabaseConfig config = place.config;
    config.server_snapshots = true;
    HTTPQdrantManager manager(config);
    run(manager.initialize());
    run(manager.create_collection("docs", four_dimensions()));
    run(manager.store_document("docs", "a", "text", direction(1)));
    run(manager.backup_collections(directory / "backup.db"));
    EXPECT_TRUE(std::filesystem::exists(directory / "backup.db"));
    if (place.universe) {
        const std::string list = place.universe->address().ask("GET", "/collections/docs/snapshots").body;
        EXPECT_NE(list.find(".snapshot\""), std::string::npos) << list;
    }
    const std::vector<QdrantSnapshot> made = run(manager.create_snapshots());
    ASSERT_EQ(made.size(), 1U);
    EXPECT_EQ(made[0].collection, "docs");
    EXPECT_GT(made[0].bytes, 0U);
}

} // namespace
} // namespace whisperstore::test
