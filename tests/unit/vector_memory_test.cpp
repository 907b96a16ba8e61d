// An index whose memory runs out at any allocation: what is committed is found all the same. A
// program of its own, because it replaces operator new.

#include "support/test_directory.hpp"
#include "vector/local_qdrant/archive.hpp"
#include "vector/local_qdrant/live_index.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

namespace {

// Allocations of this thread until one fails; negative: none fails.
thread_local int allocations_left = -1;

void* allocate(std::size_t size, std::size_t alignment)
{
    if (allocations_left == 0)
        throw std::bad_alloc();
    if (allocations_left > 0)
        --allocations_left;
    const std::size_t whole = (size + alignment - 1) / alignment * alignment;
    if (void* memory = std::aligned_alloc(alignment, whole == 0 ? alignment : whole))
        return memory;
    throw std::bad_alloc();
}

} // namespace

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment)
{
    return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace whisperstore::local_qdrant {
namespace {

std::vector<std::string> ids_in(const LiveIndex& index)
{
    std::vector<std::string> ids;
    const Selection selection(*index.get(), filter::eq("k", 1));
    selection.for_each(nullptr, [&](Slot slot) { ids.push_back(selection.snapshot().document(slot).id); });
    std::ranges::sort(ids);
    return ids;
}

TEST(LiveIndex, MissesNothingWhenMemoryRunsOut)
{
    const test::TestDirectory directory;
    CollectionConfig config;
    config.embedding_dimension = 3;
    make_collection_file(directory / "docs.db", "docs", config);
    sqlite::OpenOptions options;
    options.path = directory / "docs.db";
    options.synchronous = "OFF"; // the disk is not what is tested
    sqlite::Connection file(options);
    LiveIndex index(3);
    index.load(file, nullptr);

    std::vector<std::string> expected;
    int failures = 0;
    for (int round = 0; round < 400; ++round) {
        VectorDocument document{
            std::string("document ").append(std::to_string(1000 + round)), "x", {1, 0, 0}, json::object()};
        document.metadata["k"] = 1;
        document.metadata["shared by few"] = round / 3; // every list of documents is one that grows
        WrittenDocument written{document.id, write_row(file, 1, make_row(document)),
                                PackedMetadata(document.metadata, *index.paths()), document.embedding};
        expected.push_back(document.id);
        std::vector<WrittenDocument> batch;
        batch.push_back(std::move(written));

        allocations_left = round % 7;
        index.publish(std::move(batch), {});
        allocations_left = -1;
        if (index.broken()) {
            ++failures;
            index.load(file, nullptr);
        }
        ASSERT_FALSE(index.broken());
        ASSERT_EQ(ids_in(index), expected) << "allocation " << round % 7 << " failed";
    }
    EXPECT_GT(failures, 50);
}

} // namespace
} // namespace whisperstore::local_qdrant
