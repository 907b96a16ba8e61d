// Moving collections between any two backends.

#include "conformance/vector_fixture.hpp"

#include <whisperstore/migration/storage_migration_manager.hpp>

#include <cstring>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

namespace whisperstore::test {
namespace {

using Documents = std::map<std::string, VectorDocument>;

/// A store of any backend.
struct Store
{
    explicit Store(const VectorBackend& backend) : vectors(backend.make(directory.path()))
    {
        run(vectors->initialize());
    }
    ~Store() { run(vectors->cleanup()); }
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    TestDirectory directory;
    std::shared_ptr<VectorDatabaseManager> vectors;
};

class VectorMigrations : public VectorFixture
{
protected:
    /// Texts and metadata that are easily changed on the way.
    void store_hostile()
    {
        CollectionConfig config;
        config.description = "quotes ' \" and a snowman ☃";
        config.embedding_dimension = 7;
        config.metadata = meta(R"({"purpose":"test","nested":{"b":[1,2.5,"x"],"a":null}})");
        run(vectors->create_collection("hostile", config));
        run(vectors->create_collection("empty", config));
        const std::vector<std::string> texts{"",
                                             "NULL",
                                             "line\nbreak\r\n\ttab",
                                             "'; DROP TABLE documents; --",
                                             "𝄞 ünï ⁂",
                                             "\\N \\. \\\\",
                                             "\"quoted\"",
                                             "  spaces  ",
                                             std::string(5000, 'x')};
        const std::vector<std::string> metadata{
            "{}",
            R"({"user_id":"u1","memory_type":"fact"})",
            R"({"large":9223372036854775807,"small":-9223372036854775808,"unsigned":18446744073709551615})",
            R"({"one":1,"real":1.0,"tiny":1e-300,"third":0.3333333333333333,"zero":-0.0})",
            R"({"":"","a.b":"dotted","empty":{},"list":[],"null":null,"true":true})",
            R"({"z":1,"a":{"z":[{"deep":[[1],[2]]}],"a":"x"}})",
            R"({"text":"𝄞 ' \" \\ \n","numbers":[1,2.0,3]})"};
        std::vector<VectorDocument> documents;
        for (unsigned i = 0; i < texts.size() * metadata.size(); ++i)
            documents.push_back(document(numbered(i % 2 == 0 ? "id " : "ünï/'", i), some_vector(i + 1, 7),
                                         metadata[i % metadata.size()], texts[i % texts.size()]));
        run(vectors->store_documents("hostile", documents));
        for (unsigned i = 0; i < 5; ++i)
            store(numbered("d", i), some_vector(i + 1), R"({"user_id":"u1"})", numbered("content ", i));
    }

    static Documents content_of(VectorDatabaseManager& manager, const std::string& collection)
    {
        Documents documents;
        std::optional<PageCursor> cursor;
        do {
            Page<VectorDocument> page = run(manager.scroll(collection, 500, cursor));
            for (VectorDocument& one : page.items)
                documents.emplace(one.id, std::move(one));
            cursor = page.next;
        } while (cursor);
        return documents;
    }

    void expect_same(VectorDatabaseManager& other, const std::string& collection)
    {
        const Documents expected = content_of(*vectors, collection);
        const Documents found = content_of(other, collection);
        ASSERT_EQ(found.size(), expected.size()) << collection;
        for (const auto& [id, document] : expected) {
            ASSERT_TRUE(found.contains(id)) << id;
            const VectorDocument& there = found.at(id);
            EXPECT_EQ(there.content, document.content) << id;
            EXPECT_EQ(json::serialize(there.metadata), json::serialize(document.metadata)) << id;
            ASSERT_EQ(there.embedding.size(), document.embedding.size());
            for (std::size_t i = 0; i < document.embedding.size(); ++i)
                EXPECT_NEAR(there.embedding[i], document.embedding[i], 1e-6) << id;
        }
    }

    static const VectorBackend& local() { return vector_backends().front(); }
    MigrationReport migrate(VectorDatabaseManager& target, ExistingData existing = ExistingData::refuse)
    {
        MigrationOptions options;
        options.existing = existing;
        StorageMigrationManager manager;
        return run(manager.migrate_vector_database(*vectors, target, options));
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, VectorMigrations, testing::ValuesIn(vector_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(VectorMigrations, ToEveryBackend)
{
    store_hostile();
    std::map<std::string, std::string> hashes;
    for (const VectorBackend& backend : vector_backends()) {
        const testing::Message to = testing::Message() << "to " << backend.name;
        SCOPED_TRACE(to);
        const Store other(backend);
        const MigrationReport report = migrate(*other.vectors);
        EXPECT_EQ(report.source, GetParam().type);
        EXPECT_EQ(report.target, backend.type);
        EXPECT_TRUE(report.verified);
        EXPECT_FALSE(report.already_there);
        ASSERT_EQ(report.items.size(), 3U);
        EXPECT_EQ(report.rows(), 68U);
        for (const MigratedItem& item : report.items)
            EXPECT_EQ(hashes.try_emplace(item.name, item.content_hash).first->second, item.content_hash) << item.name;
        for (const char* collection : {"docs", "empty", "hostile"})
            expect_same(*other.vectors, collection);
        const CollectionConfig config = run(other.vectors->get_collection("hostile"));
        EXPECT_EQ(config.description, "quotes ' \" and a snowman ☃");
        EXPECT_EQ(json::serialize(config.metadata), R"({"purpose":"test","nested":{"b":[1,2.5E0,"x"],"a":null}})");

        const MigrationReport again = migrate(*other.vectors);
        EXPECT_TRUE(again.already_there);
        EXPECT_EQ(again.items, report.items);
    }
}

TEST_P(VectorMigrations, ATargetWithSomethingElseIsRefused)
{
    store("d1", some_vector(1));
    store("d2", some_vector(2));
    const Store other(local());
    // This backend as the target.
    StorageMigrationManager manager;
    run(other.vectors->create_collection("docs", run(vectors->get_collection("docs"))));
    run(other.vectors->store_document("docs", "d1", "another text", some_vector(1)));
    EXPECT_STORAGE_ERROR(run(manager.migrate_vector_database(*other.vectors, *vectors)), already_exists);
    EXPECT_EQ(run(vectors->get_document("docs", "d1"))->content, "content");
    MigrationOptions plan;
    plan.dry_run = true;
    EXPECT_STORAGE_ERROR(run(manager.migrate_vector_database(*other.vectors, *vectors, plan)), already_exists);

    // Merged, what has the same id is the source's.
    MigrationOptions merge;
    merge.existing = ExistingData::merge;
    EXPECT_TRUE(run(manager.migrate_vector_database(*other.vectors, *vectors, merge)).verified);
    EXPECT_EQ(run(vectors->get_document("docs", "d1"))->content, "another text");
    EXPECT_EQ(count(), 2U);

    // Replaced, there is nothing but the source's.
    create("more", 3);
    MigrationOptions replace;
    replace.existing = ExistingData::replace;
    EXPECT_TRUE(run(manager.migrate_vector_database(*other.vectors, *vectors, replace)).verified);
    EXPECT_EQ(count(), 1U);
    EXPECT_EQ(run(vectors->list_collections()), std::vector<std::string>{"docs"});
}

TEST_P(VectorMigrations, WhatWasCutOffIsCompleted)
{
    store_hostile();
    const Store other(local());
    ASSERT_TRUE(migrate(*other.vectors).verified);
    // A part of it, as a run that was cut off leaves it.
    const Store part(GetParam());
    run(part.vectors->create_collection("hostile", run(vectors->get_collection("hostile"))));
    std::vector<VectorDocument> some;
    for (const auto& [id, document] : content_of(*vectors, "hostile"))
        if (some.size() < 10)
            some.push_back(document);
    run(part.vectors->store_documents("hostile", some));
    StorageMigrationManager manager;
    const MigrationReport report = run(manager.migrate_vector_database(*other.vectors, *part.vectors));
    EXPECT_TRUE(report.verified);
    EXPECT_FALSE(report.already_there);
    expect_same(*part.vectors, "hostile");
    expect_same(*part.vectors, "docs");
}

TEST_P(VectorMigrations, AProgressIsTold)
{
    store_hostile();
    const Store other(local());
    std::set<std::string> phases;
    std::uint64_t last = 0;
    MigrationOptions options;
    options.progress = [&](const MigrationProgress& progress) {
        phases.insert(std::string(progress.phase));
        if (progress.rows_in_total > 0) {
            EXPECT_LE(progress.rows, progress.rows_in_total);
        }
        last = progress.rows;
    };
    StorageMigrationManager manager;
    run(manager.migrate_vector_database(*vectors, *other.vectors, options));
    EXPECT_EQ(phases, (std::set<std::string>{"copy", "read", "verify"}));
    EXPECT_EQ(last, 68U);
    options.progress = [](const MigrationProgress&) { throw std::runtime_error("enough"); };
    EXPECT_THROW(run(manager.migrate_vector_database(*vectors, *other.vectors, options)), std::runtime_error);
    EXPECT_STORAGE_ERROR(run(manager.migrate_vector_database(*vectors, *vectors)), invalid_argument);
}

/// The messages of LoCoMo, which are not part of this repository.
std::vector<VectorDocument> locomo_documents(const std::filesystem::path& folder)
{
    std::istringstream lines(read_file(folder / "messages.jsonl"));
    const std::string bytes = read_file(folder / "messages.f32");
    std::vector<VectorDocument> documents;
    for (std::string line; std::getline(lines, line);) {
        json::object message = parse_json_object(line, "message");
        VectorDocument one;
        one.id = std::to_string(message.at("message_id").as_int64());
        one.content = message.at("content").as_string();
        message.erase("content");
        one.metadata = std::move(message);
        one.embedding.resize(384);
        const std::size_t size = 384 * sizeof(float);
        if ((documents.size() + 1) * size <= bytes.size())
            std::memcpy(one.embedding.data(), bytes.data() + documents.size() * size, size);
        documents.push_back(std::move(one));
    }
    return documents;
}

// A run of all tests moves them from the embedded store to those that are not slow; WHISPERSTORE_ALL_ROUNDS from every
// backend to every one.
TEST(LocomoVectorMigrations, HaveTheSameHashesEverywhere)
{
    const std::filesystem::path folder = shared_data() / "data" / "locomo";
    if (!std::filesystem::exists(folder))
        GTEST_SKIP() << folder << " is not there";
    const std::vector<VectorDocument> documents = locomo_documents(folder);
    ASSERT_EQ(documents.size(), 4124U);
    const bool all = std::getenv("WHISPERSTORE_ALL_ROUNDS") != nullptr;
    std::string hash;
    for (const VectorBackend& from : vector_backends()) {
        if (!all && from.name != vector_backends().front().name)
            continue;
        const Store source(from);
        CollectionConfig config;
        run(source.vectors->create_collection("user_memories", config));
        run(source.vectors->store_documents("user_memories", documents));
        for (const VectorBackend& to : vector_backends()) {
            if (to.slow && !all)
                continue;
            const Store target(to);
            StorageMigrationManager manager;
            const MigrationReport report = run(manager.migrate_vector_database(*source.vectors, *target.vectors));
            EXPECT_TRUE(report.verified) << from.name << " to " << to.name;
            ASSERT_EQ(report.items.size(), 1U);
            EXPECT_EQ(report.items[0].rows, 4124U);
            if (hash.empty())
                hash = report.items[0].content_hash;
            EXPECT_EQ(report.items[0].content_hash, hash) << from.name << " to " << to.name;
            std::cout << from.name << " to " << to.name << ": 4,124 documents copied in " << report.copy_seconds
                      << " s, with verification " << report.seconds << " s\n";
        }
    }
}

} // namespace
} // namespace whisperstore::test
