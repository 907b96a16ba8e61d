// A backup of one kind of deployment restores into another: a laptop, and PostgreSQL, Qdrant, Redis and Neo4j.
#include "integration/servers_backup_fixture.hpp"

namespace whisperstore::test {
namespace {

using BackupDeployments = ServersBackup;

std::vector<std::string> types(const BackupManifest& manifest)
{
    std::vector<std::string> list;
    for (const BackupComponent& component : manifest.components)
        list.push_back(component.type);
    return list;
}

TEST_F(BackupDeployments, FromALaptopToServersAndBack)
{
    fill(*storage, 120);
    json::object properties;
    properties["mood"] = "ünï";
    properties["score"] = std::int64_t{9007199254740993};
    run(storage->graph().create_relationship("user:user-1", "user:user-2", "KNOWS", properties));
    const std::string graph = graph_of(storage->graph());
    ASSERT_GT(graph.size(), 1000U);
    create();
    const Hashes hashes = hashes_of(path);

    const auto servers = open_servers();
    fill(*servers, 20, 9000); // is to go
    UniversalMessage cached;
    cached.message_id = 9999;
    cached.user_id = "user-1";
    cached.content = "old";
    cached.timestamp = now();
    run(servers->cache().add_message("only-cached", cached));
    const RestoreReport report = run(manager.restore_from_backup(path, *servers));
    EXPECT_EQ(report.orphans, std::vector<OrphanCount>());
    EXPECT_EQ(report.notes.size(), 2U) << "the graph was filled from the database, the cache emptied";
    EXPECT_EQ(graph_of(servers->graph()), graph);
    EXPECT_TRUE(run(servers->cache().get_conversation_context("only-cached", 5)).empty());
    EXPECT_EQ(run(servers->cache().get_conversation_context("channel-0", 1)).at(0)->message_id, 118);
    cached.content = "new";
    run(servers->cache().add_message("channel-0", cached)); // is in no table

    BackupOptions options;
    options.compress = true;
    options.passphrase = "from server to laptop";
    const fs::path packed = directory / "packed";
    const BackupManifest made = run(manager.create_full_backup(*servers, packed, options));
    EXPECT_EQ(types(made), (std::vector<std::string>{"database", "vector_db", "graph", "cache"}));
    EXPECT_EQ(made.components[2].backend, "neo4j");
    EXPECT_EQ(made.components[3].backend, "redis");
    run(manager.verify_backup(packed, options));
    const fs::path plain = directory / "plain";
    run(manager.create_full_backup(*servers, plain));
    EXPECT_EQ(hashes_of(plain), hashes);

    const auto laptop = open("laptop");
    fill(*laptop, 20, 9000);
    const RestoreReport back = run(manager.restore_from_backup(packed, *laptop, options));
    EXPECT_EQ(back.restored, (std::vector<std::string>{"database", "vector_db", "graph", "cache"}));
    ASSERT_EQ(back.orphans.size(), 1U);
    EXPECT_EQ(back.orphans[0].store, "cache");
    EXPECT_EQ(back.orphans[0].rows, 1U);
    EXPECT_EQ(graph_of(laptop->graph()), graph);
    EXPECT_EQ(run(laptop->cache().get_conversation_context("channel-0", 1)).at(0)->content, "new");
    run(manager.create_full_backup(*laptop, directory / "again"));
    EXPECT_EQ(hashes_of(directory / "again"), hashes);
    run(laptop->close());
    run(servers->graph().clear());
    run(servers->close());
}

TEST_F(BackupDeployments, AServersOwnContentComesBack)
{
    const auto servers = open_servers();
    fill(*servers, 60);
    run(servers->cache().get_conversation_context("channel-0", 10)); // fills it from the history
    run(servers->graph().create_node(NodeRef::topic("bread"), "bread"));
    run(servers->graph().create_relationship("user:user-1", "topic:bread", "LIKES"));
    const std::string graph = graph_of(servers->graph());
    create_of(*servers);
    const Hashes hashes = hashes_of(path);

    fill(*servers, 30, 500);
    run(servers->graph().delete_node(NodeRef::topic("bread")));
    const RestoreReport report = run(manager.restore_from_backup(path, *servers));
    EXPECT_EQ(report.orphans, std::vector<OrphanCount>());
    EXPECT_TRUE(report.notes.empty());
    EXPECT_EQ(graph_of(servers->graph()), graph);
    run(manager.create_full_backup(*servers, directory / "again"));
    EXPECT_EQ(hashes_of(directory / "again"), hashes);

    // The tables of a laptop had another graph: they are filled with the component.
    const auto laptop = open("laptop");
    fill(*laptop, 20, 9000);
    run(manager.restore_from_backup(path, *laptop));
    EXPECT_EQ(graph_of(laptop->graph()), graph);
    run(laptop->close());
    run(servers->graph().clear());
    run(servers->close());
}

TEST_F(BackupDeployments, AGraphThatRefusesLeavesAllStoresAsTheyWere)
{
    fill(*storage, 20);
    create();
    // A relationship that no graph takes, in an archive whose checksums are right.
    const auto servers = open_servers();
    fill(*servers, 40, 500);
    create_of(*servers, directory / "bad");
    {
        sqlite::OpenOptions options;
        options.path = directory / "bad/graph";
        options.archive = true;
        sqlite::Connection connection(options);
        connection.execute("UPDATE edges SET relationship_type = 'no such type' WHERE seq = 1");
    }
    json::object data = parse_json_object(read_file(directory / "bad/backup_manifest.json"), "manifest");
    data["components"].as_array()[2].as_object()["sha256"] = sha256_hex_of_file(directory / "bad/graph");
    for (const char* field : {"size_bytes", "content_bytes"})
        data["components"].as_array()[2].as_object()[field] =
            static_cast<std::int64_t>(fs::file_size(directory / "bad/graph"));
    data["checksum"] = "";
    data["checksum"] = sha256_hex(json::serialize(data) + "\n");
    write_file(directory / "bad/backup_manifest.json", json::serialize(data) + "\n");

    run(manager.restore_from_backup(path, *servers));
    const Dump before = run(dump(*servers));
    const std::string graph = graph_of(servers->graph());
    const StorageError error = error_of([&] { run(manager.restore_from_backup(directory / "bad", *servers)); });
    EXPECT_EQ(error.outcome(), Outcome::not_applied) << error.what();
    EXPECT_EQ(difference(run(dump(*servers)), before), "");
    EXPECT_EQ(graph_of(servers->graph()), graph);
    EXPECT_EQ(run(unfinished_restore(servers->database())), "");
    run(servers->graph().clear());
    run(servers->close());
}

} // namespace
} // namespace whisperstore::test
