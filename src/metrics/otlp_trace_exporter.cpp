#include "core/job.hpp"
#include "metrics/span.hpp"
#include "protocol/http/client.hpp"
#include "protocol/http/status.hpp"

#include <whisperstore/metrics/otlp_trace_exporter.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>
#include <deque>
#include <random>
#include <thread>

namespace whisperstore {

namespace {

using metrics::Span;
using metrics::TraceParent;

constexpr std::string_view component = "tracing";
constexpr std::size_t longest_message = 300;
constexpr std::chrono::milliseconds first_backoff{500};

http::ClientConfig client_config(const TraceExportConfig& config)
{
    http::ClientConfig out = http::ClientConfig::of_url(config.endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT");
    out.backend = "otlp";
    out.max_connections = 1;
    out.attempt_timeout = config.timeout;
    out.breaker.failures = 1'000'000; // the pauses here are enough
    out.response_limit = std::size_t(64) * 1024;
    return out;
}

/// The spans that a collector took but threw away, as it says (`partialSuccess`).
std::uint64_t rejected_in(const std::string& body)
{
    boost::system::error_code error;
    const json::value answer = json::parse(body, error);
    if (error || !answer.is_object())
        return 0; // it need not say anything
    const json::value* partial = answer.get_object().if_contains("partialSuccess");
    const json::value* rejected =
        partial && partial->is_object() ? partial->get_object().if_contains("rejectedSpans") : nullptr;
    if (!rejected)
        return 0;
    std::uint64_t number = 0; // 64-bit numbers are strings, but not all write them so
    if (rejected->is_string())
        std::from_chars(rejected->get_string().data(), rejected->get_string().data() + rejected->get_string().size(),
                        number);
    else if (rejected->is_int64() && rejected->get_int64() > 0)
        number = static_cast<std::uint64_t>(rejected->get_int64());
    return number;
}

/// Of one attempt to send a batch.
struct Sent
{
    enum class Verdict
    {
        arrived,
        lost,  ///< refused, or nobody knows
        again, ///< it certainly did not arrive
    };
    Verdict verdict = Verdict::arrived;
    std::uint64_t rejected = 0;
    std::string trouble;
    std::chrono::milliseconds pause{0}; ///< that the collector asks for
};

} // namespace

json::object TraceExportStats::to_json() const
{
    json::object out;
    out["recorded"] = recorded;
    out["exported"] = exported;
    out["dropped"] = dropped;
    out["failed"] = failed;
    out["waiting"] = waiting;
    return out;
}

struct OtlpTraceExporter::State
{
    State(TraceExportConfig settings, Logger to)
        : config(std::move(settings)), logger(std::move(to)), client(client_config(config)), seed(random_seed())
    {
    }

    const TraceExportConfig config;
    const Logger logger;
    http::Client client;
    const std::uint64_t seed;
    std::atomic<std::uint64_t> ids{0};

    mutable std::mutex mutex; // of the following
    std::deque<Span> queue;
    std::size_t on_their_way = 0;
    TraceExportStats stats;
    bool stopping = false;
    bool ended = false;
    std::vector<std::shared_ptr<Job>> flushing;

    asio::io_context io{1};
    asio::steady_timer wake{io}; // on the thread
    std::thread thread;

    static std::uint64_t random_seed()
    {
        std::random_device device;
        return std::uint64_t(device()) << 32U | device();
    }

    /// The next of a sequence without repetitions that looks random (splitmix64); never 0.
    std::uint64_t next_id() noexcept
    {
        std::uint64_t z = seed + ids.fetch_add(1, std::memory_order_relaxed) * 0x9e3779b97f4a7c15U;
        z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27U) * 0x94d049bb133111ebU;
        z ^= z >> 31U;
        return z == 0 ? 1 : z;
    }

    bool is_chosen(std::uint64_t random) const noexcept
    {
        return static_cast<double>(random >> 11U) * 0x1p-53 < config.sampling_ratio;
    }

    void log(LogLevel level, const std::string& message) const
    {
        if (logger)
            logger(level, component, message);
    }

    void record(Span&& span)
    {
        bool is_batch = false;
        {
            const std::lock_guard lock(mutex);
            ++stats.recorded;
            if (stopping || queue.size() + on_their_way >= config.max_spans) {
                ++stats.dropped;
                return;
            }
            queue.push_back(std::move(span));
            is_batch = queue.size() == config.batch;
        }
        if (is_batch)
            wake_up();
    }

