#include "core/failure.hpp"
#include "embedding/openai/embeddings_answer.hpp"
#include "protocol/http/client.hpp"
#include "protocol/http/status.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/embedding/openai_embedding_provider.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <span>
#include <utility>

namespace whisperstore {

namespace {

using Vectors = std::vector<std::vector<float>>;
using Clock = OperationContext::Clock;

constexpr std::chrono::milliseconds first_pause{200};
constexpr std::chrono::milliseconds longest_pause{5'000};
constexpr std::chrono::seconds longest_asked_pause{60};

void check_config(const EmbeddingConfig& config)
{
    const auto require = [](bool holds, const char* message) {
        if (!holds)
            throw StorageError(StorageErrc::invalid_argument, std::string("embedding: ") + message);
    };
    require(!config.model.empty(), "the model is not named");
    require(config.dimension > 0, "the dimension is 0");
    require(config.batch_size >= 1 && config.batch_size <= 2048, "the batch size is 1 to 2,048 texts");
    require(config.requests_in_flight >= 1 && config.requests_in_flight <= 64, "requests in flight are 1 to 64");
    require(config.connect_timeout.count() > 0 && config.attempt_timeout.count() > 0, "a timeout is more than 0 ms");
    require(config.max_retries >= 0, "the number of retries is negative");
    require(config.encoding_format.empty() || config.encoding_format == "float" || config.encoding_format == "base64",
            "the encoding format is base64, float or empty");
}

http::ClientConfig client_config(const EmbeddingConfig& config)
{
    http::ClientConfig out = http::ClientConfig::of_url(config.url, "the URL of the embedding server");
    if (out.base_path.ends_with("/embeddings"))
        throw StorageError(StorageErrc::invalid_argument,
                           "the URL of the embedding server ends before /embeddings, which is appended");
    if (!config.api_key.empty()) {
        if (!out.headers.empty())
            throw StorageError(StorageErrc::invalid_argument,
                               "the embedding server has an API key or user and password in its URL, not both");
        out.headers.push_back(http::Header{"Authorization", "Bearer " + config.api_key});
    }
    const bool tls = out.tls.enabled;
    out.tls = config.tls;
    out.tls.enabled = tls;
    out.backend = "openai";
    out.connect_timeout = config.connect_timeout;
    out.attempt_timeout = config.attempt_timeout;
    out.max_connections = std::max<std::size_t>(config.requests_in_flight, 16);
    out.max_waiting = 1024;
    constexpr std::size_t longest_number = 32;
    out.response_limit = std::max(out.response_limit, config.batch_size * config.dimension * longest_number);
    return out;
}

} // namespace

struct OpenAIEmbeddingProvider::State
{
    explicit State(EmbeddingConfig configuration) : config(std::move(configuration)), client(client_config(config))
    {
        std::random_device seed;
        random_state = (std::uint64_t(seed()) << 32U) | seed();
    }

    /// From 0 to 1. SplitMix64 (Steele, Lea, Flood 2014): its state is a counter, so threads share it without a lock.
    double random() noexcept
    {
        std::uint64_t bits = random_state.fetch_add(0x9E3779B97F4A7C15U, std::memory_order_relaxed);
        bits = (bits ^ (bits >> 30U)) * 0xBF58476D1CE4E5B9U;
        bits = (bits ^ (bits >> 27U)) * 0x94D049BB133111EBU;
        bits ^= bits >> 31U;
        return static_cast<double>(bits >> 11U) * 0x1.0p-53;
    }

    /// How long to wait before another attempt; throws the error where there is none.
    Clock::duration pause_after(const StorageError& error, int attempts, std::optional<std::chrono::seconds> asked,
                                const OperationContext& context)
    {
        if (!error.retryable() || attempts > config.max_retries)
            throw StorageError(error);
        const auto bound = std::min<Clock::duration>(longest_pause, first_pause * (1 << std::min(attempts - 1, 10)));
        auto pause =
            Clock::duration(static_cast<Clock::rep>(static_cast<double>(Clock::duration(bound).count()) * random()));
        if (asked)
            pause = std::max<Clock::duration>(pause, *asked);
        if (asked && *asked > longest_asked_pause)
            throw StorageError(error);
        if (context.deadline && Clock::now() + pause >= *context.deadline)
            throw StorageError(error);
        if (context.retry_budget && !context.retry_budget->try_take())
            throw StorageError(error);
        return pause;
    }

    /// What is shared by the requests of one call, all on one strand.
    struct Work
    {
        std::span<const std::string> texts;
        std::span<std::vector<float>> vectors;
        std::size_t next = 0; ///< text that no request has
        OperationContext context;
    };

