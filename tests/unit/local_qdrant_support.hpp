#pragma once

#include "sqlite/connection.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/vector/local_qdrant_manager.hpp>

#include <gtest/gtest.h>

namespace whisperstore::test {

using Ids = std::vector<std::string>;

inline std::string numbered(std::string text, std::uint64_t number) { return text.append(std::to_string(number)); }

/// The ids of all documents that match, the most similar first.
inline Ids found_in(VectorDatabaseManager& manager, std::vector<float> query, const Filter& filter = Filter())
{
    Ids ids;
    for (const SearchResult& result : run(manager.search_similar("docs", query, 1000, filter)))
        ids.push_back(result.id);
    return ids;
}

/// A manager on an empty folder.
class LocalQdrantFixture : public testing::Test
{
protected:
    void SetUp() override
    {
        vectors = manager();
        run(vectors->initialize());
    }
    void TearDown() override
    {
        if (reader_)
            run(reader_->cleanup());
        run(vectors->cleanup());
    }

    std::filesystem::path folder() const { return directory / "vectors"; }
    std::shared_ptr<LocalQdrantManager> manager(bool read_only = false) const
    {
        VectorDatabaseConfig config;
        config.persist_directory = folder();
        config.read_only = read_only;
        config.hnsw_threshold = hnsw_threshold;
        return std::make_shared<LocalQdrantManager>(config);
    }
    std::shared_ptr<LocalQdrantManager> open_reader()
    {
        reader_ = manager(true);
        run(reader_->initialize());
        return reader_;
    }
    void reopen()
    {
        run(vectors->cleanup());
        vectors = manager();
        run(vectors->initialize());
    }
    void create(const std::string& name, std::size_t dimension)
    {
        CollectionConfig config;
        config.embedding_dimension = dimension;
        run(vectors->create_collection(name, config));
    }
    void store(std::string id, std::vector<float> embedding, std::string_view metadata = "{}",
               std::string content = "x")
    {
        run(vectors->store_document("docs", std::move(id), std::move(content), embedding,
                                    parse_json_object(metadata, "metadata")));
    }
    Ids found(std::vector<float> query, const Filter& filter = Filter())
    {
        return found_in(*vectors, std::move(query), filter);
    }
    static Ids found(std::vector<float> query, const Filter& filter, VectorDatabaseManager& manager)
    {
        return found_in(manager, std::move(query), filter);
    }
    /// Changes a file behind the manager's back.
    void edit(const std::filesystem::path& file, const std::string& statements) const
    {
        sqlite::OpenOptions options;
        options.path = folder() / file; // an absolute path stays what it is
        sqlite::Connection connection(options);
        connection.execute(statements);
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    TestDirectory directory;
    std::size_t hnsw_threshold = 20'000;
    std::shared_ptr<LocalQdrantManager> vectors;

private:
    std::shared_ptr<LocalQdrantManager> reader_;
};

} // namespace whisperstore::test
