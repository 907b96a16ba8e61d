#pragma once
// The disk level of the embedding cache: vectors by model and the text's SHA-256.

#include "sqlite/store.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore {

class EmbeddingCacheFile
{
public:
    struct Options
    {
        std::filesystem::path path;
        std::string model;
        std::size_t dimension = 0;
        std::size_t most = 0; ///< vectors of all models
        bool read_only = false;
    };
    using Vectors = std::map<std::string, std::vector<float>>; ///< by hash

    /// Opens or makes it; blocks. A damaged file of ours is made anew. Where another process writes it, it is read.
    /// Throws StorageError invalid_argument for a file that is something else; not_found when read-only and not there.
    explicit EmbeddingCacheFile(Options options);

    /// What it has of these. Says to the file that they were used.
    awaitable<Vectors> find(std::vector<std::string> hashes, OperationContext context);
    /// Adds vectors; does not wait until they are written. Of those used longest ago what is too many goes.
    void add(Vectors vectors);
    bool read_only() const noexcept { return store_->read_only(); }
    /// Why the last write failed; empty when it did not.
    std::string failure() const;
    void close() noexcept { store_->close(); }

private:
    class AddJob;
    class UsedJob;
    struct Shared; // with the jobs
    void open();

    Options options_;
    std::shared_ptr<Shared> shared_;
    std::unique_ptr<sqlite::Store> store_; // last: its threads end first
};

} // namespace whisperstore
