// The reference's metrics, and what they count.
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/metrics/storage_metrics_collector.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <set>

namespace whisperstore::test {
namespace {

class StorageMetrics : public testing::Test
{
protected:
    void SetUp() override { storage = run(initialize_storage_layer(laptop_configuration(directory / "data"))); }
    void TearDown() override { run(storage->close()); }

    static std::set<std::string> keys(const json::object& object)
    {
        std::set<std::string> out;
        for (const auto& [key, value] : object)
            out.emplace(key);
        return out;
    }

    TestDirectory directory;
    std::shared_ptr<StorageLayer> storage;
};

TEST_F(StorageMetrics, HaveExactlyTheReferencesKeysAndExtended)
{
    using Keys = std::set<std::string>;
    StorageMetricsCollector collector(*storage);
    const Keys database{"connection_pool_size",   "active_connections", "query_response_time_avg",
                        "total_queries_executed", "error_rate",         "extended"};
    const Keys vectors{"total_documents", "collections_count", "search_response_time_avg", "embedding_cache_hit_rate",
                       "extended"};
    const Keys cache{"cache_hit_rate", "cached_channels", "total_cached_messages", "memory_usage_mb", "extended"};
    EXPECT_EQ(keys(run(collector.collect_database_metrics())), database);
    EXPECT_EQ(keys(run(collector.collect_vector_metrics())), vectors);
    EXPECT_EQ(keys(run(collector.collect_cache_metrics())), cache);

    const json::object all = run(collector.get_unified_metrics());
    EXPECT_EQ(keys(all), (Keys{"database", "vector_database", "cache", "timestamp"}));
    EXPECT_EQ(keys(all.at("database").as_object()), database);
    EXPECT_EQ(keys(all.at("vector_database").as_object()), vectors);
    EXPECT_EQ(keys(all.at("cache").as_object()), cache);
    EXPECT_TRUE(try_parse_timestamp(all.at("timestamp").as_string()).has_value());
}

TEST_F(StorageMetrics, CountWhatHappened)
{
    StorageMetricsCollector collector(*storage);
    const json::object before = run(collector.collect_database_metrics());
    run(storage->database().execute_query("SELECT 1"));
    run(storage->database().execute_query("SELECT 2"));
    static_cast<void>(error_of([&] { run(storage->database().execute_query("SELECT nothing FROM nowhere")); }));
    const json::object database = run(collector.collect_database_metrics());
    EXPECT_EQ(database.at("total_queries_executed").as_int64(), before.at("total_queries_executed").as_int64() + 3);
    EXPECT_GT(database.at("error_rate").as_double(), 0.0);
    EXPECT_LT(database.at("error_rate").as_double(), 1.0);
    EXPECT_GT(database.at("query_response_time_avg").as_double(), 0.0);
    EXPECT_EQ(database.at("connection_pool_size").as_int64(), 3); // two readers and the writer

    const std::vector<float> embedding = sample_embedding(1);
    run(storage->vector_db().store_document("user_memories", "1", "text", embedding));
    run(storage->vector_db().search_similar("user_memories", embedding, 1));
    const json::object vectors = run(collector.collect_vector_metrics());
    EXPECT_EQ(vectors.at("total_documents").as_int64(), 1);
    EXPECT_EQ(vectors.at("collections_count").as_int64(), 3);
    EXPECT_GT(vectors.at("search_response_time_avg").as_double(), 0.0);
    EXPECT_EQ(vectors.at("extended").as_object().at("collections").as_array().size(), 3U);

    UniversalMessage message;
    message.message_id = 1;
    message.channel_id = "channel";
    message.user_id = "user";
    message.content = "text";
    message.timestamp = now();
    run(storage->cache().add_message("channel", message));
    run(storage->cache().get_conversation_context("channel", 5));
    run(storage->cache().get_conversation_context("channel", 5));
    const json::object cache = run(collector.collect_cache_metrics());
    EXPECT_EQ(cache.at("cached_channels").as_int64(), 1);
    EXPECT_EQ(cache.at("total_cached_messages").as_int64(), 1);
    EXPECT_EQ(cache.at("cache_hit_rate").as_double(), 0.5);
    EXPECT_GT(cache.at("memory_usage_mb").as_double(), 0.0);
}

TEST_F(StorageMetrics, OfAClosedStoreAreAnError)
{
    StorageMetricsCollector collector(*storage);
    run(storage->close());
    EXPECT_STORAGE_ERROR(run(collector.get_unified_metrics()), closed);
    EXPECT_STORAGE_ERROR(run(collector.collect_vector_metrics()), closed);
    EXPECT_STORAGE_ERROR(run(collector.collect_cache_metrics()), closed);
}

TEST_F(StorageMetrics, KeepToTheDeadline)
{
    StorageMetricsCollector collector(*storage);
    EXPECT_STORAGE_ERROR(run(collector.get_unified_metrics(OperationContext::within(std::chrono::seconds(-1)))),
                         timeout);
}

} // namespace
} // namespace whisperstore::test
