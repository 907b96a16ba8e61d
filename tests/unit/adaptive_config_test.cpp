#include "support/run.hpp"
#include "unit/config_support.hpp"

#include <whisperstore/core/connection_url.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace whisperstore {
namespace {

using test::options_in;
using test::plant;
using test::report_of;
using test::TestDirectory;

const EnvironmentMap on_kubernetes = {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}};

EnvironmentMap with(EnvironmentMap base, const EnvironmentMap& more)
{
    for (const auto& [name, value] : more)
        base[name] = value;
    return base;
}

class AdaptiveConfig : public testing::Test
{
protected:
    AdaptiveConfigManager manager(EnvironmentMap variables = {}) const
    {
        return AdaptiveConfigManager(options_in(root.path(), std::move(variables)));
    }
    StorageConfiguration configured(EnvironmentMap variables = {}) const
    {
        return manager(std::move(variables)).get_storage_configuration();
    }
    std::string refusal(EnvironmentMap variables) const
    {
        const StorageError error = test::error_of([&] { manager(variables); });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << error.what();
        return error.what();
    }
    void be_a_container() const { plant(root.path(), {{".dockerenv", ""}}); }

    TestDirectory root;
};

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

TEST_F(AdaptiveConfig, DesktopIsTierOne)
{
    const AdaptiveConfigManager found = manager();
    EXPECT_EQ(found.environment(), Environment::desktop);
    EXPECT_EQ(found.scale_tier(), 1);
    const StorageConfiguration& c = found.get_storage_configuration();
    EXPECT_EQ(c.scale_tier, 1);
    EXPECT_EQ(c.data_dir, expand_home("~/.whisperengine"));
    EXPECT_EQ(c.database.type, "sqlite");
    EXPECT_EQ(c.database.connection_string, "sqlite:///~/.whisperengine/database.db");
    EXPECT_EQ(c.database.pool_size, 2U);
    EXPECT_TRUE(c.database.backup_enabled);
    EXPECT_EQ(c.database.synchronous, "FULL");
    EXPECT_EQ(c.vector_database.type, "local_qdrant");
    EXPECT_EQ(c.vector_database.persist_directory, expand_home("~/.whisperengine/vectors"));
    EXPECT_EQ(c.cache.type, "memory");
    EXPECT_EQ(c.cache.timeout_minutes, 15);
    EXPECT_EQ(c.cache.max_messages, 50U);
    EXPECT_EQ(c.cache.bootstrap_limit, 20U);
    EXPECT_EQ(c.graph_database.type, "sqlite");
    EXPECT_TRUE(found.warnings().empty());
}

TEST_F(AdaptiveConfig, ContainerIsTierTwo)
{
    be_a_container();
    const StorageConfiguration c = configured();
    EXPECT_EQ(c.scale_tier, 2);
    EXPECT_EQ(c.environment, Environment::container);
    EXPECT_EQ(c.database.type, "postgresql");
    EXPECT_EQ(c.database.connection_string, "postgresql://whisperengine@postgres:5432/whisperengine");
    EXPECT_EQ(c.database.pool_size, 10U);
    EXPECT_EQ(c.vector_database.type, "http_qdrant");
    EXPECT_EQ(c.vector_database.host, "qdrant");
    EXPECT_EQ(c.vector_database.port, 6333);
    EXPECT_EQ(c.cache.type, "redis");
    EXPECT_EQ(c.cache.redis_host, "redis");
    EXPECT_EQ(c.cache.redis_port, 6379);
    EXPECT_EQ(c.cache.timeout_minutes, 30);
    EXPECT_EQ(c.cache.max_messages, 100U);
    EXPECT_EQ(c.cache.bootstrap_limit, 50U);
    EXPECT_EQ(c.graph_database.type, "neo4j");
    EXPECT_EQ(c.graph_database.uri, "bolt://neo4j:7687");
}

