// Spans on their way to a collector that is there, away, busy, or does not answer.

#include "servers/http_stub.hpp"
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/metrics/otlp_trace_exporter.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <map>
#include <set>

namespace whisperstore::test {
namespace {

using std::chrono::milliseconds;

constexpr OperationEvent event{"database", "sqlite", "/data/database.db", "execute_query"};

TraceExportConfig config_for(const std::string& url)
{
    TraceExportConfig config;
    config.endpoint = url;
    config.interval = std::chrono::hours(1); // flush() says when
    return config;
}

/// A call as the decorators tell of it; returns the context that went down.
OperationContext call(OtlpTraceExporter& exporter, OperationContext context = OperationContext(),
                      std::optional<StorageErrc> error = std::nullopt)
{
    const std::uint64_t started = exporter.started(event, context);
    OperationResult result;
    result.duration = std::chrono::microseconds(5);
    result.attempts = 1;
    result.error = error;
    exporter.finished(event, context, result, started);
    return context;
}

std::vector<json::object> spans_of(const HttpStub& collector)
{
    std::vector<json::object> out;
    for (const StubRequest& request : collector.requests()) {
        EXPECT_EQ(request.method, "POST");
        EXPECT_EQ(request.target, "/v1/traces");
        EXPECT_EQ(request.header("Content-Type"), "application/json");
        const json::value body = parse_json(request.body, "request");
        for (const json::value& span : body.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").as_array())
            out.push_back(span.as_object());
    }
    return out;
}

StubAnswer answer(int status, std::string body = "{}")
{
    StubAnswer out;
    out.status = status;
    out.body = std::move(body);
    return out;
}

TEST(TraceExport, SendsASpanOfEachCallWithItsParent)
{
    const HttpStub collector(answer(200));
    OtlpTraceExporter exporter(config_for(collector.url()));
    const OperationContext outer = call(exporter);
    const OperationContext inner = call(exporter, outer, StorageErrc::conflict);
    EXPECT_NE(outer.trace, inner.trace);
    EXPECT_EQ(outer.trace.substr(0, 35), inner.trace.substr(0, 35)) << "one trace";
    run(exporter.flush());
    const std::vector<json::object> spans = spans_of(collector);
    ASSERT_EQ(spans.size(), 2U);
    EXPECT_FALSE(spans[0].contains("parentSpanId"));
    EXPECT_EQ(spans[1].at("parentSpanId"), spans[0].at("spanId"));
    EXPECT_EQ(spans[0].at("traceId"), spans[1].at("traceId"));
    EXPECT_EQ(outer.trace.substr(3, 32), std::string(spans[0].at("traceId").as_string()));
    EXPECT_EQ(outer.trace.substr(36, 16), std::string(spans[0].at("spanId").as_string()));
    EXPECT_TRUE(spans[1].contains("status"));
    EXPECT_EQ(exporter.stats().exported, 2U);
}

TEST(TraceExport, GoesByWhatTheCallerDecided)
{
    const HttpStub collector(answer(200));
    TraceExportConfig config = config_for(collector.url());
    config.sampling_ratio = 0;
    OtlpTraceExporter exporter(config);
    OperationContext context;
    context.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    EXPECT_TRUE(call(exporter, context).trace.ends_with("-01"));
    context.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    EXPECT_TRUE(call(exporter, context).trace.ends_with("-00"));
    EXPECT_TRUE(call(exporter).trace.ends_with("-00")) << "of its own, by the ratio";
    EXPECT_EQ(exporter.stats().recorded, 1U);
    run(exporter.flush());
    EXPECT_EQ(spans_of(collector).at(0).at("parentSpanId").as_string(), "00f067aa0ba902b7");

    config.sampling_ratio = 0.25;
    OtlpTraceExporter quarter(config);
    for (int i = 0; i < 4000; ++i)
        call(quarter);
    EXPECT_NEAR(static_cast<double>(quarter.stats().recorded), 1000, 200);
    EXPECT_STORAGE_ERROR(OtlpTraceExporter(TraceExportConfig{.endpoint = "http://h", .sampling_ratio = 2}),
                         invalid_argument);
    EXPECT_STORAGE_ERROR(OtlpTraceExporter(TraceExportConfig{.endpoint = "collector:4317"}), invalid_argument);
}

TEST(TraceExport, KeepsSoMuchWhileTheCollectorIsAwayAndCountsTheRest)
{
    std::uint16_t port = 0;
    {
        const HttpStub free_port(answer(200));
        port = free_port.port();
    }
    TraceExportConfig config = config_for("http://127.0.0.1:" + std::to_string(port));
    config.max_spans = 100;
    config.batch = 40;
    std::vector<std::string> told;
    std::mutex mutex;
    OtlpTraceExporter exporter(config, [&](LogLevel, std::string_view, std::string_view message) {
        const std::lock_guard lock(mutex);
        told.emplace_back(message);
    });
    for (int i = 0; i < 1000; ++i)
        call(exporter);
    run(exporter.flush());
    run(exporter.flush());
    const TraceExportStats away = exporter.stats();
    EXPECT_EQ(away.recorded, 1000U);
    EXPECT_EQ(away.dropped, 900U);
    EXPECT_EQ(away.waiting, 100U);
    EXPECT_EQ(away.exported + away.failed, 0U);

    StubOptions options;
    options.port = port;
    const HttpStub collector(answer(200), options);
    const auto has_arrived = [&] {
        run(exporter.flush());
        return exporter.stats().exported == 100;
    };
    EXPECT_TRUE(eventually(has_arrived));
    std::set<std::string> ids;
    for (const json::object& span : spans_of(collector))
        ids.emplace(span.at("spanId").as_string());
    EXPECT_EQ(ids.size(), 100U) << "each once";
    EXPECT_EQ(collector.requests().size(), 3U);
    const std::lock_guard lock(mutex);
    ASSERT_EQ(told.size(), 2U) << "once that they do not arrive, once that they do";
    EXPECT_NE(told[1].find("again"), std::string::npos);
}

TEST(TraceExport, SendsAgainOnlyWhatCertainlyDidNotArrive)
{
    std::atomic<int> asked{0};
    const HttpStub collector([&](const StubRequest&) {
        switch (asked++) {
        case 0:
            return answer(503);
        case 1:
            return answer(429);
        case 2:
            return answer(500); // took it or not: nobody knows
        case 3: {
            StubAnswer cut = answer(200);
            cut.cut_at = 0; // took it, and the answer is lost
            return cut;
        }
        default:
            return answer(200, R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}})");
        }
    });
    OtlpTraceExporter exporter(config_for(collector.url()));
    call(exporter);
    run(exporter.flush());
    run(exporter.flush());
    EXPECT_EQ(exporter.stats().waiting, 1U);
    run(exporter.flush());
    EXPECT_EQ(exporter.stats().failed, 1U);
    call(exporter);
    run(exporter.flush());
    EXPECT_EQ(exporter.stats().failed, 2U);
    call(exporter);
    call(exporter);
    run(exporter.flush());
    EXPECT_EQ(exporter.stats().failed, 3U) << "one that the collector rejected";
    EXPECT_EQ(exporter.stats().exported, 1U);
    EXPECT_EQ(exporter.stats().waiting, 0U);
    EXPECT_EQ(asked, 5);
}

TEST(TraceExport, SendsBatchesByItself)
{
    const HttpStub collector(answer(200));
    TraceExportConfig config = config_for(collector.url());
    config.batch = 10;
    OtlpTraceExporter full(config);
    for (int i = 0; i < 10; ++i)
        call(full);
    EXPECT_TRUE(eventually([&] { return full.stats().exported == 10; })) << "because a batch is full";
    config.interval = milliseconds(10);
    OtlpTraceExporter late(config);
    call(late);
    EXPECT_TRUE(eventually([&] { return late.stats().exported == 1; })) << "because the time is over";
}

TEST(TraceExport, EndsWithItsLastSpansAndRecordsNoMore)
{
    const HttpStub collector(answer(200));
    OtlpTraceExporter exporter(config_for(collector.url()));
    call(exporter);
    run(exporter.shutdown());
    EXPECT_EQ(exporter.stats().exported, 1U);
    call(exporter);
    EXPECT_EQ(exporter.stats().dropped, 1U);
    run(exporter.shutdown());
    run(exporter.flush());

    const HttpStub silent([](const StubRequest&) {
        StubAnswer never;
        never.black_hole = true;
        return never;
    });
    OtlpTraceExporter waiting(config_for(silent.url()));
    call(waiting);
    EXPECT_STORAGE_ERROR(run(waiting.shutdown(OperationContext::within(milliseconds(100)))), timeout);
}

TEST(TraceExport, ManyThreadsRecordAtOnce)
{
    const HttpStub collector(answer(200));
    TraceExportConfig config = config_for(collector.url());
    config.max_spans = 100'000;
    OtlpTraceExporter exporter(config);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 1000; ++n)
                call(exporter);
        });
    for (std::thread& thread : threads)
        thread.join();
    run(exporter.flush());
    EXPECT_EQ(exporter.stats().exported, 4000U);
    std::set<std::string> ids;
    for (const json::object& span : spans_of(collector))
        ids.emplace(span.at("spanId").as_string());
    EXPECT_EQ(ids.size(), 4000U);
}

