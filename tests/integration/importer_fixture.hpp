#pragma once
// A layer into which files are imported.

#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/message_importer.hpp>

#include <set>

namespace whisperstore::test {

class MessageImporter : public testing::Test
{
protected:
    void SetUp() override { storage = open("data"); }
    void TearDown() override { run(storage->close()); }

    std::shared_ptr<StorageLayer> open(const std::string& name, const std::string& graph = "sqlite")
    {
        StorageConfiguration configuration = laptop_configuration(directory / name);
        configuration.graph_database.type = graph;
        return run(initialize_storage_layer(configuration));
    }
    ImportReport import_lines(const std::string& lines)
    {
        write_file(directory / "lines.jsonl", lines);
        return run(import_messages(*storage, directory / "lines.jsonl"));
    }
    void write_sample(const std::vector<SampleMessage>& messages)
    {
        write_messages(directory / "messages.jsonl", messages);
        write_embeddings(directory / "messages.f32", messages);
    }
    ImportOptions with_embeddings() const
    {
        ImportOptions options;
        options.embeddings = directory / "messages.f32";
        return options;
    }
    ImportReport import_sample(StorageLayer& layer, ImportOptions options = ImportOptions())
    {
        return run(import_messages(layer, directory / "messages.jsonl", std::move(options)));
    }
    ImportReport import_sample(ImportOptions options = ImportOptions())
    {
        return import_sample(*storage, std::move(options));
    }
    QueryResult query(const std::string& sql) { return run(storage->database().execute_query(sql)); }
    std::int64_t count(const std::string& from)
    {
        return query("SELECT count(*) AS n FROM " + from).rows[0]["n"].as_int();
    }
    /// REPLIES_TO edges as "5>3".
    std::set<std::string> replies()
    {
        std::set<std::string> out;
        for (const Row& row :
             query("SELECT source_id, target_id FROM relationships WHERE relationship_type = 'REPLIES_TO'"))
            out.insert(std::string(row["source_id"].as_text()) + ">" + std::string(row["target_id"].as_text()));
        return out;
    }

    /// The import fails with `code`, names all of `words`, and leaves everything as it was.
    void expect_refused(const std::filesystem::path& messages, ImportOptions options, StorageErrc code,
                        const std::vector<std::string>& words)
    {
        const Dump before = run(dump(*storage));
        const StorageError error = error_of([&] { run(import_messages(*storage, messages, options)); });
        EXPECT_EQ(to_string(error.errc()), to_string(code)) << error.what();
        for (const std::string& word : words)
            EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << word << " in: " << error.what();
        EXPECT_FALSE(error.operation().empty());
        EXPECT_EQ(difference(run(dump(*storage)), before), "");
        EXPECT_EQ(run(storage->cache().get_cache_stats()).total_cached_messages, 0U);
    }
    void expect_refused(const std::string& lines, StorageErrc code, const std::vector<std::string>& words)
    {
        write_file(directory / "lines.jsonl", lines);
        expect_refused(directory / "lines.jsonl", ImportOptions(), code, words);
    }

    TestDirectory directory;
    std::shared_ptr<StorageLayer> storage;
};

} // namespace whisperstore::test