TEST_F(AdaptiveConfig, KubernetesIsTierFour)
{
    const StorageConfiguration c = configured(on_kubernetes);
    EXPECT_EQ(c.scale_tier, 4);
    EXPECT_EQ(c.database.type, "postgresql_cluster");
    EXPECT_EQ(c.database.cluster_nodes, std::vector<std::string>{"postgres-cluster:5432"});
    EXPECT_EQ(c.database.pool_size, 20U);
    EXPECT_EQ(c.vector_database.type, "distributed_qdrant");
    EXPECT_EQ(c.vector_database.cluster_nodes, std::vector<std::string>{"qdrant:6333"});
    EXPECT_EQ(c.cache.type, "redis_cluster");
    EXPECT_EQ(c.cache.cluster_nodes, (std::vector<std::string>{"redis-1:6379", "redis-2:6379", "redis-3:6379"}));
    EXPECT_EQ(c.cache.timeout_minutes, 60);
    EXPECT_EQ(c.graph_database.type, "neo4j_cluster");
    EXPECT_EQ(c.graph_database.uri, "neo4j://neo4j:7687");
}

TEST_F(AdaptiveConfig, AStrongDesktopUsesServersOnLocalhost)
{
    plant(root.path(),
          {{"proc/meminfo", "MemTotal: 67108864 kB\n"}, {"proc/self/status", "Cpus_allowed_list:\t0-15\n"}});
    const StorageConfiguration c = configured();
    EXPECT_EQ(c.scale_tier, 2);
    EXPECT_EQ(c.database.connection_string, "postgresql://whisperengine@localhost:5432/whisperengine");
    EXPECT_EQ(c.cache.redis_host, "localhost");
    EXPECT_EQ(c.cache.timeout_minutes, 15); // the limits go by environment
}

TEST_F(AdaptiveConfig, EveryTypeCanBeForced)
{
    for (const char* variable : {"WHISPERENGINE_DATABASE_TYPE", "WHISPERENGINE_VECTOR_DB_TYPE",
                                 "WHISPERENGINE_CACHE_TYPE", "WHISPERENGINE_GRAPH_DB_TYPE"})
        for (const EnvironmentMap& base : {EnvironmentMap(), on_kubernetes}) {
            std::string allowed(find_setting(variable)->allowed);
            for (std::size_t begin = 0; begin < allowed.size();) {
                const std::size_t end = std::min(allowed.find(',', begin), allowed.size());
                const std::string type = allowed.substr(begin, end - begin);
                begin = end + 1;
                const StorageConfiguration c = configured(with(base, {{variable, type}}));
                const std::string& got =
                    std::string_view(variable).find("GRAPH") != std::string_view::npos    ? c.graph_database.type
                    : std::string_view(variable).find("VECTOR") != std::string_view::npos ? c.vector_database.type
                    : std::string_view(variable).find("CACHE") != std::string_view::npos  ? c.cache.type
                                                                                          : c.database.type;
                EXPECT_EQ(got, type == "disabled" ? "sqlite" : type) << variable;
            }
        }
}

TEST_F(AdaptiveConfig, TheReferencesVariablesReachTheConfiguration)
{
    be_a_container();
    const StorageConfiguration c = configured({{"POSTGRES_HOST", "custom-postgres.example.com"},
                                               {"POSTGRES_PORT", "5433"},
                                               {"POSTGRES_DB", "whisperengine_prod"},
                                               {"POSTGRES_USER", "app_user"},
                                               {"POSTGRES_PASSWORD", "a@b/c:d"},
                                               {"REDIS_HOST", "custom-redis.example.com"},
                                               {"REDIS_PORT", "6380"},
                                               {"REDIS_DB", "3"},
                                               {"REDIS_PASSWORD", "redis_password"},
                                               {"QDRANT_HOST", "custom-qdrant.example.com"},
                                               {"NEO4J_HOST", "custom-neo4j.example.com"},
                                               {"NEO4J_PORT", "7688"},
                                               {"NEO4J_USERNAME", "ada"},
                                               {"NEO4J_PASSWORD", "neo4j_password"}});
    EXPECT_EQ(c.database.connection_string,
              "postgresql://app_user:a%40b%2Fc%3Ad@custom-postgres.example.com:5433/whisperengine_prod");
    EXPECT_EQ(c.cache.redis_host, "custom-redis.example.com");
    EXPECT_EQ(c.cache.redis_port, 6380);
    EXPECT_EQ(c.cache.redis_db, 3);
    EXPECT_EQ(c.cache.redis_password, "redis_password");
    EXPECT_EQ(c.vector_database.host, "custom-qdrant.example.com");
    EXPECT_EQ(c.graph_database.uri, "bolt://custom-neo4j.example.com:7688");
    EXPECT_EQ(c.graph_database.username, "ada");
    EXPECT_EQ(c.graph_database.password, "neo4j_password");
    const StorageConfiguration chroma = configured(
        {{"WHISPERENGINE_VECTOR_DB_TYPE", "http_chromadb"}, {"CHROMADB_HOST", "c"}, {"CHROMADB_PORT", "8001"}});
    EXPECT_EQ(chroma.vector_database.host, "c");
    EXPECT_EQ(chroma.vector_database.port, 8001);
}

