// Files that are refused before anything is stored, and callers that give up.
#include "integration/importer_fixture.hpp"
#include "support/cancellable.hpp"

#include <atomic>
#include <limits>

namespace whisperstore::test {
namespace {

// ---- what is refused, before anything is stored

TEST_F(MessageImporter, MissingFiles)
{
    write_sample(sample_messages(3));
    expect_refused(directory / "none.jsonl", ImportOptions(), StorageErrc::not_found, {"none.jsonl"});
    expect_refused(directory.path(), ImportOptions(), StorageErrc::invalid_argument,
                   {directory.path().string(), "no Slack export"});
    ImportOptions options;
    options.embeddings = directory / "none.f32";
    expect_refused(directory / "messages.jsonl", options, StorageErrc::not_found, {"none.f32"});
}

TEST_F(MessageImporter, BrokenLines)
{
    const std::string good = sample_messages(1)[0].line();
    const std::string start = R"({"message_id": 2, "channel_id": "c", "timestamp": "2026-01-01T00:00:00Z", )";
    expect_refused(good + "{\"message_id\": 2,\n", StorageErrc::syntax, {"lines.jsonl line 2"});
    expect_refused(good + "\n", StorageErrc::syntax, {"line 2"});
    expect_refused(good + "[1]\n", StorageErrc::invalid_argument, {"line 2"});
    expect_refused(good + start + "\"user_id\": \"u\"}\n", StorageErrc::invalid_argument, {"line 2", "content"});
    expect_refused(good + start + "\"content\": \"x\"}\n", StorageErrc::invalid_argument, {"line 2", "user_id"});
    expect_refused(good + start + R"("content": "x", "user_id": ""})", StorageErrc::invalid_argument,
                   {"line 2", "user_id"});
    expect_refused(good + start + R"("content": 5, "user_id": "u"})", StorageErrc::invalid_argument,
                   {"line 2", "content"});
    expect_refused(good + start + R"("content": "x", "user_id": "u", "session": {}})", StorageErrc::invalid_argument,
                   {"line 2", "session"});
    expect_refused(good + start + R"("content": "x\u0000y", "user_id": "u"})", StorageErrc::invalid_argument,
                   {"line 2", "content"});
    expect_refused(good + start + R"("content": "x", "user_id": "u", "mood": "a\u0000b"})",
                   StorageErrc::invalid_argument, {"line 2", "mood"});
    expect_refused(R"({"message_id": 1.5, "channel_id": "c", "user_id": "u", "content": "x", )"
                   R"("timestamp": "2026-01-01T00:00:00Z"})",
                   StorageErrc::invalid_argument, {"line 1", "message_id"});
    expect_refused(R"({"message_id": 1, "channel_id": "c", "user_id": "u", "content": "x", "timestamp": "yesterday"})",
                   StorageErrc::invalid_argument, {"line 1", "timestamp"});
}

TEST_F(MessageImporter, AnIdThatIsThereTwice)
{
    std::vector<SampleMessage> messages = sample_messages(300);
    messages[290].id = 4;
    write_sample(messages);
    expect_refused(directory / "messages.jsonl", ImportOptions(), StorageErrc::invalid_argument,
                   {"line 291", "message_id 4", "message 4"});
}

TEST_F(MessageImporter, EmbeddingsThatDoNotFit)
{
    const std::vector<SampleMessage> messages = sample_messages(10);
    write_sample(messages);
    const std::string bytes = read_file(directory / "messages.f32");
    const auto refused = [&](const std::string& content, const std::vector<std::string>& words) {
        write_file(directory / "messages.f32", content);
        expect_refused(directory / "messages.jsonl", with_embeddings(), StorageErrc::invalid_argument, words);
    };
    refused(bytes.substr(0, bytes.size() - 4), {"line 10", "messages.f32", "384"});
    refused(bytes.substr(0, bytes.size() / 2), {"line 6", "messages.f32"});
    refused(bytes + "abcd", {"messages.f32", "10", "384"});
    refused("", {"line 1", "messages.f32"});
    std::string broken = bytes;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    broken.replace(7 * 384 * sizeof(float) + 400, sizeof(float), reinterpret_cast<const char*>(&nan), sizeof(float));
    refused(broken, {"line 8"});
    broken = bytes;
    broken.replace(2 * 384 * sizeof(float), 384 * sizeof(float), std::string(384 * sizeof(float), '\0'));
    refused(broken, {"line 3"});
}

TEST_F(MessageImporter, OptionsOutOfRange)
{
    write_sample(sample_messages(3));
    ImportOptions options;
    options.batch_size = 0;
    expect_refused(directory / "messages.jsonl", options, StorageErrc::invalid_argument, {"batch_size", "1", "1000"});
    options.batch_size = 1001;
    expect_refused(directory / "messages.jsonl", options, StorageErrc::invalid_argument, {"1001"});
    options = with_embeddings();
    options.collection = "unknown";
    expect_refused(directory / "messages.jsonl", options, StorageErrc::not_found, {"unknown"});
}

// ---- limits of the caller

TEST_F(MessageImporter, DeadlineAndCancellationAreToldApart)
{
    const std::vector<SampleMessage> messages = sample_messages(4000);
    write_sample(messages);
    ImportOptions options = with_embeddings();
    options.batch_size = 20;
    EXPECT_STORAGE_ERROR(run(import_messages(*storage, directory / "messages.jsonl", options,
                                             OperationContext::within(std::chrono::milliseconds(-1)))),
                         timeout);

    std::atomic<bool> begun{false};
    options.progress = [&](std::uint64_t, std::uint64_t) { begun = true; };
    Cancellable import(import_messages(*storage, directory / "messages.jsonl", options));
    ASSERT_TRUE(eventually([&] { return begun.load(); }));
    import.cancel();
    EXPECT_STORAGE_ERROR(import.get(), cancelled);
    const std::int64_t stored = count("messages");
    EXPECT_GT(stored, 0);
    EXPECT_LT(stored, 4000);

    // And it goes on where it stopped.
    options.batch_size = 500;
    EXPECT_EQ(import_sample(options).known, static_cast<std::uint64_t>(stored));
    EXPECT_EQ(count("messages"), 4000);
    EXPECT_EQ(run(storage->vector_db().count_documents("user_memories")), 4000U);
}

} // namespace
} // namespace whisperstore::test