TEST(TraceExport, OfALayerIsConfiguredAndNestsWhatStoresDoOnOthers)
{
    const HttpStub collector(answer(200));
    TestDirectory directory;
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.tracing.endpoint = collector.url();
    configuration.tracing.service_name = "kitchen";
    const auto storage = run(initialize_storage_layer(configuration));
    OperationContext context;
    context.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    run(storage->cache().get_conversation_context("channel", 10, std::nullopt, context));
    run(storage->close());

    std::map<std::string, json::object> of_trace; // by operation
    for (const json::object& span : spans_of(collector))
        if (span.at("traceId").as_string() == "4bf92f3577b34da6a3ce929d0e0e4736")
            of_trace[std::string(span.at("name").as_string())] = span;
    ASSERT_TRUE(of_trace.contains("get_conversation_context")) << "the last spans are sent when the layer closes";
    ASSERT_TRUE(of_trace.contains("read_history"));
    ASSERT_TRUE(of_trace.contains("execute_query"));
    EXPECT_EQ(of_trace["get_conversation_context"].at("parentSpanId").as_string(), "00f067aa0ba902b7");
    EXPECT_EQ(of_trace["read_history"].at("parentSpanId"), of_trace["get_conversation_context"].at("spanId"));
    EXPECT_EQ(of_trace["execute_query"].at("parentSpanId"), of_trace["read_history"].at("spanId"));
    EXPECT_NE(collector.requests().at(0).body.find("kitchen"), std::string::npos);
}

