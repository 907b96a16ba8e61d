// Moving a graph between any two backends.
#include "conformance/graph_conformance.hpp"

#include <whisperstore/migration/storage_migration_manager.hpp>

#include <map>
#include <stdexcept>

namespace whisperstore::test {
namespace {

class GraphMigrations : public Graph
{
protected:
    struct Other
    {
        explicit Other(const GraphBackend& backend)
        {
            if (backend.place)
                place = backend.place(directory.path());
            graph = backend.make(directory.path());
            run(graph->initialize());
        }
        ~Other() { run(graph->cleanup()); }
        Other(const Other&) = delete;
        Other& operator=(const Other&) = delete;

        TestDirectory directory;
        std::shared_ptr<const void> place;
        std::shared_ptr<GraphDatabaseManager> graph;
    };

    void fill()
    {
        add_user("u", object(R"({"username": "Uma ' \" \\ 𝄞", "large": 9223372036854775807})"));
        add_user("v");
        for (int i = 0; i < 40; ++i) {
            std::string id = "m";
            id.append(std::to_string(i));
            add_memory(id, i % 2 == 0 ? "u" : "v", id + "\ntext",
                       object(R"({"importance": 0.25, "tags": ["a", "b"], "small": -9223372036854775808})"));
            connect("user:u", "REMEMBERS", "memory:" + id, object(R"({"strength": 0.125, "since": 2001})"));
        }
        connect("user:u", "REMEMBERS", "memory:m1");
        add_memory("of nobody", "", "");
        add_node(NodeRef::topic("t ünï"), "topic", object(R"({"reals": [1.0, 2.5], "none": []})"));
        add_node(NodeRef::emotion("e"), "emotion");
        add_node(NodeRef::fact("f"), "fact", object(R"({"user_id": "v"})"));
        connect("memory:m1", "ABOUT", "topic:t ünï");
        connect("topic:t ünï", "RELATED_TO", "topic:t ünï");
    }
    MigrationReport migrate(GraphDatabaseManager& target, ExistingData existing = ExistingData::refuse)
    {
        MigrationOptions options;
        options.existing = existing;
        StorageMigrationManager manager;
        return run(manager.migrate_graph(*graph, target, options));
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, GraphMigrations, testing::ValuesIn(graph_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(GraphMigrations, ToEveryBackend)
{
    fill();
    std::map<std::string, std::string> hashes;
    for (const GraphBackend& backend : graph_backends()) {
        const testing::Message to = testing::Message() << "to " << backend.name;
        SCOPED_TRACE(to);
        Other other(backend);
        const MigrationReport report = migrate(*other.graph);
        EXPECT_TRUE(report.verified);
        EXPECT_FALSE(report.already_there);
        ASSERT_EQ(report.items.size(), 2U);
        EXPECT_EQ(report.items[0].rows, 46U);
        EXPECT_EQ(report.items[1].rows, 42U);
        for (const MigratedItem& item : report.items)
            EXPECT_EQ(hashes.try_emplace(item.name, item.content_hash).first->second, item.content_hash) << item.name;
        EXPECT_TRUE(migrate(*other.graph).already_there);

        // And back: nothing is left to do.
        StorageMigrationManager manager;
        const MigrationReport back = run(manager.migrate_graph(*other.graph, *graph));
        EXPECT_TRUE(back.already_there);
        EXPECT_EQ(back.items, report.items);
    }
}

TEST_P(GraphMigrations, ATargetWithSomethingElseIsRefusedMergedOrReplaced)
{
    fill();
    // This backend as the target.
    Other source(graph_backends().front());
    run(source.graph->create_user_node("u", object(R"({"large": 1})")));
    run(source.graph->create_memory_node("new", "new", object(R"({"user_id": "u"})")));
    run(source.graph->create_relationship("user:u", "memory:new", "REMEMBERS"));
    StorageMigrationManager manager;
    EXPECT_STORAGE_ERROR(run(manager.migrate_graph(*source.graph, *graph)), already_exists);
    EXPECT_EQ(node("u", NodeRef::user("u")).properties.at("large"), std::numeric_limits<std::int64_t>::max());

    MigrationOptions options;
    options.existing = ExistingData::merge;
    EXPECT_TRUE(run(manager.migrate_graph(*source.graph, *graph, options)).verified);
    EXPECT_EQ(node("u", NodeRef::user("u")).properties.at("large"), 1);
    EXPECT_EQ(found("u", "", 1, 100).size(), 21U) << "u's own of before, and the new one";

    options.existing = ExistingData::replace;
    EXPECT_TRUE(run(manager.migrate_graph(*source.graph, *graph, options)).verified);
    EXPECT_EQ(found("u", "", 1, 100), std::vector<std::string>{"new"});
    EXPECT_STORAGE_ERROR(memories("v"), not_found);
}

TEST_P(GraphMigrations, AReplacementThatFailsLeavesWhatWasThere)
{
    fill();
    Other source(graph_backends().front());
    run(source.graph->create_user_node("new"));
    StorageMigrationManager manager;
    MigrationOptions options;
    options.existing = ExistingData::replace;
    options.progress = [](const MigrationProgress& progress) {
        if (progress.phase == "copy" && progress.rows > 0)
            throw std::runtime_error("enough");
    };
    EXPECT_THROW(run(manager.migrate_graph(*source.graph, *graph, options)), std::runtime_error);
    Other copy(graph_backends().front());
    EXPECT_EQ(migrate(*copy.graph).rows(), 88U);
    EXPECT_STORAGE_ERROR(memories("new"), not_found);
}

TEST_P(GraphMigrations, WhatWasCutOffIsCompleted)
{
    fill();
    Other part(graph_backends().front());
    GraphPart first = run(graph->export_part("", 10));
    run(part.graph->import_part(std::move(first)));
    const MigrationReport report = migrate(*part.graph);
    EXPECT_TRUE(report.verified);
    EXPECT_FALSE(report.already_there);
}

TEST_P(GraphMigrations, APlanChangesNothing)
{
    fill();
    Other other(graph_backends().front());
    MigrationOptions options;
    options.dry_run = true;
    StorageMigrationManager manager;
    const MigrationReport report = run(manager.migrate_graph(*graph, *other.graph, options));
    EXPECT_EQ(report.rows(), 88U);
    EXPECT_TRUE(run(other.graph->export_part()).nodes.empty());
    EXPECT_STORAGE_ERROR(run(manager.migrate_graph(*graph, *graph)), invalid_argument);
}

} // namespace
} // namespace whisperstore::test