TEST_F(AdaptiveConfig, TheStrongestSourceWins)
{
    test::write_file(root / "my.env", "# settings\nPOSTGRES_HOST=from-file\n");
    ConfigOptions options = options_in(root.path(), {{"WHISPERENGINE_DATABASE_TYPE", "postgresql"}});
    const auto host = [&] {
        const AdaptiveConfigManager found(options);
        EXPECT_CONTAINS(found.get_storage_configuration().database.connection_string,
                        "@" + report_of(found, "POSTGRES_HOST").value + ":");
        return report_of(found, "POSTGRES_HOST").value + " < " + report_of(found, "POSTGRES_HOST").origin;
    };
    EXPECT_EQ(host(), "localhost < detected: desktop");
    options.config_file = root / "my.env";
    EXPECT_EQ(host(), "from-file < " + (root / "my.env").string() + " (line 2)");
    options.environment->emplace("POSTGRES_HOST", "from-environment");
    EXPECT_EQ(host(), "from-environment < environment POSTGRES_HOST");
    options.settings["postgres.host"] = "from-argument";
    EXPECT_EQ(host(), "from-argument < explicit argument");
}

/// Restores the working directory.
class WorkingDirectory
{
public:
    explicit WorkingDirectory(const std::filesystem::path& path) : old_(std::filesystem::current_path())
    {
        std::filesystem::current_path(path);
    }
    ~WorkingDirectory() { std::filesystem::current_path(old_); }
    WorkingDirectory(const WorkingDirectory&) = delete;
    WorkingDirectory& operator=(const WorkingDirectory&) = delete;

private:
    std::filesystem::path old_;
};

TEST_F(AdaptiveConfig, TheWorkingDirectorysDotenvIsReadUnlessToldOtherwise)
{
    const WorkingDirectory here(root.path());
    ConfigOptions options = options_in(root.path());
    options.config_file = std::nullopt;
    EXPECT_EQ(AdaptiveConfigManager(options).get_storage_configuration().cache.type, "memory");
    test::write_file(root / ".env", "A=1\n\nexport WHISPERENGINE_CACHE_TYPE=redis\n");
    const AdaptiveConfigManager found(options);
    EXPECT_EQ(found.get_storage_configuration().cache.type, "redis");
    EXPECT_EQ(report_of(found, "WHISPERENGINE_CACHE_TYPE").origin, ".env (line 3)");
    options.config_file = std::filesystem::path();
    EXPECT_EQ(AdaptiveConfigManager(options).get_storage_configuration().cache.type, "memory");
    options.config_file = root / "absent.env";
    EXPECT_STORAGE_ERROR(AdaptiveConfigManager(options), not_found);
}

TEST_F(AdaptiveConfig, EmptyMeansNotSet)
{
    const AdaptiveConfigManager found = manager({{"WHISPERENGINE_DATABASE_TYPE", ""}, {"POSTGRES_PORT", ""}});
    EXPECT_EQ(found.get_storage_configuration().database.type, "sqlite");
    EXPECT_EQ(report_of(found, "POSTGRES_PORT").origin, "not set");
}

