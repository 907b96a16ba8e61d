// Chats as other programs export them, from the files in chat_exports/.
#include "importer_fixture.hpp"
#include "storage/chat_export/message_source.hpp"
#include "storage/chat_export/slack_source.hpp"
#include "storage/chat_export/whatsapp_lines.hpp"
#include "storage/import_file.hpp"

namespace whisperstore::test {
namespace {

const std::filesystem::path exports = WHISPERSTORE_CHAT_EXPORTS;

std::vector<UniversalMessage> messages_of(const std::filesystem::path& path,
                                          const ImportOptions& options = ImportOptions())
{
    ImportFile file(path, options, 0);
    std::vector<UniversalMessage> messages;
    for (ImportedMessage& item : file.read(1000))
        messages.push_back(std::move(item.message));
    return messages;
}

/// "user 2026-05-01T16:30:00.123000Z: text" of each.
std::vector<std::string> told(const std::vector<UniversalMessage>& messages)
{
    std::vector<std::string> out;
    for (const UniversalMessage& message : messages)
        out.push_back(message.username + " " + format_timestamp(message.timestamp) + ": " + message.content);
    return out;
}

StorageError refusal(const std::filesystem::path& path, const ImportOptions& options = ImportOptions())
{
    return error_of([&] { messages_of(path, options); });
}

void expect_words(const StorageError& error, const std::vector<std::string>& words)
{
    for (const std::string& word : words)
        EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << word << " in: " << error.what();
}

class ChatExport : public MessageImporter
{
protected:
    std::filesystem::path file(const std::string& name, const std::string& content)
    {
        std::filesystem::create_directories((directory / name).parent_path());
        write_file(directory / name, content);
        return directory / name;
    }
};

// ---- Discord

TEST_F(ChatExport, Discord)
{
    const std::vector<UniversalMessage> messages = messages_of(exports / "discord.json");
    const std::vector<std::string> expected{
        "Petra K. 2026-05-01T16:30:00.123000Z: Who has the score of the \"Nocturne\"? \\o/ ]}",
        "amos 2026-05-01T16:32:10.000000Z: I do. Bar 40 has a misprint.", "Metronome 2026-05-01T16:33:00.000000Z: "};
    EXPECT_EQ(told(messages), expected);
    ASSERT_EQ(messages.size(), 3U);
    EXPECT_EQ(messages[0].message_id, 790001112223335001);
    EXPECT_EQ(messages[0].channel_id, "790001112223334441");
    EXPECT_EQ(messages[0].user_id, "700000000000000001");
    EXPECT_EQ(messages[0].metadata.at("channel_name"), "altos");
    EXPECT_EQ(messages[0].metadata.at("guild_name"), "Riverside Choir");
    EXPECT_EQ(messages[1].reply_to, 790001112223335001);
    EXPECT_EQ(messages[1].attachments.at(0).at("fileName"), "score.pdf");
    EXPECT_FALSE(messages[1].is_bot);
    EXPECT_TRUE(messages[2].is_bot);
}

TEST_F(ChatExport, DiscordWithoutMessages)
{
    EXPECT_TRUE(messages_of(file("empty.json", R"({"channel": {"id": "5"}, "messages": [ ]})")).empty());
}

TEST_F(ChatExport, DamagedDiscord)
{
    const std::string whole = read_file(exports / "discord.json");
    const auto damaged = [&](std::size_t size) { return refusal(file("damaged.json", whole.substr(0, size))); };
    // Wherever it ends within the list of messages, it is refused.
    for (std::size_t size = whole.find("\"messages\"") + 13; size < whole.rfind(']'); size += 37)
        EXPECT_EQ(to_string(damaged(size).errc()), "syntax") << size;
    expect_words(damaged(whole.size() / 2), {"damaged.json message", "byte"});

    ImportOptions options;
    options.format = ImportFormat::discord;
    expect_words(refusal(file("no.json", R"({"messages": []})"), options),
                 {"no.json", "channel", "DiscordChatExporter"});
    expect_words(refusal(file("no.json", R"({"channel": {"id": "5"}})"), options), {"no.json", "messages"});
    const auto with_message = [&](const std::string& message) {
        return refusal(file("one.json", R"({"channel": {"id": "5"}, "messages": [)" + message + "]}"));
    };
    expect_words(with_message(R"({"id": "1", "timestamp": "2026-01-01T00:00:00Z"})"), {"message 1", "author"});
    expect_words(with_message(R"({"id": "1", "timestamp": "now", "author": {"id": "2"}})"), {"message 1", "timestamp"});
    expect_words(with_message(R"({"id": "x", "timestamp": "2026-01-01T00:00:00Z", "author": {"id": "2"}})"),
                 {"message 1", "message_id"});
    expect_words(with_message("5"), {"message 1", "object"});
}

// ---- Slack

TEST_F(ChatExport, Slack)
{
    const std::vector<UniversalMessage> messages = messages_of(exports / "slack");
    const std::vector<std::string> expected{
        "Tomás Vega 2026-05-01T09:01:00.000400Z: Key is under the blue pot.",
        "iris.h 2026-04-30T08:01:00.000200Z: @Tomás Vega the beans & peas are in: the plan, see #allotment <3",
        "Tomás Vega 2026-04-30T09:00:00.000300Z: Nice! Water them tonight.",
        "Weather 2026-05-01T08:00:00.000000Z: Frost is possible @here.", "iris.h 2026-05-01T09:00:00.000000Z: "};
    EXPECT_EQ(told(messages), expected);
    ASSERT_EQ(messages.size(), 5U);
    EXPECT_EQ(messages[0].channel_id, "DQ7NETTLE");
    EXPECT_EQ(messages[1].channel_id, "C0BEANS");
    EXPECT_FALSE(messages[1].reply_to);
    EXPECT_EQ(messages[2].reply_to, messages[1].message_id);
    EXPECT_TRUE(messages[3].is_bot);
    EXPECT_EQ(messages[3].user_id, "B0WEATHER");
    EXPECT_EQ(messages[4].attachments.at(0).at("name"), "beans.jpg");
    std::set<std::int64_t> ids;
    for (const UniversalMessage& message : messages) {
        EXPECT_GE(message.message_id, 0);
        ids.insert(message.message_id);
    }
    EXPECT_EQ(ids.size(), messages.size());
}

TEST_F(ChatExport, SlackText)
{
    const std::map<std::string, std::string, std::less<>> users{{"U1", "Iris"}};
    const std::pair<const char*, const char*> cases[]{
        {"", ""},
        {"plain", "plain"},
        {"<@U1> and <@U2>", "@Iris and @U2"},
        {"<@U2|lin>", "@lin"},
        {"<#C1|general> <#C2>", "#general #C2"},
        {"<https://example.org>", "https://example.org"},
        {"<https://example.org|a page>", "a page"},
        {"<!channel> <!subteam^S1|@team>", "@channel @team"},
        {"1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"},
        {"&amp;lt;", "&lt;"},
        {"an open < stays", "an open < stays"},
    };
    for (const auto& [text, plain] : cases)
        EXPECT_EQ(plain_slack_text(text, users), plain);
}

TEST_F(ChatExport, DamagedSlack)
{
    expect_words(refusal(directory / "nowhere"), {"nowhere"});
    std::filesystem::create_directories(directory / "folder");
    expect_words(refusal(directory / "folder"), {"no Slack export"});
    file("folder/general/2026-01-01.json", R"([{"type": "message", "user": "U1", "text": "x", "ts": "soon"}])");
    expect_words(refusal(directory / "folder"), {"2026-01-01.json message 1", "ts"});
    file("folder/general/2026-01-01.json", R"([{"type": "message", "text": "x", "ts": "1.000000"}])");
    expect_words(refusal(directory / "folder"), {"2026-01-01.json message 1", "user"});
    file("folder/general/2026-01-01.json", R"([{"type": "message")");
    expect_words(refusal(directory / "folder"), {"2026-01-01.json"});
    file("folder/users.json", "{}");
    expect_words(refusal(directory / "folder"), {"users.json", "list"});
    ImportOptions options;
    options.format = ImportFormat::slack;
    expect_words(refusal(exports / "discord.json", options), {"folder", "unpack"});
}

// ---- WhatsApp

TEST_F(ChatExport, WhatsAppOfAndroid)
{
    const std::vector<UniversalMessage> messages = messages_of(exports / "whatsapp_android.txt");
    const std::vector<std::string> expected{
        "Noor 2025-12-31T23:59:00.000000Z: Happy new year!\nThe fireworks start in a minute:\n- north bank\n- old "
        "bridge",
        "Bo 2026-01-01T00:00:00.000000Z: Happy new year!", "Bo 2026-01-01T00:00:00.000000Z: Happy new year!",
        "Noor 2026-01-01T00:03:00.000000Z: ", "+45 12 34 56 78 2026-01-01T00:06:00.000000Z: Who is this: a robot?"};
    EXPECT_EQ(told(messages), expected);
    ASSERT_EQ(messages.size(), 5U);
    EXPECT_EQ(messages[0].channel_id, "whatsapp_android");
    EXPECT_NE(messages[1].message_id, messages[2].message_id);
    EXPECT_EQ(messages[3].attachments.size(), 1U);
}

TEST_F(ChatExport, WhatsAppOfIPhone)
{
    ImportOptions options;
    options.channel = "hiking";
    options.utc_offset = std::chrono::hours(1);
    const std::vector<UniversalMessage> messages = messages_of(exports / "whatsapp_iphone.txt", options);
    const std::vector<std::string> expected{
        "Ada 2026-01-31T20:05:30.000000Z: Saturday, the ridge walk?",
        "Emil 2026-01-31T20:06:00.000000Z: Yes: 8:15 at the station",
        "Emil 2026-01-31T20:07:12.000000Z: ", "Ada 2026-01-31T23:01:00.000000Z: Good night"};
    EXPECT_EQ(told(messages), expected);
    EXPECT_EQ(messages.at(0).channel_id, "hiking");
}

TEST_F(ChatExport, WhatsAppLines)
{
    struct Case
    {
        const char* line;
        const char* time; // as day/month/year, or as year-month-day
        const char* author;
        const char* text;
    };
    const Case cases[]{
        {"31/12/2023, 23:59 - Anna: Hello", "2023-12-31T23:59:00+00:00", "Anna", "Hello"},
        {"31/12/23 23:59 - Anna: Hello", "2023-12-31T23:59:00+00:00", "Anna", "Hello"},
        {"31.12.23, 23:59 - Anna: Hello", "2023-12-31T23:59:00+00:00", "Anna", "Hello"},
        {"2023-12-31, 23:59 - Anna: Hello", "2023-12-31T23:59:00+00:00", "Anna", "Hello"},
        {"[31/12/2023, 23:59:58] Anna: Hello", "2023-12-31T23:59:58+00:00", "Anna", "Hello"},
        {"01/02/2024, 12:00 am - Anna: a: b", "2024-02-01T00:00:00+00:00", "Anna", "a: b"},
        {"01/02/2024, 12:00 PM - Anna: noon", "2024-02-01T12:00:00+00:00", "Anna", "noon"},
        {"01/02/2024, 1:05\u202Fp.\u00A0m. - Anna: later", "2024-02-01T13:05:00+00:00", "Anna", "later"},
        {"01/02/2024, 10:00 - Anna joined", "2024-02-01T10:00:00+00:00", "", "Anna joined"},
        {"01/02/2024, 10:00 - Anna:", "2024-02-01T10:00:00+00:00", "Anna", ""},
    };
    for (const Case& one : cases) {
        const std::optional<WhatsAppLine> line = read_whatsapp_line(one.line);
        ASSERT_TRUE(line) << one.line;
        EXPECT_EQ(time_of(*line, DateOrder::day_first, std::chrono::minutes(0)), one.time) << one.line;
        EXPECT_EQ(line->author, one.author) << one.line;
        EXPECT_EQ(line->text, one.text) << one.line;
    }
    for (const char* line : {"", "Hello", "31/12/2023", "31/12/2023, 23:59", "31/12/2023, 25:59 - Anna: x",
                             "31/12/2023, 13:00 PM - Anna: x", "1/2 of it, 10:00 - x", "[31/12/2023, 23:59:58 Anna: x"})
        EXPECT_FALSE(read_whatsapp_line(line)) << line;
}

TEST_F(ChatExport, OrderOfDates)
{
    const auto first_day = [&](const std::string& content, DateOrder order = DateOrder::automatic) {
        ImportOptions options;
        options.date_order = order;
        return format_timestamp(messages_of(file("chat.txt", content), options).at(0).timestamp).substr(0, 10);
    };
    EXPECT_EQ(first_day("01/02/2026, 10:00 - A: x\n13/02/2026, 10:00 - A: y\n"), "2026-02-01");
    EXPECT_EQ(first_day("01/02/2026, 10:00 - A: x\n01/13/2026, 10:00 - A: y\n"), "2026-01-02");
    // Both are possible: time goes forward.
    EXPECT_EQ(first_day("09/02/2026, 10:00 - A: x\n01/03/2026, 10:00 - A: y\n"), "2026-02-09");
    EXPECT_EQ(first_day("02/09/2026, 10:00 - A: x\n03/01/2026, 10:00 - A: y\n"), "2026-02-09");
    EXPECT_EQ(first_day("03/03/2026, 10:00 - A: x\n"), "2026-03-03");
    expect_words(error_of([&] { first_day("01/02/2026, 10:00 - A: x\n"); }), {"--date-order"});
    EXPECT_EQ(first_day("01/02/2026, 10:00 - A: x\n", DateOrder::month_first), "2026-01-02");
    expect_words(error_of([&] { first_day("13/02/2026, 10:00 - A: x\n", DateOrder::month_first); }),
                 {"chat.txt line 1", "month/day/year"});
    expect_words(error_of([&] { first_day("13/02/2026, 10:00 - A: x\n02/13/2026, 10:00 - A: y\n"); }), {"neither"});
}

// ---- what a file is

TEST_F(ChatExport, FormatsAreFound)
{
    EXPECT_EQ(detect_format(exports / "discord.json"), ImportFormat::discord);
    EXPECT_EQ(detect_format(exports / "slack"), ImportFormat::slack);
    EXPECT_EQ(detect_format(exports / "whatsapp_android.txt"), ImportFormat::whatsapp);
    EXPECT_EQ(detect_format(exports / "whatsapp_iphone.txt"), ImportFormat::whatsapp);
    EXPECT_EQ(detect_format(file("a.jsonl", R"({"message_id": 1, "channel": "\"messages\""})")),
              ImportFormat::json_lines);
    EXPECT_EQ(detect_format(file("a.jsonl", "{broken")), ImportFormat::json_lines);
    EXPECT_EQ(detect_format(file("a.jsonl", "")), ImportFormat::json_lines);
    expect_words(error_of([&] { detect_format(file("a.csv", "a,b\n1,2\n")); }),
                 {"a.csv", "JSON lines", "Discord", "Slack", "WhatsApp"});
    EXPECT_STORAGE_ERROR(detect_format(directory / "nothing"), not_found);
}

// ---- the whole way

TEST_F(ChatExport, AllAreImportedOnce)
{
    const std::pair<const char*, std::size_t> all[]{
        {"discord.json", 3}, {"slack", 5}, {"whatsapp_android.txt", 5}, {"whatsapp_iphone.txt", 4}};
    std::uint64_t skipped = 0;
    for (const auto& [name, count] : all) {
        const ImportReport report = run(import_messages(*storage, exports / name));
        EXPECT_EQ(report.messages, count) << name;
        EXPECT_EQ(report.imported, count) << name;
        skipped += report.skipped;
        const ImportReport again = run(import_messages(*storage, exports / name));
        EXPECT_EQ(again.known, count) << name;
        EXPECT_EQ(again.imported, 0U) << name;
    }
    EXPECT_EQ(skipped, 1U + 1U + 2U + 1U);
    EXPECT_EQ(count("messages"), 17);
    EXPECT_TRUE(replies().contains("790001112223335003>790001112223335001"));
}

} // namespace
} // namespace whisperstore::test
