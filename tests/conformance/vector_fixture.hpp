#pragma once

#include "conformance/vector_conformance.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace whisperstore::test {

/// A vector that differs from those of other seeds, of any length but zero.
inline std::vector<float> some_vector(unsigned seed, std::size_t dimension = 4)
{
    std::vector<float> vector(dimension);
    std::uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
    for (float& component : vector) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        component = static_cast<float>(static_cast<double>(state >> 11) * 0x1p-52 - 1.0);
    }
    return vector;
}

/// "d7" for "d" and 7.
inline std::string numbered(std::string text, std::uint64_t number) { return text.append(std::to_string(number)); }

inline double cosine(std::span<const float> a, std::span<const float> b)
{
    double product = 0;
    double a_squares = 0;
    double b_squares = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
        a_squares += static_cast<double>(a[i]) * static_cast<double>(a[i]);
        b_squares += static_cast<double>(b[i]) * static_cast<double>(b[i]);
    }
    return product / std::sqrt(a_squares * b_squares);
}

/// A manager with one collection, "docs", of four dimensions.
class VectorFixture : public testing::TestWithParam<VectorBackend>
{
protected:
    void SetUp() override
    {
        vectors = GetParam().make(directory.path());
        run(vectors->initialize());
        create("docs", 4);
    }
    void TearDown() override
    {
        if (vectors)
            run(vectors->cleanup());
    }

    void create(const std::string& name, std::size_t dimension)
    {
        CollectionConfig config;
        config.embedding_dimension = dimension;
        run(vectors->create_collection(name, config));
    }
    static json::object meta(std::string_view text) { return parse_json_object(text, "metadata"); }
    static VectorDocument document(std::string id, std::vector<float> embedding, std::string_view metadata = "{}",
                                   std::string content = "content")
    {
        return VectorDocument{std::move(id), std::move(content), std::move(embedding), meta(metadata)};
    }
    void store(std::string id, std::vector<float> embedding, std::string_view metadata = "{}",
               std::string content = "content")
    {
        run(vectors->store_document("docs", std::move(id), std::move(content), embedding, meta(metadata)));
    }
    void store_all(std::vector<VectorDocument> documents)
    {
        run(vectors->store_documents("docs", std::move(documents)));
    }
    std::vector<SearchResult> search(std::vector<float> embedding, std::size_t limit = 10,
                                     const Filter& filter = Filter())
    {
        return run(vectors->search_similar("docs", embedding, limit, filter));
    }
    static std::vector<std::string> ids_of(const auto& results)
    {
        std::vector<std::string> ids;
        for (const auto& result : results)
            ids.push_back(result.id);
        return ids;
    }
    static std::vector<std::string> sorted_ids_of(const auto& results)
    {
        std::vector<std::string> ids = ids_of(results);
        std::ranges::sort(ids);
        return ids;
    }
    std::uint64_t count(const Filter& filter = Filter()) { return run(vectors->count_documents("docs", filter)); }
    std::vector<VectorDocument> everything(std::size_t page_size = 3, const Filter& filter = Filter())
    {
        std::vector<VectorDocument> all;
        std::optional<PageCursor> cursor;
        do {
            Page<VectorDocument> page = run(vectors->scroll("docs", page_size, cursor, filter));
            EXPECT_LE(page.items.size(), page_size);
            std::ranges::move(page.items, std::back_inserter(all));
            cursor = page.next;
        } while (cursor);
        return all;
    }

    TestDirectory directory;
    std::shared_ptr<VectorDatabaseManager> vectors;
};

} // namespace whisperstore::test