TEST_F(AdaptiveConfig, DataDirectoryMovesEveryLocalStore)
{
    ConfigOptions options = options_in(root.path(), {{"WHISPERENGINE_DATA_DIR", "/weaker"}});
    options.data_dir = "/data/a b?c%d";
    const StorageConfiguration c = AdaptiveConfigManager(options).get_storage_configuration();
    EXPECT_EQ(c.data_dir, "/data/a b?c%d");
    EXPECT_EQ(sqlite_path(c.database.connection_string).path, "/data/a b?c%d/database.db");
    EXPECT_EQ(c.vector_database.persist_directory, "/data/a b?c%d/vectors");
    options.data_dir = "relative";
    EXPECT_TRUE(AdaptiveConfigManager(options).get_storage_configuration().data_dir.is_absolute());
}

TEST_F(AdaptiveConfig, LaptopDefaultsUseTierOneAndSayWhatWasDetected)
{
    ConfigOptions options = options_in(root.path(), with(on_kubernetes, {{"POSTGRES_HOST", "pg"}}));
    options.laptop_defaults = LaptopDefaults::with_data_dir;
    EXPECT_EQ(AdaptiveConfigManager(options).get_storage_configuration().database.type, "postgresql_cluster");
    options.environment->emplace("WHISPERENGINE_DATA_DIR", "/data");
    const AdaptiveConfigManager found(options);
    const StorageConfiguration& c = found.get_storage_configuration();
    EXPECT_EQ(c.database.type, "sqlite");
    EXPECT_EQ(c.database.pool_size, 2U);
    EXPECT_EQ(c.vector_database.type, "local_qdrant");
    EXPECT_EQ(c.cache.type, "memory");
    EXPECT_EQ(c.cache.timeout_minutes, 15);
    EXPECT_EQ(c.graph_database.type, "sqlite");
    EXPECT_EQ(c.scale_tier, 4);
    EXPECT_EQ(found.scale_tier(), 4);
    EXPECT_EQ(c.environment, Environment::kubernetes);
    EXPECT_TRUE(found.laptop_defaults());
    EXPECT_CONTAINS(report_of(found, "WHISPERENGINE_DATABASE_TYPE").origin, "laptop defaults");

    // Component by component: a type or a URL that is set stands.
    options.environment->emplace("WHISPERENGINE_CACHE_TYPE", "redis");
    options.environment->emplace("WHISPERENGINE_DATABASE_URL", "postgresql://h/db");
    options.laptop_defaults = LaptopDefaults::on;
    const StorageConfiguration mixed = AdaptiveConfigManager(options).get_storage_configuration();
    EXPECT_EQ(mixed.database.type, "postgresql");
    EXPECT_EQ(mixed.cache.type, "redis");
    EXPECT_EQ(mixed.vector_database.type, "local_qdrant");
    EXPECT_EQ(mixed.graph_database.type, "sqlite");
}

TEST_F(AdaptiveConfig, AUrlImpliesTheTypeThatIsNotSet)
{
    const struct
    {
        const char* variable;
        const char* url;
        const char* type;
    } cases[] = {{"WHISPERENGINE_DATABASE_URL", "postgres://u@h/db", "postgresql"},
                 {"WHISPERENGINE_DATABASE_URL", "postgresql://u@h1,h2/db", "postgresql_cluster"},
                 {"WHISPERENGINE_DATABASE_URL", "sqlite:////x/y.db?mode=ro", "sqlite"},
                 {"QDRANT_URL", "https://h", "http_qdrant"},
                 {"QDRANT_URL", "http://h1:1,h2:2", "distributed_qdrant"},
                 {"CHROMADB_URL", "http://h", "http_chromadb"},
                 {"REDIS_URL", "rediss://h/2", "redis"},
                 {"REDIS_URL", "redis://h1,h2", "redis_cluster"},
                 {"NEO4J_URI", "neo4j://h", "neo4j"},
                 {"NEO4J_URI", "neo4j+s://h1,h2:1", "neo4j_cluster"}};
    for (const auto& [variable, url, type] : cases) {
        const StorageConfiguration c = configured({{variable, url}});
        EXPECT_CONTAINS("," + c.database.type + "," + c.vector_database.type + "," + c.cache.type + "," +
                            c.graph_database.type + ",",
                        "," + std::string(type) + ",")
            << variable << "=" << url;
    }
    EXPECT_EQ(configured(with(on_kubernetes, {{"REDIS_URL", "redis://h"}})).cache.type, "redis_cluster");
    EXPECT_EQ(configured(with(on_kubernetes, {{"REDIS_URL", "redis://h"}})).cache.cluster_nodes,
              std::vector<std::string>{"h:6379"});
}

