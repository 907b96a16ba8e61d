// One message into all stores.

#include "support/hashed_embeddings.hpp"
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/database/schema.hpp>
#include <whisperstore/embedding/cached_embedding_provider.hpp>
#include <whisperstore/metrics/storage_metrics_collector.hpp>
#include <whisperstore/storage/remember_message.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>

#include <gtest/gtest.h>

namespace whisperstore::test {
namespace {

class RememberMessage : public testing::Test
{
protected:
    void SetUp() override
    {
        const StorageConfiguration configuration = laptop_configuration(directory / "data");
        StorageComponents components;
        components.database = StorageManagerFactory::create_database_manager(configuration.database);
        components.vector_db = StorageManagerFactory::create_vector_manager(configuration.vector_database);
        components.cache = StorageManagerFactory::create_cache_manager(configuration.cache);
        components.graph =
            StorageManagerFactory::create_graph_manager(configuration.graph_database, components.database);
        components.embeddings = std::make_shared<CachedEmbeddingProvider>(std::make_shared<HashedEmbeddings>());
        run(components.database->initialize());
        run(components.database->setup_schema(WhisperEngineSchema::get_core_schema()));
        run(components.vector_db->initialize());
        run(components.vector_db->create_collection("user_memories", CollectionConfig()));
        run(components.cache->initialize());
        run(components.graph->initialize());
        storage = std::make_shared<StorageLayer>(std::move(components), configuration);
    }
    void TearDown() override { run(storage->close()); }

    static UniversalMessage message(std::int64_t id, std::string text)
    {
        UniversalMessage out;
        out.message_id = id;
        out.channel_id = "kitchen";
        out.user_id = "mira";
        out.username = "Mira";
        out.content = std::move(text);
        out.timestamp = parse_timestamp("2026-03-02T18:04:00Z");
        return out;
    }
    std::int64_t count(const std::string& from)
    {
        return run(storage->database().execute_query("SELECT count(*) AS n FROM " + from)).rows[0]["n"].as_int();
    }

    TestDirectory directory;
    std::shared_ptr<StorageLayer> storage;
};

TEST_F(RememberMessage, IsInEveryStore)
{
    run(remember_message(*storage, message(1, "The key is under the flower pot")));
    UniversalMessage reply = message(2, "Good to know");
    reply.reply_to = 1;
    run(remember_message(*storage, reply));

    EXPECT_EQ(count("users WHERE user_id = 'mira' AND message_count = 2"), 1);
    EXPECT_EQ(count("messages"), 2);
    EXPECT_EQ(count("conversations"), 2);
    EXPECT_EQ(count("relationships WHERE relationship_type = 'REMEMBERS'"), 2);
    EXPECT_EQ(count("relationships WHERE relationship_type = 'REPLIES_TO'"), 1);
    const auto document = run(storage->vector_db().get_document("user_memories", "1"));
    ASSERT_TRUE(document);
    EXPECT_EQ(document->metadata.at("timestamp"), "2026-03-02T18:04:00.000000Z");
    EXPECT_EQ(document->metadata.at("username"), "Mira");
    const auto found =
        run(storage->search_text("user_memories", "Where is the key?", 1, filter::eq("user_id", "mira")));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].id, "1");
    run(storage->cache().get_conversation_context("kitchen", 10));
}

TEST_F(RememberMessage, AKnownIdIsRefused)
{
    run(remember_message(*storage, message(1, "first")));
    EXPECT_STORAGE_ERROR(run(remember_message(*storage, message(1, "second"))), already_exists);
    EXPECT_EQ(run(storage->vector_db().get_document("user_memories", "1"))->content, "first");
}

TEST_F(RememberMessage, WhatIsMissingIsNamed)
{
    UniversalMessage empty = message(1, "");
    EXPECT_STORAGE_ERROR(run(remember_message(*storage, empty)), invalid_argument);
    UniversalMessage nowhere = message(1, "text");
    nowhere.channel_id.clear();
    EXPECT_STORAGE_ERROR(run(remember_message(*storage, nowhere)), invalid_argument);
    EXPECT_EQ(count("messages"), 0);
}

TEST_F(RememberMessage, TheHitRateOfTheCacheIsTheReferencesMetric)
{
    run(storage->embeddings().embed_one("text"));
    run(storage->embeddings().embed_one("text"));
    StorageMetricsCollector collector(*storage);
    const json::object metrics = run(collector.collect_vector_metrics());
    EXPECT_EQ(metrics.at("embedding_cache_hit_rate"), 0.5);
    EXPECT_EQ(metrics.at("extended").at("embedding_provider"), "hashed");
}

} // namespace
} // namespace whisperstore::test
