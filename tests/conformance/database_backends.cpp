#include "conformance/database_conformance.hpp"
#include "conformance/decorated.hpp"

#ifdef WHISPERSTORE_TEST_SQLITE
#include <whisperstore/database/sqlite_adapter.hpp>
#endif
#ifdef WHISPERSTORE_TEST_POSTGRESQL
#include "servers/postgresql_servers.hpp"

#include <whisperstore/database/postgresql_adapter.hpp>
#include <whisperstore/database/postgresql_cluster_adapter.hpp>

#include <gtest/gtest.h>
#endif

namespace whisperstore::test {

namespace {

#ifdef WHISPERSTORE_TEST_SQLITE
DatabaseBackend sqlite()
{
    DatabaseBackend backend;
    backend.name = "sqlite";
    backend.make = [](const std::filesystem::path& directory) -> std::shared_ptr<AbstractDatabaseAdapter> {
        DatabaseConfig config;
        config.connection_string = "sqlite:///" + (directory / "database.db").string();
        config.transaction_idle_limit = std::chrono::milliseconds(400);
        return std::make_shared<SQLiteAdapter>(config);
    };
    backend.endless_query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    return backend;
}
#endif

#ifdef WHISPERSTORE_TEST_POSTGRESQL
/// The databases of a test, which are dropped when it has ended: what an adapter began may outlive it.
class TestDatabases final : public testing::Environment
{
public:
    /// GoogleTest owns it.
    static TestDatabases& get()
    {
        static auto* const all =
            static_cast<TestDatabases*>(testing::AddGlobalTestEnvironment(std::make_unique<TestDatabases>().release()));
        return *all;
    }
    const TestDatabase& add() { return *databases_.emplace_back(std::make_unique<TestDatabase>()); }
    void TearDown() override { databases_.clear(); }

private:
    std::vector<std::unique_ptr<TestDatabase>> databases_;
};

DatabaseConfig config_of(const ConnectionUrl& url)
{
    DatabaseConfig config;
    config.connection_string = url.to_string();
    config.pool_size = 4;
    config.transaction_idle_limit = std::chrono::milliseconds(400);
    return config;
}

DatabaseBackend postgresql()
{
    DatabaseBackend backend;
    backend.name = "postgresql";
    backend.make =
        [&databases = TestDatabases::get()](const std::filesystem::path&) -> std::shared_ptr<AbstractDatabaseAdapter> {
        return std::make_shared<PostgreSQLAdapter>(config_of(databases.add().url()));
    };
    // Ten billion rows, one after the other.
    backend.endless_query = "WITH d(i) AS (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) SELECT count(*) "
                            "FROM d a, d b, d c, d e, d f, d g, d h, d j, d k, d l";
    return backend;
}

/// Reads go to the standby, the standby is named first, and both must look like one database.
DatabaseBackend postgresql_cluster()
{
    DatabaseBackend backend = postgresql();
    backend.name = "postgresql_cluster";
    backend.make =
        [&databases = TestDatabases::get()](const std::filesystem::path&) -> std::shared_ptr<AbstractDatabaseAdapter> {
        const TestDatabase& database = databases.add();
        ConnectionUrl url = database.standby_url();
        url.hosts.push_back(database.url().hosts.front());
        DatabaseConfig config = config_of(url);
        config.read_policy = "prefer_replica";
        return std::make_shared<PostgreSQLClusterAdapter>(config);
    };
    return backend;
}
#endif

DatabaseBackend decorated(const DatabaseBackend& backend)
{
    DatabaseBackend made = backend;
    made.name += "_decorated";
    made.make = [make = backend.make](const std::filesystem::path& directory) {
        return decorate(make(directory), every_layer());
    };
    return made;
}

} // namespace

const std::vector<DatabaseBackend>& database_backends()
{
    static const std::vector<DatabaseBackend> backends = [] {
        std::vector<DatabaseBackend> list;
#ifdef WHISPERSTORE_TEST_SQLITE
        list.push_back(sqlite());
        list.push_back(decorated(sqlite()));
#endif
#ifdef WHISPERSTORE_TEST_POSTGRESQL
        list.push_back(postgresql());
        list.push_back(decorated(postgresql()));
        list.push_back(postgresql_cluster());
#endif
        return list;
    }();
    return backends;
}

} // namespace whisperstore::test
