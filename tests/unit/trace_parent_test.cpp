// W3C Trace Context, and spans as OTLP.

#include "metrics/span.hpp"
#include "metrics/trace_parent.hpp"

#include <whisperstore/core/json.hpp>

#include <gtest/gtest.h>

namespace whisperstore::metrics {
namespace {

const std::string example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"; // of the specification

TEST(TraceParent, IsReadAndWritten)
{
    const auto parent = parse_trace_parent(example);
    ASSERT_TRUE(parent);
    EXPECT_EQ(parent->trace_high, 0x4bf92f3577b34da6U);
    EXPECT_EQ(parent->span, 0x00f067aa0ba902b7U);
    EXPECT_TRUE(parent->sampled);
    EXPECT_EQ(parent->to_string(), example);
    EXPECT_FALSE(parse_trace_parent(example.substr(0, 53) + "00")->sampled);
    EXPECT_TRUE(parse_trace_parent(example.substr(0, 53) + "ff")->sampled) << "other flags are for others";
    EXPECT_TRUE(parse_trace_parent("cc" + example.substr(2) + "-what-the-future-brings"));
}

TEST(TraceParent, IsIgnoredWhereItIsNone)
{
    const std::vector<std::string> texts = {std::string(),
                                            example.substr(0, 54),
                                            example + "-",
                                            example + "0",
                                            "ff" + example.substr(2),
                                            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
                                            "cc" + example.substr(2) + "x"};
    for (const std::string& text : texts)
        EXPECT_FALSE(parse_trace_parent(text)) << text;
}

json::object attributes_of(const json::value& item)
{
    json::object out;
    for (const json::value& attribute : item.at("attributes").as_array()) {
        const json::object& value = attribute.at("value").as_object();
        out[attribute.at("key").as_string()] = value.begin()->value();
    }
    return out;
}

TEST(Spans, AreWrittenAsTheProtocolWantsThem)
{
    Span span;
    span.self = *parse_trace_parent(example);
    span.parent = 0xabc;
    span.end = std::chrono::system_clock::time_point(std::chrono::seconds(2'000'000'000));
    span.duration = std::chrono::milliseconds(1500);
    span.layer = "cache";
    span.backend = "redis_cluster";
    span.endpoint = "cache.internal:6379";
    span.operation = "add_message";
    span.tenant = "tenant \xff";
    span.attempts = 2;
    span.error = StorageErrc::timeout;
    span.message = "too late";
    const json::value request = parse_json(otlp_json(std::span(&span, 1), "chat"), "request");
    const json::value& of_resource = request.at("resourceSpans").at(0);
    EXPECT_EQ(attributes_of(of_resource.at("resource")).at("service.name").as_string(), "chat");
    const json::value& written = of_resource.at("scopeSpans").at(0).at("spans").at(0);
    EXPECT_EQ(written.at("traceId").as_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(written.at("spanId").as_string(), "00f067aa0ba902b7");
    EXPECT_EQ(written.at("parentSpanId").as_string(), "0000000000000abc");
    EXPECT_EQ(written.at("startTimeUnixNano").as_string(), "1999999998500000000");
    EXPECT_EQ(written.at("endTimeUnixNano").as_string(), "2000000000000000000");
    EXPECT_EQ(written.at("kind").as_int64(), 3);
    EXPECT_EQ(written.at("name").as_string(), "add_message cache.internal:6379");
    EXPECT_EQ(written.at("status").at("code").as_int64(), 2);
    const json::object attributes = attributes_of(written);
    EXPECT_EQ(attributes.at("db.system.name").as_string(), "redis");
    EXPECT_EQ(attributes.at("db.operation.name").as_string(), "add_message");
    EXPECT_EQ(attributes.at("server.address").as_string(), "cache.internal");
    EXPECT_EQ(attributes.at("server.port").as_string(), "6379");
    EXPECT_EQ(attributes.at("error.type").as_string(), "timeout");
    EXPECT_EQ(attributes.at("whisperstore.attempts").as_string(), "2");
}

TEST(Spans, OfFilesMemoryAndClustersNameNoServer)
{
    for (const std::string endpoint : {"", "/data/database.db", "a:1,b:1", "in process"}) {
        Span span;
        span.self = *parse_trace_parent(example);
        span.endpoint = endpoint;
        span.backend = "sqlite";
        span.operation = "execute_query";
        const json::value request = parse_json(otlp_json(std::span(&span, 1), "chat"), "request");
        const json::value& written = request.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").at(0);
        EXPECT_EQ(written.at("kind").as_int64(), 1) << endpoint;
        EXPECT_EQ(written.at("name").as_string(), "execute_query");
        EXPECT_FALSE(written.as_object().contains("parentSpanId"));
        EXPECT_FALSE(written.as_object().contains("status"));
        EXPECT_FALSE(attributes_of(written).contains("server.address"));
    }
}

} // namespace
} // namespace whisperstore::metrics
