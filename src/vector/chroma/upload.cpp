#include "vector/chroma/upload.hpp"

#include "vector/chroma/answer.hpp"
#include "vector/chroma/request.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

namespace whisperstore::chroma {

namespace {

// The server takes about 40 MiB and is as fast with batches of these.
constexpr std::size_t largest_body = std::size_t(4) << 20U;
constexpr std::size_t most_documents = 500;
// It writes one batch at a time: two more are made and sent meanwhile.
constexpr std::size_t batches_in_flight = 3;

using Batch = std::vector<const VectorDocument*>;

/// The last of each id, in order.
std::vector<const VectorDocument*> last_of_each(const std::vector<VectorDocument>& documents)
{
    std::unordered_map<std::string_view, std::size_t> last;
    for (std::size_t i = 0; i < documents.size(); ++i)
        last.insert_or_assign(documents[i].id, i);
    std::vector<const VectorDocument*> kept;
    kept.reserve(last.size());
    for (std::size_t i = 0; i < documents.size(); ++i)
        if (last.at(documents[i].id) == i)
            kept.push_back(&documents[i]);
    return kept;
}

std::vector<Batch> batches_of(const std::vector<const VectorDocument*>& documents, std::size_t most)
{
    std::vector<Batch> batches;
    std::size_t size = 0;
    for (const VectorDocument* document : documents) {
        const std::size_t bytes = upsert_size(*document);
        if (batches.empty() || batches.back().size() >= most || size + bytes > largest_body) {
            batches.emplace_back();
            size = 0;
        }
        batches.back().push_back(document);
        size += bytes;
    }
    return batches;
}

/// What is shared by the batches of one call, all on one strand.
struct Work
{
    std::shared_ptr<Api> api;
    std::string collection;
    std::vector<Batch> batches;
    OperationContext context;
    std::size_t next = 0; ///< batch that nobody has
    std::size_t stored = 0;
    std::size_t total = 0;
    std::optional<StorageError> failure;
};

awaitable<void> store_batch(std::shared_ptr<Work> work, const Batch& batch)
{
    std::vector<std::string> ids;
    for (const VectorDocument* document : batch)
        ids.push_back(document->id);
    // Keys of an older version stay unless they are named: see layout.hpp.
    std::string ask = get_by_ids(ids, only_metadata);
    const std::string answer = co_await work->api->read(work->collection, "get", std::move(ask), work->context);
    std::map<std::string, std::set<std::string, std::less<>>, std::less<>> old_keys;
    for (RecordKeys& record : parse_keys(answer))
        old_keys.emplace(std::move(record.id), std::move(record.keys));
    std::string body = upsert(batch, old_keys);
    co_await work->api->write(work->collection, "upsert", std::move(body), work->context);
}

awaitable<void> work_off(std::shared_ptr<Work> work)
{
    while (work->next < work->batches.size() && !work->failure) {
        const Batch& batch = work->batches[work->next++];
        try {
            co_await store_batch(work, batch);
            work->stored += batch.size();
        } catch (const StorageError& error) {
            if (!work->failure)
                work->failure = error;
        }
    }
}

/// Those under way end by themselves when one fails: what they did is known then.
awaitable<void> work_together(std::shared_ptr<Work> work)
{
    const auto executor = co_await asio::this_coro::executor;
    using Worker = decltype(asio::co_spawn(executor, work_off(work), asio::deferred));
    std::vector<Worker> workers;
    for (std::size_t i = 0; i < std::min(work->batches.size(), batches_in_flight); ++i)
        workers.push_back(asio::co_spawn(executor, work_off(work), asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(workers));
    const auto [order, errors] = co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    for (const std::size_t worker : order)
        if (errors[worker])
            std::rethrow_exception(errors[worker]);
}

StorageError with_progress(const StorageError& error, const Work& work)
{
    if (work.stored == 0)
        return error;
    const StorageError told = error.prefixed(std::to_string(work.stored) + " of " + std::to_string(work.total) +
                                             " documents were stored, then: ");
    return told.with_outcome(Outcome::unknown);
}

} // namespace

awaitable<void> upload(std::shared_ptr<Api> api, std::string collection, const std::vector<VectorDocument>& documents,
                       OperationContext context)
{
    auto work = std::make_shared<Work>();
    const std::vector<const VectorDocument*> kept = last_of_each(documents);
    work->total = kept.size();
    work->batches = batches_of(kept, std::min(most_documents, api->largest_batch()));
    work->api = std::move(api);
    work->collection = std::move(collection);
    work->context = std::move(context);
    if (work->batches.size() < 2) {
        if (!work->batches.empty())
            co_await store_batch(work, work->batches.front());
        co_return;
    }
    const auto executor = co_await asio::this_coro::executor;
    auto strand = asio::make_strand(executor);
    awaitable<void> together = work_together(work);
    co_await asio::co_spawn(strand, std::move(together), asio::use_awaitable);
    if (work->failure)
        throw with_progress(*work->failure, *work);
}

} // namespace whisperstore::chroma
