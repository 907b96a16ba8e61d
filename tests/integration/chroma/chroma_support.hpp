#pragma once

#include "servers/chroma_servers.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/vector/distributed_chromadb_manager.hpp>
#include <whisperstore/vector/http_chromadb_manager.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore::test {

/// One of many vectors, of any length.
inline std::vector<float> vector_number(std::uint64_t number, std::size_t dimension = 4)
{
    std::vector<float> vector(dimension);
    std::uint64_t state = number * 0x9E3779B97F4A7C15U + 1;
    for (float& component : vector) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        component = static_cast<float>(static_cast<double>(state >> 11) * 0x1p-52 - 1.0);
    }
    return vector;
}

inline std::string numbered(std::string text, std::uint64_t number) { return text.append(std::to_string(number)); }

inline VectorDocument document_number(std::uint64_t number, json::object metadata = {}, std::string prefix = "d",
                                      std::size_t dimension = 4)
{
    return VectorDocument{numbered(std::move(prefix), number), numbered("content ", number),
                          vector_number(number, dimension), std::move(metadata)};
}

/// A database of the run's server, and a manager on it with one collection, "docs", of four dimensions.
class ChromaFixture : public testing::Test
{
protected:
    void SetUp() override
    {
        vectors = manager();
        run(vectors->initialize());
        create("docs", 4);
    }
    void TearDown() override
    {
        if (vectors)
            run(vectors->cleanup());
    }

    VectorDatabaseConfig config() const
    {
        VectorDatabaseConfig config;
        config.host = "127.0.0.1";
        config.port = database.port();
        config.chroma_tenant = database.tenant();
        config.chroma_database = database.database();
        return config;
    }
    std::shared_ptr<VectorDatabaseManager> manager() const { return std::make_shared<HTTPChromaDBManager>(config()); }
    void create(const std::string& name, std::size_t dimension)
    {
        CollectionConfig shape;
        shape.embedding_dimension = dimension;
        run(vectors->create_collection(name, shape));
    }
    /// The server's id of a collection, by the server's name.
    std::string server_id(const std::string& name) const
    {
        const json::value answer = parse_json(database.ask("GET", "/collections/" + name).body, "collection");
        return std::string(answer.at("id").as_string());
    }
    /// As another program would.
    json::value call(const std::string& name, const std::string& what, const std::string& body) const
    {
        const ChromaAnswer answer = database.ask("POST", "/collections/" + server_id(name) + "/" + what, body);
        EXPECT_LT(answer.status, 300) << answer.body;
        return parse_json(answer.body, "answer");
    }
    static json::object meta(std::string_view text) { return parse_json_object(text, "metadata"); }
    std::vector<VectorDocument> scroll_all(std::size_t page_size, const Filter& filter = Filter(),
                                           const std::string& collection = "docs")
    {
        std::vector<VectorDocument> all;
        std::optional<PageCursor> cursor;
        do {
            Page<VectorDocument> page = run(vectors->scroll(collection, page_size, cursor, filter));
            EXPECT_LE(page.items.size(), page_size);
            std::ranges::move(page.items, std::back_inserter(all));
            cursor = page.next;
        } while (cursor);
        return all;
    }

    ChromaDatabase database;
    TestDirectory directory;
    std::shared_ptr<VectorDatabaseManager> vectors;
};

} // namespace whisperstore::test
