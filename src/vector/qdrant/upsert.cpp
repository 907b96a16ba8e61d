// Documents on their way to the server.

#include "vector/about_text.hpp"
#include "vector/qdrant/layout.hpp"
#include "vector/qdrant/store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace whisperstore::qdrant {

namespace {

// Far below the 32 MB that a server takes at once, and enough that the request itself costs nothing.
constexpr std::size_t batch_bytes = std::size_t(4) << 20U;
constexpr std::size_t batches_in_flight = 2;

/// Of one call, all on one strand.
struct Work
{
    Store& store;
    const std::string collection;
    const bool with_words;
    const std::vector<VectorDocument> documents;
    const OperationContext context;
    std::size_t next = 0;
    std::size_t stored = 0;
};

/// As many of the next documents as a request takes; at least one.
std::string next_body(Work& work, std::size_t& count)
{
    std::string body = "{\"points\":[";
    for (count = 0; work.next < work.documents.size() && body.size() < batch_bytes; ++count) {
        const VectorDocument& document = work.documents[work.next++];
        if (count > 0)
            body += ',';
        if (work.with_words) {
            const SparseVector words = work.store.words.of_document(document.content, about_text(document.metadata));
            append_point(body, document, &words);
        } else {
            append_point(body, document, nullptr);
        }
    }
    body += "]}";
    return body;
}

awaitable<void> send_batches(std::shared_ptr<Work> work)
{
    while (work->next < work->documents.size()) {
        std::size_t count = 0;
        Call call{"PUT", work->store.server.write_target(work->collection, "/points"), next_body(*work, count),
                  http::Effect::repeatable_write};
        const std::string answer = co_await work->store.server.send(std::move(call), work->context);
        check_completed(answer);
        work->stored += count;
    }
}

awaitable<void> send_side_by_side(std::shared_ptr<Work> work)
{
    const auto executor = co_await asio::this_coro::executor;
    using Worker = decltype(asio::co_spawn(executor, send_batches(work), asio::deferred));
    std::vector<Worker> workers;
    for (std::size_t i = 0; i < batches_in_flight; ++i)
        workers.push_back(asio::co_spawn(executor, send_batches(work), asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(workers));
    // The first failure cancels the others; all have ended when this does.
    const auto [order, errors] =
        co_await group.async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
    for (const std::size_t worker : order)
        if (errors[worker])
            std::rethrow_exception(errors[worker]);
}

std::size_t size_of(const VectorDocument& document) noexcept
{
    constexpr std::size_t around_it = 1024; // ids, keys, the smaller metadata
    constexpr std::size_t component = 13;
    return around_it + document.content.size() + document.embedding.size() * component;
}

} // namespace

awaitable<void> upsert(Store& store, std::string collection, bool with_words, std::vector<VectorDocument> documents,
                       OperationContext context)
{
    std::size_t bytes = 0;
    for (const VectorDocument& document : documents)
        bytes += size_of(document);
    auto work = std::make_shared<Work>(
        Work{store, std::move(collection), with_words, std::move(documents), std::move(context)});
    std::optional<StorageError> failure;
    try {
        if (bytes < batch_bytes) {
            co_await send_batches(work);
        } else {
            const auto executor = co_await asio::this_coro::executor;
            auto strand = asio::make_strand(executor);
            awaitable<void> batches = send_side_by_side(work);
            co_await asio::co_spawn(strand, std::move(batches), asio::use_awaitable);
        }
    } catch (const StorageError& error) {
        failure = error;
    }
    if (!failure)
        co_return;
    if (work->stored == 0)
        throw StorageError(*failure);
    throw failure
        ->prefixed(std::to_string(work->stored)
                       .append(" of ")
                       .append(std::to_string(work->documents.size()))
                       .append(" documents were stored, then: "))
        .with_outcome(Outcome::unknown);
}

} // namespace whisperstore::qdrant