    static awaitable<void> embed_batch(std::shared_ptr<State> self, std::span<const std::string> texts,
                                       std::span<std::vector<float>> vectors, OperationContext context);
    static awaitable<void> work_off(std::shared_ptr<State> self, std::shared_ptr<Work> work);
    static awaitable<void> embed_batches(std::shared_ptr<State> self, std::shared_ptr<Work> work);
    static awaitable<Vectors> embed(std::shared_ptr<State> self, std::vector<std::string> texts,
                                    OperationContext context);

    const EmbeddingConfig config;
    http::Client client;
    std::atomic<std::uint64_t> random_state{0};
};

/// One request, until it succeeds or must not be repeated.
awaitable<void> OpenAIEmbeddingProvider::State::embed_batch(std::shared_ptr<State> self,
                                                            std::span<const std::string> texts,
                                                            std::span<std::vector<float>> vectors,
                                                            OperationContext context)
{
    http::Request request;
    request.method = "POST";
    request.target = "/embeddings";
    request.headers.push_back(http::Header{"Content-Type", "application/json"});
    request.headers.push_back(http::Header{"Accept", "application/json"});
    request.body = openai::embeddings_request(self->config.model, texts, self->config.encoding_format);
    request.effect = http::Effect::read;
    for (int attempts = 1;; ++attempts) {
        std::optional<StorageError> error;
        std::optional<std::chrono::seconds> asked;
        try {
            const http::Response response = co_await self->client.send(request, context);
            if (response.ok()) {
                Vectors found = openai::parse_embeddings_answer(response.body, texts.size());
                for (std::vector<float>& vector : found)
                    openai::check_and_normalise(vector, self->config.dimension, self->config.model);
                std::move(found.begin(), found.end(), vectors.begin());
                co_return;
            }
            error = self->client.error_of(response, request);
            asked = http::retry_after(response);
        } catch (const StorageError& caught) {
            error = caught;
        }
        const auto pause = self->pause_after(*error, attempts, asked, context);
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, pause);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

awaitable<void> OpenAIEmbeddingProvider::State::work_off(std::shared_ptr<State> self, std::shared_ptr<Work> work)
{
    while (work->next < work->texts.size()) {
        const std::size_t first = work->next;
        const std::size_t count = std::min(self->config.batch_size, work->texts.size() - first);
        work->next += count;
        co_await embed_batch(self, work->texts.subspan(first, count), work->vectors.subspan(first, count),
                             work->context);
    }
}

awaitable<void> OpenAIEmbeddingProvider::State::embed_batches(std::shared_ptr<State> self, std::shared_ptr<Work> work)
{
    const auto executor = co_await asio::this_coro::executor;
    const std::size_t batches = (work->texts.size() + self->config.batch_size - 1) / self->config.batch_size;
    using Worker = decltype(asio::co_spawn(executor, work_off(self, work), asio::deferred));
    std::vector<Worker> workers;
    for (std::size_t i = 0; i < std::min(batches, self->config.requests_in_flight); ++i)
        workers.push_back(asio::co_spawn(executor, work_off(self, work), asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(workers));
    // The first failure cancels the others; all have ended when this does.
    const auto [order, errors] =
        co_await group.async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
    for (const std::size_t worker : order)
        if (errors[worker])
            std::rethrow_exception(errors[worker]);
}

awaitable<Vectors> OpenAIEmbeddingProvider::State::embed(std::shared_ptr<State> self, std::vector<std::string> texts,
                                                         OperationContext context)
{
    try {
        check_texts(texts);
        context.check_deadline("openai", "embed");
        Vectors vectors(texts.size());
        if (texts.size() <= self->config.batch_size) {
            if (!texts.empty())
                co_await embed_batch(self, texts, vectors, std::move(context));
            co_return vectors;
        }
        const auto work = std::make_shared<Work>(Work{texts, vectors, 0, std::move(context)});
        const auto executor = co_await asio::this_coro::executor;
        auto strand = asio::make_strand(executor);
        awaitable<void> batches = embed_batches(self, work);
        co_await asio::co_spawn(strand, std::move(batches), asio::use_awaitable);
        co_return vectors;
    } catch (...) {
        rethrow_as_storage_error("openai", "embed");
    }
}

OpenAIEmbeddingProvider::OpenAIEmbeddingProvider(EmbeddingConfig config)
{
    try {
        check_config(config);
        state_ = std::make_shared<State>(std::move(config));
    } catch (const StorageError& error) {
        throw error.within("openai", "configure");
    }
}

OpenAIEmbeddingProvider::~OpenAIEmbeddingProvider() = default;

awaitable<Vectors> OpenAIEmbeddingProvider::embed(std::vector<std::string> texts, OperationContext context)
{
    return State::embed(state_, std::move(texts), std::move(context));
}

std::size_t OpenAIEmbeddingProvider::dimension() const noexcept { return state_->config.dimension; }
std::string_view OpenAIEmbeddingProvider::model_name() const noexcept { return state_->config.model; }
std::string_view OpenAIEmbeddingProvider::provider_type() const noexcept { return "openai"; }

} // namespace whisperstore
