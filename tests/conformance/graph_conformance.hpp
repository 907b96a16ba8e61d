#pragma once

#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/graph/graph_database_manager.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore::test {

/// A graph backend under test. Later backends add themselves in graph_backends.cpp.
struct GraphBackend
{
    std::string name;
    /// A manager, not initialized, on a graph that lives in `directory` (or is named after it) and is empty at first.
    std::function<std::shared_ptr<GraphDatabaseManager>(const std::filesystem::path& directory)> make;
    /// What a directory's graphs have elsewhere, while somebody holds it; may be empty.
    std::function<std::shared_ptr<const void>(const std::filesystem::path& directory)> place;
    friend std::ostream& operator<<(std::ostream& out, const GraphBackend& backend) { return out << backend.name; }
};

const std::vector<GraphBackend>& graph_backends();

/// What the suites share: an initialized manager and short words for its calls.
class Graph : public testing::TestWithParam<GraphBackend>
{
protected:
    void SetUp() override;
    void TearDown() override;

    void add_user(const std::string& id, json::object properties = {});
    /// With an owner unless it is empty.
    void add_memory(const std::string& id, const std::string& owner, const std::string& content = "",
                    json::object properties = {});
    void add_node(NodeRef node, const std::string& content = "", json::object properties = {});
    void connect(const std::string& from, const std::string& type, const std::string& to, json::object properties = {});

    std::vector<ConnectedMemory> memories(const std::string& user, const std::string& words = "", int depth = 3,
                                          std::int64_t limit = 50);
    std::vector<std::string> found(const std::string& user, const std::string& words = "", int depth = 3,
                                   std::int64_t limit = 50);
    RelationshipNetwork network(const std::string& user, int depth = 2, std::int64_t limit = 200);
    /// Of the user's network; fails the test where there is none.
    NetworkNode node(const std::string& user, const NodeRef& ref);
    NetworkEdge edge(const std::string& user, const NodeRef& from, const std::string& type, const NodeRef& to);

    TestDirectory directory;
    std::shared_ptr<const void> place;
    std::shared_ptr<GraphDatabaseManager> graph;
};

GraphNode graph_node(NodeRef ref, std::string content = "", json::object properties = {});
Relationship relationship(std::string from, std::string type, std::string to, json::object properties = {});

/// `{"key": "value", …}`
json::object object(const std::string& text);

} // namespace whisperstore::test