TEST_F(AdaptiveConfig, UrlsAreTakenApart)
{
    const StorageConfiguration c = configured({{"WHISPERENGINE_DATABASE_URL", "sqlite:////x/y.db?mode=ro"},
                                               {"QDRANT_URL", "https://q.example.com/prefix"},
                                               {"REDIS_URL", "rediss://ada:p%40ss@r:7000/2"},
                                               {"NEO4J_URI", "neo4j+ssc://n%65o:s%2Fs@[::1]:7690?region=eu"}});
    EXPECT_EQ(c.database.connection_string, "sqlite:////x/y.db?mode=ro");
    EXPECT_TRUE(c.database.read_only);
    EXPECT_EQ(c.vector_database.url, "https://q.example.com:6333/prefix");
    EXPECT_EQ(c.vector_database.host, "q.example.com");
    EXPECT_TRUE(c.vector_database.tls.enabled);
    EXPECT_EQ(c.cache.redis_host, "r");
    EXPECT_EQ(c.cache.redis_port, 7000);
    EXPECT_EQ(c.cache.redis_db, 2);
    EXPECT_EQ(c.cache.redis_username, "ada");
    EXPECT_EQ(c.cache.redis_password, "p@ss");
    EXPECT_EQ(c.cache.redis_url, "rediss://ada:p%40ss@r:7000/2");
    EXPECT_TRUE(c.cache.tls.enabled);
    EXPECT_EQ(c.graph_database.uri, "neo4j+ssc://[::1]:7690?region=eu");
    EXPECT_EQ(c.graph_database.host, "::1");
    EXPECT_EQ(c.graph_database.username, "neo");
    EXPECT_EQ(c.graph_database.password, "s/s");
    EXPECT_FALSE(c.graph_database.tls.verify);
}

TEST_F(AdaptiveConfig, PartsCompleteAUrlAndTheStrongerSourceWins)
{
    const EnvironmentMap url = {
        {"WHISPERENGINE_DATABASE_URL", "postgresql://u@h:1/db?sslmode=require&application_name=x"}};
    const auto dsn = [&](const EnvironmentMap& more) { return configured(with(url, more)).database.connection_string; };
    EXPECT_EQ(dsn({{"POSTGRES_PASSWORD", "p"}}), "postgresql://u:p@h:1/db?sslmode=require&application_name=x");
    EXPECT_EQ(dsn({{"POSTGRES_HOST", "other"}, {"POSTGRES_PORT", "9"}, {"POSTGRES_SSLMODE", "disable"}}),
              "postgresql://u@h:1/db?sslmode=require&application_name=x");

    ConfigOptions options = options_in(root.path(), url);
    options.settings = {{"POSTGRES_PORT", "9"}, {"POSTGRES_USER", "root"}, {"POSTGRES_SSLMODE", "verify-full"}};
    const AdaptiveConfigManager stronger(options);
    EXPECT_EQ(stronger.get_storage_configuration().database.connection_string,
              "postgresql://root@h:9/db?sslmode=verify-full&application_name=x");
    EXPECT_EQ(report_of(stronger, "POSTGRES_HOST").origin, "environment WHISPERENGINE_DATABASE_URL");
    EXPECT_EQ(report_of(stronger, "POSTGRES_USER").origin, "explicit argument");

    const AdaptiveConfigManager weaker = manager(with(url, {{"POSTGRES_HOST", "other"}}));
    EXPECT_EQ(report_of(weaker, "POSTGRES_HOST").value, "h:1");
    EXPECT_CONTAINS(report_of(weaker, "POSTGRES_HOST").note, "WHISPERENGINE_DATABASE_URL says it");
}

