// The decorators that initialize_storage_layer() puts around the stores.
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/resilience/decorate.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <map>
#include <mutex>
#include <set>

namespace whisperstore::test {
namespace {

class Recorder : public OperationObserver
{
public:
    void finished(const OperationEvent& event, const OperationContext&, const OperationResult& result,
                  std::uint64_t) noexcept override
    {
        const std::lock_guard lock(mutex_);
        if (!result.error)
            succeeded_[std::string(event.layer)].emplace(event.operation);
    }
    bool saw(const std::string& layer, const std::string& operation) const
    {
        const std::lock_guard lock(mutex_);
        const auto found = succeeded_.find(layer);
        return found != succeeded_.end() && found->second.contains(operation);
    }

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::set<std::string>> succeeded_;
};

void use_every_store(StorageLayer& storage)
{
    UniversalMessage message;
    message.message_id = 1;
    message.channel_id = "channel";
    message.user_id = "user";
    message.content = "hello";
    run(storage.database().execute_query("SELECT 1 AS one"));
    run(storage.vector_db().count_documents("user_memories"));
    run(storage.cache().add_message("channel", message));
    run(storage.graph().create_user_node("user", json::object()));
}

std::uint64_t calls(const std::optional<ResilienceStats>& stats, const std::string& operation)
{
    if (stats)
        for (const OperationStats& counted : stats->operations)
            if (counted.operation == operation)
                return counted.calls;
    return 0;
}

TEST(StorageResilienceTest, EveryStoreStandsBehindDecorators)
{
    TestDirectory directory;
    const auto storage = run(initialize_storage_layer(laptop_configuration(directory / "data")));
    const std::uint64_t queries_of_the_start = calls(resilience_stats(storage->database()), "execute_query");
    use_every_store(*storage);
    EXPECT_EQ(calls(resilience_stats(storage->database()), "execute_query"), queries_of_the_start + 1);
    EXPECT_EQ(calls(resilience_stats(storage->vector_db()), "count_documents"), 1U);
    EXPECT_EQ(calls(resilience_stats(storage->cache()), "add_message"), 1U);
    EXPECT_EQ(calls(resilience_stats(storage->graph()), "create_user_node"), 1U);
    run(storage->close());
}

TEST(StorageResilienceTest, AnObserverSeesTheCallsOfEveryStore)
{
    TestDirectory directory;
    const auto recorder = std::make_shared<Recorder>();
    const auto storage =
        run(initialize_storage_layer(laptop_configuration(directory / "data"), OperationContext(), recorder));
    EXPECT_TRUE(recorder->saw("database", "connect") || recorder->saw("database", "initialize"));
    use_every_store(*storage);
    EXPECT_TRUE(recorder->saw("database", "execute_query"));
    EXPECT_TRUE(recorder->saw("vector_database", "count_documents"));
    EXPECT_TRUE(recorder->saw("cache", "add_message"));
    EXPECT_TRUE(recorder->saw("graph_database", "create_user_node"));
    run(storage->close());
}

TEST(StorageResilienceTest, TheConfigurationDecidesForEachStore)
{
    TestDirectory directory;
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.resilience.cache.enabled = false;
    configuration.resilience.graph_database.enabled = false;
    configuration.resilience.database.default_deadline = std::chrono::milliseconds(50);
    const auto storage = run(initialize_storage_layer(configuration));
    use_every_store(*storage);
    EXPECT_TRUE(resilience_stats(storage->database()));
    EXPECT_FALSE(resilience_stats(storage->cache()));
    EXPECT_FALSE(resilience_stats(storage->graph()));
    EXPECT_STORAGE_ERROR(run(storage->database().execute_query(
                             "WITH RECURSIVE endless(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM endless) "
                             "SELECT count(*) AS n FROM endless")),
                         timeout);
    run(storage->close());
}

TEST(StorageResilienceTest, SettingsThatCannotBeAreRefusedBeforeAnythingIsOpened)
{
    TestDirectory directory;
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.resilience.vector_database.retry_attempts = 0;
    EXPECT_STORAGE_ERROR(run(initialize_storage_layer(configuration)), invalid_argument);
    EXPECT_FALSE(std::filesystem::exists(directory / "data/database.db"));
}

} // namespace
} // namespace whisperstore::test
