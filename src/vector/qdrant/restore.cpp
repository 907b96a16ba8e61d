// Backups brought back.

#include "vector/qdrant/store.hpp"
#include "vector/server/archive_stream.hpp"

#include <array>
#include <random>

namespace whisperstore::qdrant {

namespace {

std::string some_name()
{
    std::random_device random;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string name;
    for (int i = 0; i < 8; ++i)
        name += digits[random() % digits.size()];
    return name;
}

} // namespace

awaitable<void> restore(Store& store, std::filesystem::path path, OperationContext context)
{
    const auto source = co_await vector_server::RestoreSource::open(std::move(path), store.backend(), context);
    co_await store.collections.clear_staged(context);
    const std::string mark = some_name();
    PendingRestore pending;
    for (const vector_archive::StoredCollection& collection : source->collections()) {
        PendingRestore::Staged staged;
        staged.name = collection.name;
        staged.collection = staged_name(collection.name, mark);
        staged.config = collection.config;
        co_await store.collections.make(staged.collection, collection.config, context);
        std::uint64_t documents = 0;
        while (true) {
            std::vector<VectorDocument> some = co_await vector_server::RestoreSource::next(source, collection, context);
            if (some.empty())
                break;
            documents += some.size();
            co_await upsert(store, staged.collection, true, std::move(some), context);
        }
        const std::uint64_t arrived = co_await count(store, staged.collection, Filter(), context);
        if (arrived != documents)
            throw StorageError(StorageErrc::unavailable,
                               "of " + std::to_string(documents) + " documents of the collection '" + staged.name +
                                   "' the server has " + std::to_string(arrived) + "; nothing was replaced");
        pending.collections.push_back(std::move(staged));
    }
    co_await store.collections.switch_to(std::move(pending), std::move(context));
}

} // namespace whisperstore::qdrant
