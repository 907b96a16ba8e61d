// A whole storage layer whose database is PostgreSQL, beside one of a laptop.
#include "servers/postgresql_servers.hpp"
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/metrics/storage_metrics_collector.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/message_importer.hpp>

#include <algorithm>

namespace whisperstore::test {
namespace {

using Layer = std::shared_ptr<StorageLayer>;

class PostgresqlLayer : public testing::Test
{
protected:
    Layer open(const std::string& name, const std::string& graph = "sqlite")
    {
        StorageConfiguration configuration = laptop_configuration(directory / name);
        configuration.graph_database.type = graph;
        configuration.database.type = "postgresql";
        configuration.database.connection_string = database.url().to_string();
        configuration.database.pool_size = 4;
        return run(initialize_storage_layer(configuration));
    }
    Layer open_laptop() { return run(initialize_storage_layer(laptop_configuration(directory / "laptop"))); }

    void write(const std::vector<SampleMessage>& messages, const std::string& name = "messages")
    {
        write_messages(directory / (name + ".jsonl"), messages);
        write_embeddings(directory / (name + ".f32"), messages);
    }
    awaitable<ImportReport> import_into(Layer layer, const std::string& name = "messages", std::size_t batch_size = 100)
    {
        ImportOptions options;
        options.embeddings = directory / (name + ".f32");
        options.batch_size = batch_size;
        return import_messages(*layer, directory / (name + ".jsonl"), std::move(options));
    }
    std::int64_t count(const Layer& layer, const std::string& from)
    {
        return run(layer->database().execute_query("SELECT count(*) AS n FROM " + from)).rows[0]["n"].as_int();
    }

    TestDirectory directory;
    TestDatabase database;
};

TEST_F(PostgresqlLayer, AnImportStoresWhatItStoresOnALaptop)
{
    write(sample_messages(200));
    const Layer layer = open("data");
    const Layer laptop = open_laptop();
    for (int round = 0; round < 2; ++round) { // the second changes nothing
        run(import_into(layer));
        run(import_into(laptop));
        EXPECT_EQ(difference(run(dump(*layer, Columns::content)), run(dump(*laptop, Columns::content))), "");
    }
    run(layer->close());
    run(laptop->close());
}

TEST_F(PostgresqlLayer, ImportsAtOnceStoreEachMessageOnce)
{
    std::vector<SampleMessage> messages = sample_messages(120);
    write(messages);
    std::reverse(messages.begin(), messages.end()); // the users come in another order
    for (SampleMessage& one : messages)
        one.reply_to.reset();
    write(messages, "reversed");
    const Layer layer = open("data");
    std::vector<std::future<ImportReport>> running;
    for (int i = 0; i < 3; ++i) {
        running.push_back(start(import_into(layer, "messages", 20)));
        running.push_back(start(import_into(layer, "reversed", 20)));
    }
    for (std::future<ImportReport>& one : running)
        wait(std::move(one));
    EXPECT_EQ(count(layer, "messages"), 120);
    EXPECT_EQ(count(layer, "conversations"), 120);
    EXPECT_EQ(count(layer, "users WHERE message_count = 24"), 5);
    EXPECT_EQ(count(layer, "graph_nodes WHERE node_type = 'memory'"), 120);
    EXPECT_EQ(count(layer, "relationships WHERE relationship_type = 'REMEMBERS'"), 120);
    run(layer->close());
}

TEST_F(PostgresqlLayer, OfTwoImportsThatMeetTheSecondSeesWhatTheFirstStored)
{
    write(sample_messages(1));
    const Layer layer = open("data", "none");
    PlainConnection other(database.url());
    other.script(
        "INSERT INTO users (user_id, username) VALUES ('user-0', 'Name of user-0'); BEGIN; SELECT * FROM users "
        "FOR UPDATE");
    auto first = start(import_into(layer));
    auto second = start(import_into(layer));
    EXPECT_TRUE(eventually([&] {
        return PlainConnection(database.url())
                   .value("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                          "current_database() AND wait_event_type = 'Lock'") == "2";
    }));
    other.script("COMMIT");
    wait(std::move(first));
    wait(std::move(second));
    EXPECT_EQ(count(layer, "messages"), 1);
    EXPECT_EQ(count(layer, "conversations"), 1);
    EXPECT_EQ(count(layer, "users WHERE message_count = 1"), 1);
    run(layer->close());
}

TEST_F(PostgresqlLayer, AConversationIsThereAgainAfterARestart)
{
    write(sample_messages(30));
    Layer layer = open("data");
    run(import_into(layer));
    run(layer->close());
    layer = open("data");
    const auto context = run(layer->cache().get_conversation_context("channel-0", 5));
    ASSERT_EQ(context.size(), 5U);
    EXPECT_EQ(context.back()->message_id, 28);
    EXPECT_EQ(run(layer->health()).status, HealthStatus::ok);
    StorageMetricsCollector collector(*layer);
    const json::object metrics = run(collector.get_unified_metrics());
    const json::object& of_database = metrics.at("database").as_object();
    EXPECT_EQ(of_database.at("connection_pool_size").to_number<int>(), 4);
    EXPECT_EQ(of_database.at("extended").at("database_type").as_string(), "postgresql");
    EXPECT_GE(of_database.at("extended").at("connections").at("open").to_number<int>(), 1);
    run(layer->close());
}

TEST_F(PostgresqlLayer, ABackupOfEverythingMovesBetweenThem)
{
    write(sample_messages(60));
    const Layer layer = open("data");
    run(import_into(layer));
    const Dump before = run(dump(*layer));
    run(UnifiedBackupManager().create_full_backup(BackupTarget(*layer), directory / "backup"));

    const Layer laptop = open_laptop();
    run(UnifiedBackupManager().restore_from_backup(directory / "backup", BackupTarget(*laptop)));
    EXPECT_EQ(difference(run(dump(*laptop)), before), "");
    run(laptop->database().execute_query("DELETE FROM users WHERE user_id = 'user-1'"));
    const Dump changed = run(dump(*laptop));
    run(UnifiedBackupManager().create_full_backup(BackupTarget(*laptop), directory / "changed"));

    run(layer->cache().get_conversation_context("channel-1", 3));
    run(UnifiedBackupManager().restore_from_backup(directory / "changed", BackupTarget(*layer)));
    EXPECT_EQ(difference(run(dump(*layer)), changed), "");
    for (const auto& one : run(layer->cache().get_conversation_context("channel-1", 50)))
        EXPECT_NE(one->user_id, "user-1"); // the cache has forgotten what was
    run(UnifiedBackupManager().restore_from_backup(directory / "backup", BackupTarget(*layer)));
    EXPECT_EQ(difference(run(dump(*layer)), before), "");
    run(layer->close());
    run(laptop->close());
}

} // namespace
} // namespace whisperstore::test