TEST(TraceExport, OfALayerWhoseCollectorIsAwayDisturbsNothing)
{
    TestDirectory directory;
    StorageConfiguration configuration = laptop_configuration(directory / "data");
    configuration.tracing.endpoint = "http://127.0.0.1:1";
    const auto storage = run(initialize_storage_layer(configuration));
    for (int i = 0; i < 100; ++i)
        run(storage->database().execute_query("SELECT 1"));
    run(storage->close());
}

class Tracer : public OperationObserver
{
public:
    std::uint64_t started(const OperationEvent&, OperationContext& context) noexcept override
    {
        context.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000aa-01";
        return 42;
    }
    void finished(const OperationEvent&, const OperationContext&, const OperationResult&,
                  std::uint64_t started) noexcept override
    {
        right += started == 42 ? 1 : 0;
    }
    int right = 0;
};

TEST(TraceExport, GoesBesideAnApplicationsOwnObserver)
{
    const HttpStub collector(answer(200));
    const auto exporter = std::make_shared<OtlpTraceExporter>(config_for(collector.url()));
    const auto tracer = std::make_shared<Tracer>();
    EXPECT_EQ(both_observers(nullptr, exporter), exporter);
    EXPECT_EQ(both_observers(tracer, nullptr), tracer);
    const auto both = both_observers(tracer, exporter);
    OperationContext context;
    const std::uint64_t started = both->started(event, context);
    both->finished(event, context, OperationResult(), started);
    EXPECT_EQ(tracer->right, 1);
    run(exporter->flush());
    EXPECT_EQ(spans_of(collector).at(0).at("parentSpanId").as_string(), "00000000000000aa");
}

} // namespace
} // namespace whisperstore::test
