// The reference's metrics, and what they count.
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/metrics/metrics_history.hpp>
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
    EXPECT_EQ(keys(all), (Keys{"database", "vector_database", "cache", "timestamp", "extended"}));
    EXPECT_EQ(all.at("extended").at("graph_database").at("graph_database_type").as_string(), "sqlite");
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

TEST_F(StorageMetrics, TellOfCallsErrorsFilesAndIndexes)
{
    StorageMetricsCollector collector(*storage);
    run(storage->database().execute_query("INSERT INTO users (user_id, username) VALUES ('u', 'U')"));
    static_cast<void>(error_of([&] { run(storage->database().execute_query("SELECT 1 FROM nowhere")); }));
    run(storage->graph().create_user_node("u", json::object()));
    const json::object all = run(collector.get_unified_metrics());
    const json::value& database = all.at("database").at("extended");
    EXPECT_TRUE(database.at("answers").as_bool());
    EXPECT_GE(database.at("operations").at("execute_query").at("calls").to_number<std::int64_t>(), 2);
    EXPECT_EQ(database.at("operations").at("execute_query").at("errors").at("not_found").to_number<std::int64_t>(), 1);
    EXPECT_GT(database.at("operations").at("execute_query").at("max_ms").as_double(), 0.0);
    EXPECT_GT(database.at("file").at("bytes").to_number<std::int64_t>(), 0);
    EXPECT_GT(database.at("file").at("wal_bytes").to_number<std::int64_t>(), 0);
    EXPECT_EQ(database.at("circuit_breaker").at("state").as_string(), "closed");
    const json::value& collection = all.at("vector_database").at("extended").at("collections").at(0);
    EXPECT_EQ(collection.at("index_state").as_string(), "none");
    const json::value& graph = all.at("extended").at("graph_database");
    EXPECT_EQ(graph.at("operations").at("create_user_node").at("calls").to_number<std::int64_t>(), 1);
    EXPECT_EQ(all.at("cache").at("extended").at("evicted_channels").to_number<std::int64_t>(), 0);
}

TEST_F(StorageMetrics, ComeInPrometheusText)
{
    run(storage->database().execute_query("SELECT 1"));
    StorageMetricsCollector collector(*storage);
    const std::string text = run(collector.get_prometheus_text());
    for (const std::string line :
         {"# TYPE whisperstore_calls_total counter",
          "whisperstore_store_answers{layer=\"graph_database\",backend=\"sqlite\"} 1",
          "whisperstore_circuit_state{layer=\"cache\",backend=\"memory\",state=\"closed\"} 1",
          "whisperstore_circuit_state{layer=\"cache\",backend=\"memory\",state=\"open\"} 0",
          "whisperstore_call_duration_seconds_count{layer=\"database\",backend=\"sqlite\",operation=\"execute_query\"}",
          "whisperstore_vector_documents{layer=\"vector_database\",backend=\"local_qdrant\",collection=\"user_"
          "memories\"} 0"})
        EXPECT_NE(text.find(line), std::string::npos) << line << " is not in\n" << text;
}

TEST_F(StorageMetrics, AHistoryIsKeptAndBounded)
{
    StorageMetricsCollector collector(*storage);
    const json::object before = run(collector.get_unified_metrics());
    for (int i = 0; i < 7; ++i)
        run(storage->database().execute_query("SELECT 1"));
    static_cast<void>(error_of([&] { run(storage->database().execute_query("SELECT nothing FROM nowhere")); }));
    const json::object after = run(collector.get_unified_metrics());
    const std::vector<MetricSample> samples = history_samples(after, before);
    const auto value = [&](const std::string& name) {
        for (const MetricSample& sample : samples)
            if (sample.name == name)
                return sample.value;
        ADD_FAILURE() << name << " is missing";
        return -1.0;
    };
    EXPECT_EQ(value("database.calls"), 8.0);
    EXPECT_EQ(value("database.errors"), 1.0);
    EXPECT_GT(value("database.p99_ms"), 0.0);
    EXPECT_EQ(value("vector_database.collections_count"), 3.0);
    EXPECT_EQ(value("graph_database.errors"), 0.0);

    run(storage->database().execute_query(
        "INSERT INTO performance_metrics (metric_name, metric_value, timestamp) VALUES ('database.calls', 5, :time)",
        params(arg("time", now() - std::chrono::hours(3)))));
    const std::shared_ptr<AbstractDatabaseAdapter> database(storage, &storage->database());
    MetricsHistory history(database);
    json::object tags;
    tags["host"] = "here";
    run(history.record(samples, tags, std::chrono::hours(2)));
    const std::vector<MetricSample> kept = run(history.read("database.calls", now() - std::chrono::hours(24)));
    ASSERT_EQ(kept.size(), 1U); // the old one went
    EXPECT_EQ(kept[0].value, 8.0);
    EXPECT_EQ(kept[0].tags, R"({"host":"here"})");
    EXPECT_EQ(run(history.read("", now() - std::chrono::hours(1))).size(), samples.size());
    EXPECT_STORAGE_ERROR(run(history.read("", now(), 0)), invalid_argument);
}

TEST(MetricsRecorderTest, ALayerKeepsItsHistoryByItself)
{
    TestDirectory directory;
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.metrics.interval = std::chrono::seconds(1);
    const auto storage = run(initialize_storage_layer(configuration));
    const std::shared_ptr<AbstractDatabaseAdapter> database(storage, &storage->database());
    MetricsHistory history(database);
    const auto entries = [&] { return run(history.read("database.calls", now() - std::chrono::hours(1))).size(); };
    EXPECT_TRUE(eventually([&] { return entries() >= 2; }));
    run(storage->close());
    configuration.metrics.interval = std::chrono::seconds(0);
    const auto without = run(initialize_storage_layer(configuration));
    run(without->close());
}

} // namespace
} // namespace whisperstore::test
