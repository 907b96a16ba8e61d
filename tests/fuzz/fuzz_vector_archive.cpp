// A damaged backup of collections is restored whole or refused, and then the old collections are there.

#include "fuzz/fuzz_target.hpp"
#include "fuzz/mutated_file.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/vector/local_qdrant_manager.hpp>

namespace whisperstore::fuzz {

namespace {

class Live
{
public:
    Live() : vectors_(configuration())
    {
        blocking::run(vectors_.initialize());
        CollectionConfig shape;
        shape.embedding_dimension = 4;
        blocking::run(vectors_.create_collection("memories", shape));
        store("old", {1, 0, 0, 0});
        store("older", {0, 1, 0, 0});
        blocking::run(vectors_.backup_collections(scratch_folder() + "/vector_good"));
        good_ = read_scratch(scratch_folder() + "/vector_good");
        blocking::run(vectors_.delete_document("memories", "older"));
        store("present", {0, 0, 1, 0});
        blocking::run(vectors_.backup_collections(scratch_folder() + "/vector_present"));
        present_ = documents();
    }

    void restore(const std::uint8_t* data, std::size_t size)
    {
        const std::string path = scratch_folder() + "/vector_archive";
        write_scratch(path, mutated(good_, data, size));
        if (!accepts([&] { blocking::run(vectors_.restore_collections(path)); })) {
            require(documents() == present_, "a refused archive changes nothing");
            return;
        }
        const std::string restored = documents();
        require(documents() == restored, "restored collections can be read");
        blocking::run(vectors_.restore_collections(scratch_folder() + "/vector_present"));
        require(documents() == present_, "the present collections are back");
    }

private:
    static VectorDatabaseConfig configuration()
    {
        VectorDatabaseConfig config;
        config.persist_directory = scratch_folder() + "/vectors";
        config.synchronous = "NORMAL";
        return config;
    }

    void store(const std::string& id, const std::vector<float>& embedding)
    {
        json::object metadata;
        metadata["user_id"] = "u1";
        blocking::run(vectors_.store_document("memories", id, "content of " + id, embedding, metadata));
    }

    /// Everything in every collection, each document found by a search as well.
    std::string documents()
    {
        std::string all;
        for (const std::string& name : blocking::run(vectors_.list_collections())) {
            const CollectionExport exported = blocking::run(vectors_.export_collection(name));
            all += name + json::serialize(exported.metadata.to_json());
            for (const VectorDocument& document : exported.documents)
                all += document.id + document.content + json::serialize(document.metadata);
            if (!exported.documents.empty()) {
                const auto hits = blocking::run(
                    vectors_.search_similar(name, exported.documents[0].embedding, exported.documents.size()));
                require(hits.size() == exported.documents.size(), "a search finds what is stored");
            }
        }
        return all;
    }

    LocalQdrantManager vectors_;
    std::string good_;
    std::string present_;
};

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static whisperstore::fuzz::Live live;
    live.restore(data, size);
    return 0;
}
