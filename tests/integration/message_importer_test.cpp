// Conversations from files: in every store, and the same again changes nothing.
#include "integration/importer_fixture.hpp"

#include <fstream>
#include <iostream>
#include <limits>
#include <map>

namespace whisperstore::test {
namespace {

// ---- what a message becomes

TEST_F(MessageImporter, AMessageIsInEveryStore)
{
    const std::vector<SampleMessage> messages = sample_messages(40);
    write_sample(messages);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
    ImportOptions options = with_embeddings();
    options.batch_size = 15;
    options.progress = [&](std::uint64_t done, std::uint64_t total) { told.emplace_back(done, total); };
    const ImportReport report = import_sample(options);
    EXPECT_EQ(report.messages, 40U);
    EXPECT_EQ(report.imported, 40U);
    EXPECT_EQ(report.known, 0U);
    EXPECT_EQ(report.documents, 40U);
    EXPECT_GT(report.seconds, 0.0);
    const std::vector<std::pair<std::uint64_t, std::uint64_t>> expected{{15, 40}, {30, 40}, {40, 40}};
    EXPECT_EQ(told, expected);
    EXPECT_EQ(report.to_json().at("imported").as_int64(), 40);

    EXPECT_EQ(count("messages"), 40);
    EXPECT_EQ(count("conversations"), 40);
    EXPECT_EQ(count("users"), 5);
    EXPECT_EQ(count("users WHERE message_count = 8"), 5);
    EXPECT_EQ(count("graph_nodes WHERE node_type = 'user'"), 5);
    EXPECT_EQ(count("graph_nodes WHERE node_type = 'memory'"), 40);
    EXPECT_EQ(count("relationships WHERE relationship_type = 'REMEMBERS'"), 40);
    EXPECT_EQ(static_cast<std::uint64_t>(count("relationships")), report.relationships);

    // One of them, looked at closely.
    const SampleMessage& one = messages[9];
    const Row row = query("SELECT * FROM messages WHERE message_id = 10").rows.front();
    EXPECT_EQ(row["channel_id"], one.channel);
    EXPECT_EQ(row["user_id"], one.user);
    EXPECT_EQ(row["username"], "Name of " + one.user);
    EXPECT_EQ(row["content"], one.content);
    EXPECT_EQ(row["timestamp"], "2026-01-01T00:00:10.000000Z");
    EXPECT_EQ(row["reply_to"], 3);
    const auto document = run(storage->vector_db().get_document("user_memories", "10"));
    ASSERT_TRUE(document.has_value());
    EXPECT_EQ(document->content, one.content);
    EXPECT_EQ(document->metadata.at("channel_id").as_string(), one.channel);
    EXPECT_EQ(document->metadata.at("user_id").as_string(), one.user);
    EXPECT_EQ(document->metadata.at("timestamp").as_string(), "2026-01-01T00:00:10.000000Z");
    EXPECT_FALSE(document->metadata.contains("message_id"));
    EXPECT_FALSE(document->metadata.contains("content"));
    const std::vector<float> embedding = sample_embedding(10);
    EXPECT_EQ(run(storage->vector_db().search_similar("user_memories", embedding, 1)).at(0).id, "10");
    EXPECT_EQ(run(storage->cache().get_conversation_context(one.channel, 1)).at(0)->message_id, 40);
    const auto connected = run(storage->graph().find_connected_memories(one.user, "number 9 ", 1));
    EXPECT_FALSE(connected.empty());
    // A user's first and last message are told by their times.
    const Row user = query("SELECT * FROM users WHERE user_id = 'user-4'").rows.front();
    EXPECT_EQ(user["username"], "Name of user-4");
    EXPECT_EQ(user["created_at"], "2026-01-01T00:00:05.000000Z");
    EXPECT_EQ(user["last_seen"], "2026-01-01T00:00:40.000000Z");
}

TEST_F(MessageImporter, OtherFieldsAreMetadata)
{
    import_lines(R"({"message_id": 1, "channel_id": "c", "user_id": "u", "timestamp": "2026-01-01T00:00:00Z", )"
                 R"("content": "x", "mood": {"deep": [1, null]}, "metadata": {"kept": true}})");
    const Row row = query("SELECT metadata, username, is_bot, reply_to, attachments FROM messages").rows.front();
    const json::object metadata = parse_json_object(row["metadata"].as_text(), "metadata");
    EXPECT_EQ(json::serialize(metadata.at("mood")), R"({"deep":[1,null]})");
    EXPECT_EQ(metadata.at("kept"), json::value(true));
    EXPECT_EQ(row["is_bot"], false);
    EXPECT_TRUE(row["reply_to"].is_null());
    EXPECT_EQ(row["attachments"], "[]");
}

TEST_F(MessageImporter, IdsOfSixtyFourBitsSurvive)
{
    SampleMessage largest;
    largest.content = "largest";
    std::string line = largest.line();
    line.replace(line.find("\"message_id\":0"), 14, "\"message_id\":\"9223372036854775807\"");
    import_lines(line);
    EXPECT_EQ(query("SELECT message_id FROM messages").rows[0]["message_id"].as_int(),
              std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(count("graph_nodes WHERE node_id = '9223372036854775807'"), 1);
}

TEST_F(MessageImporter, RepliesFollowTheFieldElseTheSession)
{
    std::vector<SampleMessage> messages(8);
    for (std::size_t i = 0; i < messages.size(); ++i)
        messages[i].id = static_cast<std::int64_t>(i + 1);
    messages[0].session = 1;
    messages[1].session = 1;        // 2 follows 1
    messages[2].session = 2;        // another session
    messages[3].session = 1;        // 4 follows 2
    messages[4].session = 1;        // another channel
    messages[4].channel = "garden"; //
    messages[5].session = 1;        // 6 says it replies to 3, not to 4
    messages[5].reply_to = 3;       //
    messages[6].reply_to = 8;       // to a later one
    messages[7].reply_to = 999;     // to one that is not there
    write_sample(messages);
    for (const std::size_t batch : {std::size_t{1}, std::size_t{100}}) {
        run(storage->close());
        storage = open("replies-" + std::to_string(batch));
        ImportOptions options;
        options.batch_size = batch;
        import_sample(options);
        const std::set<std::string> expected{"2>1", "4>2", "6>3", "7>8"};
        EXPECT_EQ(replies(), expected) << batch;
    }
}

TEST_F(MessageImporter, AReplyToItselfIsNone)
{
    SampleMessage message;
    message.id = 5;
    message.reply_to = 5;
    import_lines(message.line());
    EXPECT_TRUE(replies().empty());
    EXPECT_EQ(query("SELECT reply_to FROM messages").rows[0]["reply_to"], 5);
}

TEST_F(MessageImporter, AnEmptyFileIsNothing)
{
    const ImportReport report = import_lines("");
    EXPECT_EQ(report.messages, 0U);
    EXPECT_EQ(count("messages"), 0);
}

// ---- again

TEST_F(MessageImporter, TwiceChangesNothing)
{
    write_sample(sample_messages(60));
    import_sample(with_embeddings());
    const Dump before = run(dump(*storage));
    const std::uint64_t cached = run(storage->cache().get_cache_stats()).total_cached_messages;
    const ImportReport report = import_sample(with_embeddings());
    EXPECT_EQ(report.messages, 60U);
    EXPECT_EQ(report.imported, 0U);
    EXPECT_EQ(report.known, 60U);
    EXPECT_EQ(report.documents, 0U);
    EXPECT_EQ(report.relationships, 0U);
    EXPECT_EQ(difference(run(dump(*storage)), before), "");
    EXPECT_EQ(run(storage->cache().get_cache_stats()).total_cached_messages, cached);
}

TEST_F(MessageImporter, WhatWasChangedMeanwhileStays)
{
    write_sample(sample_messages(20));
    import_sample(with_embeddings());
    query("UPDATE messages SET content = 'edited' WHERE message_id = 3");
    json::object metadata;
    metadata["mine"] = true;
    const std::vector<float> embedding = sample_embedding(1000);
    run(storage->vector_db().store_document("user_memories", "3", "edited", embedding, metadata));
    run(storage->graph().create_relationship("user:user-0", "memory:1", "REMEMBERS"));
    const Dump before = run(dump(*storage));
    import_sample(with_embeddings());
    EXPECT_EQ(difference(run(dump(*storage)), before), "");
}

TEST_F(MessageImporter, ALongerFileAddsOnlyWhatIsNew)
{
    const std::vector<SampleMessage> all = sample_messages(50);
    write_sample(std::vector<SampleMessage>(all.begin(), all.begin() + 23));
    import_sample(with_embeddings());
    write_sample(all);
    const ImportReport report = import_sample(with_embeddings());
    EXPECT_EQ(report.known, 23U);
    EXPECT_EQ(report.imported, 27U);
    const auto at_once = open("at-once");
    import_sample(*at_once, with_embeddings());
    EXPECT_EQ(difference(run(dump(*storage, Columns::content)), run(dump(*at_once, Columns::content))), "");
    run(at_once->close());
}

TEST_F(MessageImporter, ALaterMessageThatIsRepliedToFindsTheReply)
{
    std::vector<SampleMessage> messages(2);
    messages[0].id = 1;
    messages[0].reply_to = 2;
    messages[1].id = 2;
    write_sample(std::vector<SampleMessage>(messages.begin(), messages.begin() + 1));
    import_sample();
    EXPECT_TRUE(replies().empty());
    write_sample(messages);
    import_sample();
    const std::set<std::string> expected{"1>2"};
    EXPECT_EQ(replies(), expected);
}

TEST_F(MessageImporter, EmbeddingsMayComeLater)
{
    write_sample(sample_messages(30));
    ImportReport report = import_sample();
    EXPECT_EQ(report.documents, 0U);
    EXPECT_EQ(run(storage->vector_db().count_documents("user_memories")), 0U);
    const Dump rows = run(dump_database(storage->database()));
    report = import_sample(with_embeddings());
    EXPECT_EQ(report.imported, 0U);
    EXPECT_EQ(report.documents, 30U);
    EXPECT_EQ(difference(run(dump_database(storage->database())), rows), "");
    const auto at_once = open("at-once");
    import_sample(*at_once, with_embeddings());
    EXPECT_EQ(difference(run(dump_vectors(storage->vector_db())), run(dump_vectors(at_once->vector_db()))), "");
    run(at_once->close());
}

TEST_F(MessageImporter, ADocumentThatIsMissingIsAdded)
{
    write_sample(sample_messages(30));
    import_sample(with_embeddings());
    const Dump before = run(dump(*storage));
    run(storage->vector_db().delete_document("user_memories", "7"));
    EXPECT_EQ(import_sample(with_embeddings()).documents, 1U);
    EXPECT_EQ(difference(run(dump(*storage)), before), "");
}

TEST_F(MessageImporter, WithoutAGraph)
{
    run(storage->close());
    storage = open("data", "none");
    const std::vector<SampleMessage> all = sample_messages(40);
    write_sample(std::vector<SampleMessage>(all.begin(), all.begin() + 20));
    ImportReport report = import_sample(with_embeddings());
    EXPECT_EQ(report.imported, 20U);
    EXPECT_EQ(report.relationships, 0U);
    EXPECT_EQ(count("messages"), 20);
    EXPECT_EQ(count("graph_nodes"), 0);
    EXPECT_EQ(count("relationships"), 0);
    run(storage->close());

    // Switched on later: what is new goes into it, replies to what is not in it stay in their rows.
    storage = open("data");
    write_sample(all);
    report = import_sample(with_embeddings());
    EXPECT_EQ(report.imported, 20U);
    EXPECT_EQ(count("graph_nodes WHERE node_type = 'memory'"), 20);
    EXPECT_EQ(count("relationships WHERE relationship_type = 'REMEMBERS'"), 20);
}

TEST_F(MessageImporter, IntoAnotherCollection)
{
    write_sample(sample_messages(5));
    CollectionConfig config;
    config.embedding_dimension = 384;
    run(storage->vector_db().create_collection("mine", config));
    ImportOptions options = with_embeddings();
    options.collection = "mine";
    import_sample(options);
    EXPECT_EQ(run(storage->vector_db().count_documents("mine")), 5U);
    EXPECT_EQ(run(storage->vector_db().count_documents("user_memories")), 0U);
}

TEST_F(MessageImporter, TwoAtOnceStoreEveryMessageOnce)
{
    write_sample(sample_messages(200));
    ImportOptions options = with_embeddings();
    options.batch_size = 10;
    auto first = start(import_messages(*storage, directory / "messages.jsonl", options));
    auto second = start(import_messages(*storage, directory / "messages.jsonl", options));
    wait(std::move(first));
    wait(std::move(second));
    EXPECT_EQ(count("messages"), 200);
    EXPECT_EQ(count("conversations"), 200);
    EXPECT_EQ(query("SELECT sum(message_count) AS n FROM users").rows[0]["n"], 200);
    const auto at_once = open("at-once");
    import_sample(*at_once, with_embeddings());
    EXPECT_EQ(difference(run(dump(*storage, Columns::content)), run(dump(*at_once, Columns::content))), "");
    run(at_once->close());
}

// ---- real conversations

TEST_F(MessageImporter, LoCoMo)
{
    const std::filesystem::path locomo = shared_data() / "data/locomo";
    if (!std::filesystem::exists(locomo / "messages.jsonl"))
        GTEST_SKIP() << "the recorded conversations are not there";
    ImportOptions options;
    options.embeddings = locomo / "messages.f32";
    const ImportReport report = run(import_messages(*storage, locomo / "messages.jsonl", options));
    std::cout << "imported " << report.imported << " messages in " << report.seconds << " s ("
              << static_cast<double>(report.imported) / report.seconds << "/s)" << std::endl;
    EXPECT_EQ(report.imported, 4124U);
    EXPECT_EQ(count("messages"), 4124);
    EXPECT_EQ(count("conversations"), 4124);
    EXPECT_EQ(run(storage->vector_db().count_documents("user_memories")), 4124U);
    EXPECT_EQ(count("graph_nodes WHERE node_type = 'memory'"), 4124);
    EXPECT_EQ(count("relationships WHERE relationship_type = 'REMEMBERS'"), 4124);
    EXPECT_EQ(query("SELECT sum(message_count) AS n FROM users").rows[0]["n"], 4124);
    EXPECT_EQ(count("users"), count("graph_nodes WHERE node_type = 'user'"));
    EXPECT_EQ(query("SELECT count(DISTINCT user_id) AS n FROM messages").rows[0]["n"].as_int(), count("users"));
    // Each session is a chain: one reply less than it has messages.
    std::map<std::string, std::int64_t> sessions;
    std::ifstream lines(locomo / "messages.jsonl");
    std::string line;
    while (std::getline(lines, line)) {
        const json::object fields = parse_json_object(line, "line");
        ++sessions[std::string(fields.at("channel_id").as_string()) + " " + json::serialize(fields.at("session"))];
    }
    std::int64_t chained = 0;
    for (const auto& [name, length] : sessions)
        chained += length - 1;
    EXPECT_EQ(count("relationships WHERE relationship_type = 'REPLIES_TO'"), chained);
    const CacheStats cached = run(storage->cache().get_cache_stats());
    EXPECT_EQ(cached.cached_channels,
              static_cast<std::uint64_t>(
                  query("SELECT count(DISTINCT channel_id) AS n FROM messages").rows[0]["n"].as_int()));

    const Dump before = run(dump(*storage));
    const ImportReport again = run(import_messages(*storage, locomo / "messages.jsonl", options));
    EXPECT_EQ(again.imported, 0U);
    EXPECT_EQ(difference(run(dump(*storage)), before), "");
}

} // namespace
} // namespace whisperstore::test
