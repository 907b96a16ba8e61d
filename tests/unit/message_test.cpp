#include "support/run.hpp"

#include <whisperstore/core/message.hpp>

#include <limits>

namespace whisperstore {
namespace {

UniversalMessage sample()
{
    UniversalMessage message;
    message.message_id = std::numeric_limits<std::int64_t>::max();
    message.channel_id = "general";
    message.user_id = "u1";
    message.username = "Ünï 🌒";
    message.content = "hello\nworld";
    message.timestamp = parse_timestamp("2026-01-31T09:05:00.000250Z");
    message.is_bot = true;
    message.reply_to = std::numeric_limits<std::int64_t>::min();
    message.attachments = parse_json(R"([{"url":"x"},null,[1,2.5]])", "attachments").as_array();
    message.metadata = parse_json_object(R"({"nested":{"a":[true,null]},"n":9007199254740993})", "metadata");
    return message;
}

TEST(UniversalMessage, RoundTripsThroughJsonText)
{
    const UniversalMessage message = sample();
    const std::string text = json::serialize(to_json(message));
    EXPECT_NE(text.find("\"9223372036854775807\""), std::string::npos) << text; // ids are strings
    EXPECT_EQ(message_from_json(parse_json_object(text, "message")), message);

    UniversalMessage plain;
    plain.channel_id = "c";
    EXPECT_EQ(message_from_json(to_json(plain)), plain);
    EXPECT_TRUE(to_json(plain).at("reply_to").is_null());
}

TEST(UniversalMessage, ReadsWhatOthersWrite)
{
    const UniversalMessage message = message_from_json(parse_json_object(
        R"({"message_id": 5, "channel_id": "c", "user_id": "u", "content": "", "timestamp": "2026-01-31T10:05:00+01:00",
            "username": null, "is_bot": null, "attachments": null, "metadata": null, "unknown": {"a": 1}})",
        "message"));
    EXPECT_EQ(message.message_id, 5);
    EXPECT_EQ(message.username, "");
    EXPECT_EQ(format_timestamp(message.timestamp), "2026-01-31T09:05:00.000000Z");
    EXPECT_FALSE(message.is_bot);
    EXPECT_FALSE(message.reply_to.has_value());
}

TEST(UniversalMessage, BadFieldsAreNamed)
{
    const std::pair<const char*, const char*> cases[] = {
        {"message_id", "null"},
        {"message_id", "1.5"},
        {"message_id", "\"12x\""},
        {"message_id", "\"\""},
        {"message_id", "\" 1\""},
        {"message_id", "true"},
        {"message_id", "\"9223372036854775808\""},
        {"channel_id", "\"\""},
        {"channel_id", "7"},
        {"user_id", "null"},
        {"content", "[]"},
        {"username", "1"},
        {"timestamp", "\"soon\""},
        {"timestamp", "5"},
        {"is_bot", "1"},
        {"reply_to", "\"x\""},
        {"attachments", "{}"},
        {"metadata", "[]"},
        {"content", "\"a\\u0000b\""},
        {"metadata", "{\"a\\u0000\":1}"},
        {"attachments", "[\"\\u0000\"]"},
    };
    for (const auto& [field, value] : cases) {
        json::object object = to_json(sample());
        object[field] = parse_json(value, "value");
        const StorageError error = test::error_of([&] { message_from_json(object); });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << field << "=" << value;
        EXPECT_NE(error.message().find(std::string("'") + field + "'"), std::string::npos) << error.what();
    }
    for (const char* field : {"message_id", "channel_id", "user_id", "content", "timestamp"}) {
        json::object object = to_json(sample());
        object.erase(field);
        EXPECT_STORAGE_ERROR(message_from_json(object), invalid_argument) << field;
    }
}

TEST(UniversalMessage, ChecksRefuseWhatCannotBeStored)
{
    EXPECT_NO_THROW(check_message(sample()));
    UniversalMessage message = sample();
    message.content = std::string("not \xFF utf-8");
    EXPECT_STORAGE_ERROR(check_message(message), invalid_argument);
    message = sample();
    message.user_id = std::string("a\0", 2);
    EXPECT_STORAGE_ERROR(check_message(message), invalid_argument);
    message = sample();
    message.metadata["x"] = std::numeric_limits<double>::infinity();
    EXPECT_STORAGE_ERROR(check_message(message), invalid_argument);
    message = sample();
    message.timestamp = Timestamp::max();
    EXPECT_STORAGE_ERROR(check_message(message), invalid_argument);
}

} // namespace
} // namespace whisperstore