TEST_F(AdaptiveConfig, DatabaseUrlCountsOnlyWhereTheTypeIsSet)
{
    const AdaptiveConfigManager alone = manager({{"DATABASE_URL", "postgres://u@h/db"}});
    EXPECT_EQ(alone.get_storage_configuration().database.type, "sqlite");
    EXPECT_CONTAINS(report_of(alone, "DATABASE_URL").note, "not used");
    EXPECT_TRUE(alone.warnings().empty());

    const AdaptiveConfigManager typed =
        manager({{"DATABASE_URL", "postgres://u@h/db"}, {"WHISPERENGINE_DATABASE_TYPE", "postgresql"}});
    EXPECT_EQ(typed.get_storage_configuration().database.connection_string, "postgresql://u@h:5432/db");

    const AdaptiveConfigManager other =
        manager({{"DATABASE_URL", "mysql://u@h/db"}, {"WHISPERENGINE_DATABASE_TYPE", "sqlite"}});
    EXPECT_EQ(other.get_storage_configuration().database.connection_string, "sqlite:///~/.whisperengine/database.db");
    ASSERT_EQ(other.warnings().size(), 1U);
    EXPECT_CONTAINS(other.warnings()[0], "DATABASE_URL");

    const AdaptiveConfigManager both = manager({{"DATABASE_URL", "postgres://a/db"},
                                                {"WHISPERENGINE_DATABASE_URL", "postgres://b/db"},
                                                {"WHISPERENGINE_DATABASE_TYPE", "postgresql"}});
    EXPECT_CONTAINS(both.get_storage_configuration().database.connection_string, "@b:5432/");
    EXPECT_CONTAINS(report_of(both, "DATABASE_URL").note, "not used");
}

TEST_F(AdaptiveConfig, ATypeAndAUrlThatContradictEachOther)
{
    EXPECT_CONTAINS(refusal({{"WHISPERENGINE_DATABASE_TYPE", "sqlite"},
                             {"WHISPERENGINE_DATABASE_URL", "postgresql://u:sesame@h/db"}}),
                    "remove one of them");
    EXPECT_CONTAINS(refusal({{"QDRANT_URL", "http://q"}, {"CHROMADB_URL", "http://c"}}),
                    "WHISPERENGINE_VECTOR_DB_TYPE");
    EXPECT_EQ(configured({{"QDRANT_URL", "http://q"},
                          {"CHROMADB_URL", "http://c"},
                          {"WHISPERENGINE_VECTOR_DB_TYPE", "http_chromadb"}})
                  .vector_database.host,
              "c");
    // A stronger type runs without the server that the file's URL names.
    test::write_file(root / "my.env", "WHISPERENGINE_DATABASE_URL=postgresql://h/db\n");
    ConfigOptions options = options_in(root.path(), {{"WHISPERENGINE_DATABASE_TYPE", "sqlite"}});
    options.config_file = root / "my.env";
    const AdaptiveConfigManager found(options);
    EXPECT_EQ(found.get_storage_configuration().database.type, "sqlite");
    ASSERT_EQ(found.warnings().size(), 1U);
    EXPECT_CONTAINS(found.warnings()[0], "WHISPERENGINE_DATABASE_URL");
    // A platform's REDIS_URL does not undo a type, but an explicit argument is never ignored.
    ConfigOptions redis = options_in(root.path(), {{"WHISPERENGINE_CACHE_TYPE", "memory"}});
    redis.environment->emplace("REDIS_URL", "redis://h");
    EXPECT_EQ(AdaptiveConfigManager(redis).get_storage_configuration().cache.type, "memory");
    redis.settings["REDIS_URL"] = "redis://h";
    EXPECT_STORAGE_ERROR(AdaptiveConfigManager(redis), invalid_argument);
}

