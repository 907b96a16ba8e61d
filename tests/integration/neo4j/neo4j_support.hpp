#pragma once
// Managers of the tests of Neo4j, and a look at the server past them.

#include "servers/neo4j_servers.hpp"
#include "support/run.hpp"

#include <whisperstore/bolt/driver.hpp>
#include <whisperstore/graph/neo4j_cluster_graph_database_manager.hpp>
#include <whisperstore/graph/neo4j_graph_database_manager.hpp>

#include <memory>
#include <string>
#include <vector>

namespace whisperstore::test {

/// A graph of its own in the server of this run.
class Neo4jTest : public testing::Test
{
protected:
    using Manager = std::shared_ptr<Neo4jGraphDatabaseManager>;

    GraphDatabaseConfig config(const std::string& scheme = "bolt") const
    {
        GraphDatabaseConfig made;
        made.type = "neo4j";
        made.uri = server.uri(scheme);
        made.username = server.username;
        made.password = server.password;
        made.graph_namespace = name;
        return made;
    }
    Manager open(const GraphDatabaseConfig& settings) const
    {
        auto manager = std::make_shared<Neo4jGraphDatabaseManager>(settings);
        run(manager->initialize());
        return manager;
    }
    Manager open() const { return open(config()); }

    /// A key of this graph, as it stands in the server.
    std::string key(const std::string& node) const { return "@" + name + "/" + node; }
    /// Cypher of somebody else.
    std::vector<bolt::Record> ask(const std::string& cypher, bolt::Map parameters = bolt::Map()) const
    {
        bolt::DriverConfig settings;
        settings.uri = server.uri();
        settings.auth = bolt::BasicAuth{server.username, server.password};
        bolt::Driver driver(settings);
        std::vector<bolt::Record> records = run(all_of(driver, cypher, std::move(parameters)));
        run(driver.close());
        return records;
    }

    static std::vector<std::string> ids(const std::vector<ConnectedMemory>& memories)
    {
        std::vector<std::string> list;
        for (const ConnectedMemory& memory : memories)
            list.push_back(memory.memory_id);
        return list;
    }
    static json::object owned_by(const std::string& user)
    {
        json::object properties;
        properties["user_id"] = user;
        return properties;
    }

    const Neo4jAddress server = neo4j_address();
    const std::string name = unique_graph_name();

private:
    static awaitable<std::vector<bolt::Record>> all_of(bolt::Driver& driver, std::string cypher, bolt::Map parameters)
    {
        bolt::Session session = driver.session();
        bolt::Result result = co_await session.run(std::move(cypher), std::move(parameters));
        co_return co_await result.collect();
    }
};

} // namespace whisperstore::test