    void wake_up()
    {
        asio::post(io, [this] { wake.cancel(); });
    }

    std::vector<Span> take()
    {
        const std::lock_guard lock(mutex);
        std::vector<Span> batch;
        while (!queue.empty() && batch.size() < config.batch) {
            batch.push_back(std::move(queue.front()));
            queue.pop_front();
        }
        on_their_way = batch.size();
        return batch;
    }

    /// Books a batch. Returns false when the rest has to wait, too.
    bool settle(std::vector<Span>& batch, const Sent& sent)
    {
        const std::lock_guard lock(mutex);
        on_their_way = 0;
        switch (sent.verdict) {
        case Sent::Verdict::arrived: {
            const std::uint64_t rejected = std::min<std::uint64_t>(sent.rejected, batch.size());
            stats.exported += batch.size() - rejected;
            stats.failed += rejected;
            return true;
        }
        case Sent::Verdict::lost:
            stats.failed += batch.size();
            return true;
        case Sent::Verdict::again:
            break;
        }
        if (stopping) {
            stats.failed += batch.size() + queue.size();
            queue.clear();
            return false;
        }
        for (auto span = batch.rbegin(); span != batch.rend(); ++span)
            queue.push_front(std::move(*span));
        return false;
    }

    awaitable<Sent> send(const std::vector<Span>& batch)
    {
        http::Request request;
        request.method = "POST";
        request.target = "/v1/traces";
        request.headers.push_back(http::Header{"Content-Type", "application/json"});
        request.body = metrics::otlp_json(batch, config.service_name);
        request.effect = http::Effect::write;
        Sent sent;
        try {
            const OperationContext context = OperationContext::within(config.timeout);
            const http::Response response = co_await client.send(request, context);
            if (response.ok()) {
                sent.rejected = rejected_in(response.body);
                if (sent.rejected > 0)
                    sent.trouble = "the collector rejected " + std::to_string(sent.rejected) + " spans";
                co_return sent;
            }
            // Statuses by which a collector says that it took nothing and may be asked again (OTLP specification).
            const bool again = response.status == 429 || response.status == 503;
            sent.verdict = again ? Sent::Verdict::again : Sent::Verdict::lost;
            sent.trouble = client.error_of(response, request).message();
            sent.pause = http::retry_after(response).value_or(std::chrono::seconds(0));
        } catch (const StorageError& error) {
            const bool again = error.retryable() && error.outcome() == Outcome::not_applied;
            sent.verdict = again ? Sent::Verdict::again : Sent::Verdict::lost;
            sent.trouble = error.message();
        }
        co_return sent;
    }

    awaitable<void> pause(std::chrono::milliseconds time)
    {
        {
            const std::lock_guard lock(mutex);
            if (stopping || !flushing.empty())
                co_return;
        }
        wake.expires_after(time);
        boost::system::error_code woken; // the caller looks why
        auto token = asio::redirect_error(asio::use_awaitable, woken);
        co_await wake.async_wait(token);
    }

    std::vector<std::shared_ptr<Job>> take_flushing()
    {
        const std::lock_guard lock(mutex);
        return std::exchange(flushing, {});
    }

    static void complete(const std::vector<std::shared_ptr<Job>>& jobs)
    {
        for (const auto& job : jobs)
            if (job->begin())
                job->complete();
    }

    bool is_stopping() const
    {
        const std::lock_guard lock(mutex);
        return stopping;
    }

    /// Nobody waits for what comes after the end.
    void end()
    {
        std::vector<std::shared_ptr<Job>> jobs;
        {
            const std::lock_guard lock(mutex);
            ended = true;
            jobs.swap(flushing);
        }
        complete(jobs);
    }