TEST_F(AdaptiveConfig, NodeListsMakeClusters)
{
    be_a_container();
    const StorageConfiguration c = configured({{"POSTGRES_HOST", "h1:1, h2,[::1]:3"},
                                               {"POSTGRES_PORT", "2"},
                                               {"REDIS_CLUSTER_NODES", "r1,r2:7000"},
                                               {"QDRANT_NODES", "q1:1,q2"},
                                               {"NEO4J_URI", "neo4j://n1,n2:2"}});
    EXPECT_EQ(c.database.type, "postgresql_cluster");
    EXPECT_EQ(c.database.cluster_nodes, (std::vector<std::string>{"h1:1", "h2:2", "[::1]:3"}));
    EXPECT_EQ(c.database.connection_string, "postgresql://whisperengine@h1:1,h2:2,[::1]:3/whisperengine");
    EXPECT_EQ(c.cache.type, "redis_cluster");
    EXPECT_EQ(c.cache.cluster_nodes, (std::vector<std::string>{"r1:6379", "r2:7000"}));
    EXPECT_EQ(c.vector_database.type, "distributed_qdrant");
    EXPECT_EQ(c.vector_database.cluster_nodes, (std::vector<std::string>{"q1:1", "q2:6333"}));
    EXPECT_EQ(c.graph_database.cluster_nodes, (std::vector<std::string>{"n1:7687", "n2:2"}));
    EXPECT_EQ(c.graph_database.uri, "neo4j://n1:7687,n2:2");
    const StorageConfiguration chroma =
        configured({{"WHISPERENGINE_VECTOR_DB_TYPE", "distributed_chromadb"}, {"CHROMADB_NODES", "c1,c2:1"}});
    EXPECT_EQ(chroma.vector_database.cluster_nodes, (std::vector<std::string>{"c1:8000", "c2:1"}));
}

TEST_F(AdaptiveConfig, ImpossibleCombinationsAreRefused)
{
    be_a_container();
    EXPECT_CONTAINS(refusal({{"WHISPERENGINE_CACHE_TYPE", "redis"}, {"REDIS_HOST", "a,b"}}), "redis_cluster");
    EXPECT_CONTAINS(refusal({{"WHISPERENGINE_VECTOR_DB_TYPE", "http_qdrant"}, {"QDRANT_HOST", "a,b"}}),
                    "distributed_qdrant");
    EXPECT_CONTAINS(refusal({{"WHISPERENGINE_GRAPH_DB_TYPE", "neo4j"}, {"NEO4J_URI", "neo4j://a,b"}}), "neo4j_cluster");
    EXPECT_CONTAINS(refusal({{"WHISPERENGINE_GRAPH_DB_TYPE", "neo4j_cluster"}, {"NEO4J_URI", "bolt://a"}}), "neo4j://");
    EXPECT_CONTAINS(refusal({{"WHISPERENGINE_CACHE_TYPE", "redis_cluster"}, {"REDIS_DB", "1"}}), "REDIS_DB");
    EXPECT_CONTAINS(refusal({{"WHISPERENGINE_DATABASE_TYPE", "sqlite"}, {"WHISPERENGINE_DATABASE_POOL_SIZE", "65"}}),
                    "1 to 64");
    EXPECT_CONTAINS(refusal({{"REDIS_URL", "redis://h"}, {"REDIS_TLS", "true"}}), "REDIS_TLS");
    EXPECT_CONTAINS(refusal({{"REDIS_URL", "redis://h?ssl=1"}}), "REDIS_URL");
    EXPECT_CONTAINS(refusal({{"REDIS_URL", "redis://h/x"}}), "REDIS_URL");
    EXPECT_CONTAINS(refusal({{"REDIS_TLS", "1"}, {"REDIS_TLS_CERT_FILE", "/c"}}), "REDIS_TLS_KEY_FILE");
    EXPECT_CONTAINS(refusal({{"QDRANT_URL", "https://:sesame@h"}}), "QDRANT_API_KEY");
    EXPECT_CONTAINS(refusal({{"NEO4J_URI", "neo4j://h/db"}}), "NEO4J_DATABASE");
    EXPECT_CONTAINS(refusal({{"DATABASE_URL", "postgresql://h:x/db"}, {"WHISPERENGINE_DATABASE_TYPE", "postgresql"}}),
                    "DATABASE_URL");
}

