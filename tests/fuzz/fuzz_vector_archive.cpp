// Damaged backups of collections.

#include "fuzz/damaged_archive.hpp"
#include "fuzz/fuzz_target.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/vector/local_qdrant_manager.hpp>

namespace whisperstore::fuzz {

namespace {

VectorDatabaseConfig folder_of_vectors()
{
    VectorDatabaseConfig config;
    config.persist_directory = scratch_folder() + "/vectors";
    config.synchronous = "NORMAL";
    return config;
}

class VectorTarget final : public ArchiveTarget
{
public:
    VectorTarget() : ArchiveTarget("vector"), vectors_(folder_of_vectors())
    {
        blocking::run(vectors_.initialize());
        CollectionConfig shape;
        shape.embedding_dimension = 4;
        blocking::run(vectors_.create_collection("memories", shape));
        store("old", {1, 0, 0, 0});
        store("older", {0, 1, 0, 0});
        keep_old();
        blocking::run(vectors_.delete_document("memories", "older"));
        store("present", {0, 0, 1, 0});
        keep_present();
    }

private:
    void back_up(const std::string& path) override { blocking::run(vectors_.backup_collections(path)); }
    void restore(const std::string& path) override { blocking::run(vectors_.restore_collections(path)); }
    void check_restored() override { static_cast<void>(content()); }

    /// Everything in every collection; searches find as much.
    std::string content() override
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

    void store(const std::string& id, const std::vector<float>& embedding)
    {
        json::object metadata;
        metadata["user_id"] = "u1";
        blocking::run(vectors_.store_document("memories", id, "content of " + id, embedding, metadata));
    }

    LocalQdrantManager vectors_;
};

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static whisperstore::fuzz::VectorTarget target;
    target.try_damaged(data, size);
    return 0;
}
