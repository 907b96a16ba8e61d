#include "support/run.hpp"
#include "unit/config_support.hpp"

#include <gtest/gtest.h>

namespace whisperstore::test {
namespace {

using namespace std::chrono_literals;

class ResilienceSettings : public testing::Test
{
protected:
    AdaptiveConfigManager manager(EnvironmentMap environment = {}) const
    {
        return AdaptiveConfigManager(options_in(root.path(), std::move(environment)));
    }
    StorageResilience resilience(EnvironmentMap environment = {}) const
    {
        return manager(std::move(environment)).get_storage_configuration().resilience;
    }

    TestDirectory root;
};

TEST_F(ResilienceSettings, TheDefaultsAreThoseOfEachStoresBackend)
{
    const StorageResilience laptop = resilience();
    EXPECT_EQ(laptop.database, ResilienceConfig::for_backend("sqlite"));
    EXPECT_EQ(laptop.vector_database, ResilienceConfig::for_backend("local_qdrant"));
    EXPECT_EQ(laptop.cache, ResilienceConfig::for_backend("memory"));
    EXPECT_EQ(laptop.graph_database, ResilienceConfig::for_backend("sqlite"));
    const StorageResilience servers = resilience({{"WHISPERENGINE_DATABASE_TYPE", "postgresql"},
                                                  {"WHISPERENGINE_VECTOR_DB_TYPE", "http_qdrant"},
                                                  {"WHISPERENGINE_CACHE_TYPE", "redis"},
                                                  {"WHISPERENGINE_GRAPH_DB_TYPE", "neo4j"}});
    for (const ResilienceConfig& config :
         {servers.database, servers.vector_database, servers.cache, servers.graph_database})
        EXPECT_EQ(config, ResilienceConfig::for_backend("postgresql"));
    EXPECT_EQ(report_of(manager(), "WHISPERENGINE_DATABASE_MAX_CONCURRENT").origin, "default for sqlite");
}

TEST_F(ResilienceSettings, OneStoresSettingsLeaveTheOthersAlone)
{
    const StorageResilience changed =
        resilience({{"WHISPERENGINE_CACHE_DEADLINE_MS", "250"}, {"WHISPERENGINE_GRAPH_DB_RETRY_ATTEMPTS", "1"}});
    EXPECT_EQ(changed.cache.default_deadline, 250ms);
    EXPECT_EQ(changed.graph_database.retry_attempts, 1);
    EXPECT_EQ(changed.database, ResilienceConfig::for_backend("sqlite"));
}

TEST_F(ResilienceSettings, ALimitGivesWayToADefaultButNotToAnotherSetting)
{
    EXPECT_EQ(resilience({{"WHISPERENGINE_RETRY_MAX_BACKOFF_MS", "7"}}).cache.retry_initial_backoff, 7ms);
    EXPECT_EQ(resilience({{"WHISPERENGINE_BREAKER_OPEN_MS", "60000"}}).cache.breaker_max_open, 60s);
    const StorageError error = error_of([&] {
        resilience({{"WHISPERENGINE_RETRY_MAX_BACKOFF_MS", "7"}, {"WHISPERENGINE_RETRY_INITIAL_BACKOFF_MS", "8"}});
    });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_EQ(error.message(), "WHISPERENGINE_RETRY_MAX_BACKOFF_MS is 7; allowed with "
                               "WHISPERENGINE_RETRY_INITIAL_BACKOFF_MS=8: at least that");
    EXPECT_STORAGE_ERROR(resilience({{"WHISPERENGINE_CACHE_RETRY_ATTEMPTS", "0"}}), invalid_argument);
}

TEST_F(ResilienceSettings, SwitchedOffTheOthersAreToldToHaveNoEffect)
{
    const AdaptiveConfigManager off =
        manager({{"WHISPERENGINE_RESILIENCE_ENABLED", "no"}, {"WHISPERENGINE_RETRY_BUDGET", "9"}});
    const StorageResilience resilience = off.get_storage_configuration().resilience;
    EXPECT_FALSE(resilience.database.enabled || resilience.vector_database.enabled || resilience.cache.enabled ||
                 resilience.graph_database.enabled);
    EXPECT_NE(report_of(off, "WHISPERENGINE_RETRY_BUDGET").note.find("WHISPERENGINE_RESILIENCE_ENABLED is false"),
              std::string::npos);
}

} // namespace
} // namespace whisperstore::test