TEST_F(AdaptiveConfig, KubernetesServiceLinksAreNotSettings)
{
    const AdaptiveConfigManager found =
        manager(with(on_kubernetes, {{"REDIS_PORT", "tcp://10.0.0.9:7777"}, {"REDIS_HOST", "managed.example.com"}}));
    EXPECT_EQ(found.get_storage_configuration().cache.cluster_nodes,
              std::vector<std::string>{"managed.example.com:6379"});
    EXPECT_CONTAINS(report_of(found, "REDIS_PORT").note, "Kubernetes");
}

TEST_F(AdaptiveConfig, SettingsOfAnUnusedBackendAreTold)
{
    const AdaptiveConfigManager found = manager({{"POSTGRES_HOST", "pg"}, {"POSTGRES_PASSWORD", "sesame"}});
    EXPECT_EQ(found.get_storage_configuration().database.type, "sqlite");
    ASSERT_EQ(found.warnings().size(), 1U);
    EXPECT_EQ(found.warnings()[0], "POSTGRES_HOST, POSTGRES_PASSWORD: set but not used, because the database type is "
                                   "sqlite (detected: tier 1 desktop)");
    EXPECT_CONTAINS(report_of(found, "POSTGRES_HOST").note, "not used");
}

TEST_F(AdaptiveConfig, UnknownVariablesAreToldWithTheNearestName)
{
    const AdaptiveConfigManager found = manager({{"WHISPERENGINE_DATABSE_TYPE", "sqlite"},
                                                 {"WHISPERENGINE_CACHE_TIMEOUT", "3"},
                                                 {"WHISPERENGINE_XYZZY", "1"},
                                                 {"POSTGRES_PASSWROD", "sesame"},
                                                 {"POSTGRES_INITDB_ARGS", "x"},
                                                 {"NEO4J_AUTH", "x"},
                                                 {"REDIS_SERVICE_HOST", "x"},
                                                 {"PATH", "/bin"}});
    ASSERT_EQ(found.warnings().size(), 4U);
    EXPECT_CONTAINS(found.warnings()[0], "did you mean POSTGRES_PASSWORD?");
    EXPECT_CONTAINS(found.warnings()[1], "did you mean WHISPERENGINE_CACHE_");
    EXPECT_CONTAINS(found.warnings()[2],
                    "WHISPERENGINE_DATABSE_TYPE is not a known setting; did you mean WHISPERENGINE_DATABASE_TYPE?");
    EXPECT_EQ(found.warnings()[3], "environment: WHISPERENGINE_XYZZY is not a known setting");

    ConfigOptions options = options_in(root.path());
    options.settings["postgres.hots"] = "x";
    EXPECT_CONTAINS(test::error_of([&] { AdaptiveConfigManager{options}; }).what(), "postgres.hots");
    options.settings = {{"postgres.host", "x"}, {"POSTGRES_HOST", "y"}};
    EXPECT_STORAGE_ERROR(AdaptiveConfigManager(options), invalid_argument);
}

TEST_F(AdaptiveConfig, TlsFilesWithoutTlsAreTold)
{
    const AdaptiveConfigManager found =
        manager({{"WHISPERENGINE_CACHE_TYPE", "redis"}, {"REDIS_TLS_CA_FILE", "/ca.pem"}});
    ASSERT_EQ(found.warnings().size(), 1U);
    EXPECT_CONTAINS(found.warnings()[0], "REDIS_TLS=true");
}

} // namespace
} // namespace whisperstore
