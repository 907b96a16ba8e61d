// Restores on a server that others use, and that may go away in between.

#include "chroma_support.hpp"
#include "servers/chaos_proxy.hpp"
#include "vector/chroma/names.hpp"

namespace whisperstore::test {
namespace {

class ChromaRestore : public ChromaFixture
{
protected:
    void SetUp() override
    {
        ChromaFixture::SetUp();
        create("second", 3);
        for (std::uint64_t i = 0; i < 700; ++i)
            documents.push_back(document_number(i));
        run(vectors->store_documents("docs", documents));
        run(vectors->store_document("second", "x", "y", vector_number(1, 3)));
        run(vectors->backup_collections(directory / "backup"));
        // And what is there when it is restored.
        run(vectors->delete_collection("second"));
        create("third", 4);
        run(vectors->store_document("docs", "after", "x", vector_number(1)));
    }
    void expect_the_backup(VectorDatabaseManager& manager)
    {
        EXPECT_EQ(run(manager.list_collections()), (std::vector<std::string>{"docs", "second"}));
        EXPECT_EQ(run(manager.count_documents("docs")), 700U);
        EXPECT_EQ(run(manager.count_documents("second")), 1U);
        EXPECT_FALSE(run(manager.get_document("docs", "after")));
        EXPECT_EQ(run(manager.search_similar("docs", vector_number(1), 5)).size(), 5U);
    }
    void expect_what_was_there(VectorDatabaseManager& manager)
    {
        EXPECT_EQ(run(manager.list_collections()), (std::vector<std::string>{"docs", "third"}));
        EXPECT_EQ(run(manager.count_documents("docs")), 701U);
    }
    /// What a restore has of its own on the server.
    std::size_t leftovers() const
    {
        const json::value all = parse_json(database.ask("GET", "/collections").body, "collections");
        std::size_t count = 0;
        for (const json::value& one : all.as_array())
            count += chroma::restore_part(one.at("name").as_string()).part == chroma::RestorePart::none ? 0 : 1;
        return count;
    }

    std::vector<VectorDocument> documents;
};

TEST_F(ChromaRestore, OthersSeeItAtOnce)
{
    const auto other = manager();
    run(other->initialize());
    EXPECT_EQ(run(other->count_documents("docs")), 701U);
    run(vectors->restore_collections(directory / "backup"));
    expect_the_backup(*vectors);
    expect_the_backup(*other);
    EXPECT_EQ(leftovers(), 0U);
    run(other->cleanup());
}

// The connection is cut after so many bytes towards the server, wherever that is.
TEST_F(ChromaRestore, OneThatBreaksOffHappensWhollyOrNotAtAll)
{
    std::size_t happened = 0;
    std::size_t rounds = 0;
    for (std::uint64_t bytes = 1'000; bytes < 400'000; bytes = bytes * 3 / 2) {
        ChaosProxy proxy(database.port());
        VectorDatabaseConfig through = config();
        through.port = proxy.port();
        HTTPChromaDBManager breaking(through);
        run(breaking.initialize());
        ChaosRule rule;
        rule.cut_request_at = proxy.request_bytes() + bytes;
        rule.cut = ChaosRule::Cut::black_hole;
        proxy.set_rule(rule);
        OperationContext soon = OperationContext::within(std::chrono::milliseconds(800));
        try {
            run(breaking.restore_collections(directory / "backup", soon));
        } catch (const StorageError&) {
            // What became of it is looked at below.
        }
        ++rounds;
        // Whoever opens the database next finishes what was decided.
        const auto next = manager();
        run(next->initialize());
        if (run(next->list_collections()).back() == "second") {
            expect_the_backup(*next);
            ++happened;
            run(next->cleanup());
            break;
        }
        expect_what_was_there(*next);
        run(next->cleanup());
        run(breaking.cleanup());
    }
    std::cout << rounds << " restores, " << happened << " happened\n";
}

// As a process leaves it that died right after the decision: written by hand, in the form that docs/chroma.md tells.
TEST_F(ChromaRestore, ADecidedOneIsFinishedByTheNextToOpen)
{
    const std::string token = "0000000000000001abcdef";
    json::array retired;
    json::array restored;
    const auto renaming = [](std::string id, std::string name) {
        json::object one;
        one["id"] = std::move(id);
        one["name"] = std::move(name);
        return one;
    };
    const auto stage = [&](std::size_t number, const std::string& as) {
        const std::string name = chroma::staged_name(token, number);
        json::object body;
        body["name"] = name;
        json::object hnsw;
        hnsw["space"] = "cosine";
        json::object configuration;
        configuration["hnsw"] = hnsw;
        body["configuration"] = configuration;
        EXPECT_EQ(database.ask("POST", "/collections", json::serialize(body)).status, 200);
        call(name, "upsert", R"({"ids":["a"],"embeddings":[[1,0,0,0]]})");
        restored.push_back(renaming(server_id(name), as));
    };
    stage(0, "docs");
    stage(1, "fresh");
    retired.push_back(renaming(server_id("docs"), chroma::retired_name(token, 0)));
    retired.push_back(renaming(server_id("third"), chroma::retired_name(token, 1)));
    json::object content;
    content["retired"] = retired;
    content["restored"] = restored;
    json::object metadata;
    metadata["whisperstore:restore"] = json::serialize(content);
    json::object decision;
    decision["name"] = chroma::decision_name(token);
    decision["metadata"] = metadata;
    EXPECT_EQ(database.ask("POST", "/collections", json::serialize(decision)).status, 200);
    EXPECT_EQ(run(vectors->list_collections()), (std::vector<std::string>{"docs", "third"}));

    // Two at once, as after an outage.
    const auto first = manager();
    const auto second = manager();
    auto opening = start(first->initialize());
    run(second->initialize());
    wait(std::move(opening));
    for (const auto& one : {first, second, vectors}) {
        EXPECT_EQ(run(one->list_collections()), (std::vector<std::string>{"docs", "fresh"}));
        EXPECT_EQ(run(one->count_documents("docs")), 1U);
    }
    EXPECT_EQ(leftovers(), 0U);
    run(first->cleanup());
    run(second->cleanup());
}

TEST_F(ChromaRestore, WhatNobodyDecidedGoesAfterADay)
{
    // The token begins with the time: one is old, the other may be at work.
    std::string young = "7";
    young.append(15, 'f');
    for (const std::string& token : {std::string("00000000000000010"), young}) {
        json::object body;
        body["name"] = chroma::staged_name(token, 0);
        EXPECT_EQ(database.ask("POST", "/collections", json::serialize(body)).status, 200);
    }
    EXPECT_EQ(leftovers(), 2U);
    const auto next = manager();
    run(next->initialize());
    EXPECT_EQ(leftovers(), 1U);
    expect_what_was_there(*next);
    run(next->cleanup());
}

} // namespace
} // namespace whisperstore::test
