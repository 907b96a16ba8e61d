// The same as backup_kill_test.cpp where each store is a server, which goes on when the restore is killed.
#include "integration/killed_restores.hpp"
#include "integration/servers_backup_fixture.hpp"
#include "support/child_process.hpp"

#include <cstdlib>

namespace whisperstore::test {
namespace {

class ServersBackupKill : public ServersBackup
{
protected:
    void SetUp() override
    {
        // What a restore into servers unpacks is in the folder for temporary files.
        fs::create_directory(directory / "temporary");
        ::setenv("TMPDIR", (directory / "temporary").c_str(), 1);
        ServersBackup::SetUp();
    }

    /// Messages, what stands only in the graph, and channels that stand only in the cache.
    void fill_servers(StorageLayer& servers, std::size_t count, std::int64_t first_id)
    {
        fill(servers, count, first_id);
        const std::string mark = std::to_string(first_id);
        run(servers.graph().create_node(NodeRef::topic(mark), "topic " + mark));
        run(servers.graph().create_relationship("user:user-1", "topic:" + mark, "LIKES"));
        run(servers.cache().get_conversation_context("channel-" + std::to_string(first_id % 3),
                                                     20)); // from the history
        UniversalMessage cached;
        cached.user_id = "user-1";
        cached.timestamp = now();
        for (std::int64_t i = 0; i < 40; ++i) {
            cached.message_id = 100000 + first_id + i;
            cached.content = "cached after " + mark;
            run(servers.cache().add_message("only-cached-" + std::to_string(i % (20 + first_id % 7)), cached));
        }
    }

    static std::vector<std::string> cached_lines(const fs::path& archive)
    {
        sqlite::OpenOptions options;
        options.path = archive;
        options.read_only = true;
        sqlite::Connection connection(options);
        sqlite::Statement rows = connection.prepare(
            "SELECT c.channel_id || ' ' || c.warm || ' ' || ifnull(m.timestamp || ' ' || m.message, 'empty') FROM "
            "channels c LEFT JOIN messages m ON m.channel = c.number ORDER BY 1");
        std::vector<std::string> lines;
        while (rows.step())
            lines.emplace_back(rows.column_text(0));
        return lines;
    }

    /// All that the stores hold: a hash of each table and of the documents, the graph and the cached channels.
    Dump content_of(StorageLayer& servers)
    {
        const fs::path made = directory / "content";
        fs::remove_all(made);
        create_of(servers, made);
        Dump content;
        for (const auto& [name, hash] : hashes_of(made))
            content[name].push_back(hash);
        content["graph"] = graph_lines(servers.graph());
        content["cached"] = cached_lines(made / "cache");
        return content;
    }
};

TEST_F(ServersBackupKill, AKilledRestoreIsOldOrNewOrSaysThatItIsHalfDone)
{
    RestoredPlace place;
    place.data_dir = directory / "servers";
    place.settings = settings();
    place.backups = {path, directory / "backups/other"};
    place.content = [this](StorageLayer& layer) { return content_of(layer); };
    const auto servers = open_servers();
    fill_servers(*servers, 150, 1);
    create_of(*servers);
    place.contents[0] = content_of(*servers);
    run(servers->graph().delete_node(NodeRef::topic("1")));
    run(servers->cache().clear_channel_cache("only-cached-3"));
    fill_servers(*servers, 100, 1000);
    create_of(*servers, place.backups[1]);
    place.contents[1] = content_of(*servers);
    run(servers->close());
    for (const char* name : {"messages", "documents", "graph", "cached"})
        EXPECT_NE(place.contents[0].at(name), place.contents[1].at(name)) << name;

    kill_restores(place, std::getenv("WHISPERSTORE_ALL_ROUNDS") ? 100 : 4);
    EXPECT_TRUE(fs::is_empty(directory / "temporary")) << "what the killed ones left";
    const auto last = open_servers();
    run(last->graph().clear());
    run(last->close());
}

TEST_F(ServersBackupKill, WhatTheDatabaseWasAtEndsWithIt)
{
    const auto servers = open_servers();
    PlainConnection plain(database.url());
    // An index that takes a second for each row, but in this session.
    plain.script("CREATE FUNCTION slow(a bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN IF "
                 "current_setting('test.quick', true) IS NULL THEN PERFORM pg_sleep(1); END IF; RETURN a; END $$; "
                 "SET test.quick = 'yes'; CREATE TABLE slow_rows (a bigint); CREATE INDEX slow_index ON slow_rows "
                 "(slow(a)); INSERT INTO slow_rows SELECT generate_series(1, 100)");
    create_of(*servers);
    RestoredPlace place;
    place.data_dir = directory / "servers";
    place.settings = settings();
    place.backups[0] = path;
    ChildProcess restorer(place.command(0));
    const auto is_at_it = [&] {
        return plain.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = "
                           "'PgSleep'") == "1";
    };
    ASSERT_TRUE(eventually(is_at_it));
    restorer.kill();
    // It wakes up between two rows, too.
    const auto has_ended = [&] {
        return plain.value("SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = "
                           "'users' AND l.mode = 'AccessExclusiveLock'") == "0";
    };
    EXPECT_TRUE(eventually(has_ended, std::chrono::seconds(10)))
        << "the server goes on for a process that is gone, and nobody else can read";
    EXPECT_EQ(run(unfinished_restore(servers->database())), "");
    EXPECT_EQ(run(servers->database().execute_query("SELECT a FROM slow_rows")).row_count, 100);
    run(servers->graph().clear());
    run(servers->close());
}

} // namespace
} // namespace whisperstore::test