    awaitable<void> run()
    {
        std::chrono::milliseconds backoff{0};
        bool in_trouble = false;
        while (true) {
            const std::chrono::milliseconds time = backoff.count() > 0 ? backoff : config.interval;
            co_await pause(time);
            const bool is_last = is_stopping();
            const std::vector<std::shared_ptr<Job>> flushed = take_flushing();
            backoff = std::chrono::milliseconds(0);
            for (std::vector<Span> batch = take(); !batch.empty(); batch = take()) {
                const Sent sent = co_await send(batch);
                if (!sent.trouble.empty() && !in_trouble)
                    log(LogLevel::warning, "spans do not arrive at the collector: " + sent.trouble);
                if (sent.trouble.empty() && in_trouble)
                    log(LogLevel::info, "spans arrive at the collector again");
                in_trouble = !sent.trouble.empty();
                if (settle(batch, sent))
                    continue;
                backoff = std::clamp(std::max(sent.pause, time * 2), first_backoff, config.max_backoff);
                break;
            }
            complete(flushed);
            if (is_last)
                co_return;
        }
    }
};

OtlpTraceExporter::OtlpTraceExporter(TraceExportConfig config, Logger logger)
    : state_([&] {
          if (!(config.sampling_ratio >= 0 && config.sampling_ratio <= 1))
              throw StorageError(StorageErrc::invalid_argument, "the sampling ratio of traces is " +
                                                                    std::to_string(config.sampling_ratio) +
                                                                    "; allowed: 0 to 1");
          if (config.batch == 0 || config.max_spans < config.batch)
              throw StorageError(StorageErrc::invalid_argument,
                                 "a batch of spans has at least one, and no more than are kept");
          return std::make_shared<State>(std::move(config), std::move(logger));
      }())
{
    // It ends by shutdown(), or for want of memory.
    asio::co_spawn(state_->io, state_->run(), [state = state_.get()](const std::exception_ptr&) { state->end(); });
    state_->thread = std::thread([state = state_.get()] { state->io.run(); });
}

OtlpTraceExporter::~OtlpTraceExporter()
{
    state_->io.stop();
    state_->thread.join();
    state_->end();
}

std::uint64_t OtlpTraceExporter::started(const OperationEvent&, OperationContext& context) noexcept
{
    try {
        const std::optional<TraceParent> parent = metrics::parse_trace_parent(context.trace);
        TraceParent self;
        if (parent) {
            self = *parent;
        } else {
            self.trace_high = state_->next_id();
            self.trace_low = state_->next_id();
            self.sampled = state_->is_chosen(self.trace_low);
        }
        self.span = state_->next_id();
        context.trace = self.to_string();
        return parent ? parent->span : 0;
    } catch (const std::bad_alloc&) {
        context.trace.clear(); // finished() sees that there is no span
        return 0;
    }
}

void OtlpTraceExporter::finished(const OperationEvent& event, const OperationContext& context,
                                 const OperationResult& result, std::uint64_t started) noexcept
{
    const std::optional<TraceParent> self = metrics::parse_trace_parent(context.trace);
    if (!self || !self->sampled)
        return;
    try {
        Span span;
        span.self = *self;
        span.parent = started;
        span.end = std::chrono::system_clock::now();
        span.duration = result.duration;
        span.layer = event.layer;
        span.backend = event.backend;
        span.endpoint = event.endpoint;
        span.operation = event.operation;
        span.tenant = context.tenant;
        span.attempts = result.attempts;
        span.error = result.error;
        span.message = result.message.substr(0, longest_message);
        state_->record(std::move(span));
    } catch (const std::bad_alloc&) {
        const std::lock_guard lock(state_->mutex);
        ++state_->stats.recorded;
        ++state_->stats.dropped;
    }
}

awaitable<void> OtlpTraceExporter::flush(OperationContext context)
{
    class Waiting : public Job
    {
    };
    const std::shared_ptr<State> state = state_;
    std::function<void(std::shared_ptr<Job>)> submit = [state](std::shared_ptr<Job> job) {
        {
            const std::lock_guard lock(state->mutex);
            if (!state->ended)
                state->flushing.push_back(std::exchange(job, nullptr));
        }
        if (!job)
            state->wake_up();
        else if (job->begin())
            job->complete();
    };
    auto waiting = std::make_shared<Waiting>();
    co_await Job::wait(std::move(waiting), std::move(submit), std::move(context));
}

awaitable<void> OtlpTraceExporter::shutdown(OperationContext context)
{
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    co_await flush(std::move(context));
}

TraceExportStats OtlpTraceExporter::stats() const
{
    const std::lock_guard lock(state_->mutex);
    TraceExportStats stats = state_->stats;
    stats.waiting = state_->queue.size() + state_->on_their_way;
    return stats;
}

} // namespace whisperstore
