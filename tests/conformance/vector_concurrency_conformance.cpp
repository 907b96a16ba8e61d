// What holds when many use a vector manager at once.

#include "conformance/vector_fixture.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace whisperstore::test {
namespace {

class ConcurrentVectors : public VectorFixture
{
};
/// What is promised only where a batch is stored whole: servers take it in parts.
class AtomicVectors : public VectorFixture
{
};

std::vector<VectorBackend> atomic_backends()
{
    std::vector<VectorBackend> backends = vector_backends();
    std::erase_if(backends, [](const VectorBackend& backend) { return !backend.atomic_batches; });
    return backends;
}

INSTANTIATE_TEST_SUITE_P(Backends, ConcurrentVectors, testing::ValuesIn(vector_backends()),
                         [](const auto& backend) { return backend.param.name; });
INSTANTIATE_TEST_SUITE_P(Backends, AtomicVectors, testing::ValuesIn(atomic_backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(ConcurrentVectors, AnAcknowledgedWriteIsFoundByTheNextSearch)
{
    const std::size_t rounds = GetParam().rounds(60, 4);
    const auto writer = [&](unsigned number) -> awaitable<int> {
        int missed = 0;
        for (unsigned i = 0; i < rounds; ++i) {
            const std::string id = numbered("w", number) + numbered(".", i);
            const std::vector<float> embedding = some_vector(number * 1000 + i);
            json::object metadata;
            metadata["writer"] = number;
            co_await vectors->store_document("docs", id, "x", embedding, metadata);
            Filter own = filter::eq("writer", json::value(number));
            const auto found = co_await vectors->search_similar("docs", embedding, 1, own);
            missed += found.size() == 1 && found[0].id == id ? 0 : 1;
            const bool deleted = co_await vectors->delete_document("docs", id);
            const auto left = co_await vectors->search_similar("docs", embedding, 1000, own);
            for (const SearchResult& result : left)
                missed += result.id == id ? 1 : 0;
            missed += deleted ? 0 : 1;
            co_await vectors->store_document("docs", id, "x", embedding, metadata);
        }
        co_return missed;
    };
    std::vector<std::future<int>> all;
    for (unsigned i = 0; i < 8; ++i)
        all.push_back(start(writer(i)));
    for (auto& one : all)
        EXPECT_EQ(wait(std::move(one)), 0);
    EXPECT_EQ(count(), 8 * rounds);
}

TEST_P(AtomicVectors, ASearchSeesOneState)
{
    // Every batch replaces all documents by ones of the next version: no search may see two.
    const auto batch_of = [](int version) {
        std::vector<VectorDocument> batch;
        for (unsigned i = 0; i < 40; ++i) {
            VectorDocument one{numbered("d", i), std::to_string(version), some_vector(i), json::object()};
            one.metadata["version"] = version;
            one.metadata["group"] = "g";
            batch.push_back(std::move(one));
        }
        return batch;
    };
    store_all(batch_of(0));
    std::atomic<bool> done = false;
    const auto writer = [&]() -> awaitable<void> {
        for (int version = 1; version <= 150; ++version) {
            std::vector<VectorDocument> batch = batch_of(version);
            co_await vectors->store_documents("docs", std::move(batch));
        }
        done = true;
    };
    const auto reader = [&](bool filtered) -> awaitable<int> {
        const std::vector<float> query = some_vector(7);
        int searches = 0;
        while (!done) {
            Filter filter = filtered ? filter::eq("group", json::value("g")) : Filter();
            const auto found = co_await vectors->search_similar("docs", query, 100, filter);
            EXPECT_EQ(found.size(), 40U);
            for (const SearchResult& result : found) {
                EXPECT_EQ(result.content, found[0].content);
                EXPECT_EQ(std::to_string(result.metadata.at("version").as_int64()), result.content);
            }
            const std::uint64_t counted = co_await vectors->count_documents("docs", filter);
            EXPECT_EQ(counted, 40U);
            ++searches;
        }
        co_return searches;
    };
    auto writing = start(writer());
    std::vector<std::future<int>> reading;
    for (const bool filtered : {false, true, false})
        reading.push_back(start(reader(filtered)));
    wait(std::move(writing));
    for (auto& one : reading)
        EXPECT_GT(wait(std::move(one)), 0);
}

TEST_P(AtomicVectors, DeletionsByFilterAreWhole)
{
    const auto worker = [this](unsigned number) -> awaitable<void> {
        Filter own = filter::eq("worker", json::value(number));
        for (int round = 0; round < 20; ++round) {
            std::vector<VectorDocument> batch;
            for (unsigned i = 0; i < 25; ++i) {
                VectorDocument one{numbered(numbered("", number) + ".", i), "x", some_vector(i), json::object()};
                one.metadata["worker"] = number;
                batch.push_back(std::move(one));
            }
            co_await vectors->store_documents("docs", std::move(batch));
            const std::uint64_t deleted = co_await vectors->delete_documents("docs", own);
            EXPECT_EQ(deleted, 25U);
        }
    };
    std::vector<std::future<void>> all;
    for (unsigned i = 0; i < 8; ++i)
        all.push_back(start(worker(i)));
    for (auto& one : all)
        wait(std::move(one));
    EXPECT_EQ(count(), 0U);
}

TEST_P(AtomicVectors, ABackupUnderWritesIsConsistent)
{
    std::atomic<bool> done = false;
    std::atomic<int> written = 0;
    const auto writer = [&]() -> awaitable<void> {
        for (unsigned version = 0; !done; ++version) {
            std::vector<VectorDocument> batch;
            for (unsigned i = 0; i < 20; ++i)
                batch.push_back(
                    VectorDocument{numbered("d", i), std::to_string(version), some_vector(i), json::object()});
            co_await vectors->store_documents("docs", std::move(batch));
            ++written;
        }
    };
    auto writing = start(writer());
    EXPECT_TRUE(eventually([&] { return written > 0; }));
    for (int i = 0; i < 5; ++i)
        run(vectors->backup_collections(directory / numbered("backup", i)));
    done = true;
    wait(std::move(writing));
    for (int i = 0; i < 5; ++i) {
        run(vectors->restore_collections(directory / numbered("backup", i)));
        const std::vector<VectorDocument> all = everything(100);
        ASSERT_EQ(all.size(), 20U);
        for (const VectorDocument& one : all)
            EXPECT_EQ(one.content, all[0].content);
    }
}

TEST_P(ConcurrentVectors, CollectionsComeAndGoUnderOperations)
{
    std::atomic<bool> done = false;
    const auto user = [&]() -> awaitable<void> {
        const std::vector<float> query = some_vector(1, 3);
        while (!done) {
            co_await asio::post(asio::use_awaitable); // an error comes without suspending
            try {
                co_await vectors->store_document("passing", "a", "x", query);
                co_await vectors->search_similar("passing", query, 1);
            } catch (const StorageError& error) {
                EXPECT_TRUE(error.errc() == StorageErrc::not_found || error.errc() == StorageErrc::unavailable)
                    << error.what();
            }
        }
    };
    std::vector<std::future<void>> users;
    for (int i = 0; i < 3; ++i)
        users.push_back(start(user()));
    for (int i = 0; i < 15; ++i) {
        create("passing", 3);
        EXPECT_TRUE(run(vectors->delete_collection("passing")));
    }
    done = true;
    for (auto& one : users)
        wait(std::move(one));
    EXPECT_EQ(run(vectors->list_collections()), std::vector<std::string>{"docs"});
}

} // namespace
} // namespace whisperstore::test
