#pragma once
// The open folder of a manager: its lock, its collections, and the changes to the set of them.

#include "vector/local_qdrant/collection.hpp"
#include "vector/local_qdrant/stoppable.hpp"

#include <whisperstore/vector/vector_database_config.hpp>

#include <map>

namespace whisperstore::local_qdrant {

class OpenStore : public std::enable_shared_from_this<OpenStore>
{
public:
    /// Takes the lock, recovers, and opens every collection; blocks.
    OpenStore(const VectorDatabaseConfig& config, sqlite::Stopper& stopper);
    ~OpenStore();
    OpenStore(const OpenStore&) = delete;
    OpenStore& operator=(const OpenStore&) = delete;

    /// A collection, brought up to what the folder holds. Throws StorageError not_found, corrupt, unavailable.
    awaitable<std::shared_ptr<Collection>> find(std::string name, OperationContext context);
    /// As find(), but blocks where a file is to be opened.
    std::shared_ptr<Collection> find_blocking(const std::string& name, const CheckPoint& check);
    std::vector<std::string> names() const;
    const StoreDirectory& directory() const noexcept { return directory_; }
    /// Throws StorageError permission when it was opened read-only.
    void check_writable(std::string_view what) const;

    /// \name Blocking; one at a time
    ///@{
    void create(const std::string& name, const CollectionConfig& config);
    bool remove(const std::string& name);
    void back_up(const std::filesystem::path& path, sqlite::Stopper& stopper);
    void restore(const std::filesystem::path& path, sqlite::Stopper& stopper);
    ///@}

    /// Ends running work; later operations are `closed`. Blocks.
    void close() noexcept;

private:
    struct Entry
    {
        std::shared_ptr<Collection> collection;
        std::optional<StorageError> damage; ///< why there is none
    };
    Entry open(const std::string& name, const CheckPoint& check) const;
    /// Opens it and remembers the result. `changing_` is held.
    Entry opened(const std::string& name, const CheckPoint& check);
    /// Opens it again where the reason why there is none may have passed. `changing_` is held.
    Entry retried(const std::string& name, Entry entry, const CheckPoint& check);
    std::shared_ptr<Collection> usable(const Entry& entry) const;
    /// For one that only reads, and cannot finish a restore that its writer left.
    void refuse_half_restored() const;
    [[noreturn]] void throw_not_found(const std::string& name) const;
    std::optional<Entry> known(const std::string& name) const;
    void check_outside(const std::filesystem::path& path) const;
    void open_all(const CheckPoint& check);
    std::map<std::string, Entry> take_all();

    const VectorDatabaseConfig config_;
    StoreDirectory directory_;
    std::unique_ptr<sqlite::FileLock> lock_;
    std::shared_ptr<SearchPool> pool_;
    std::shared_ptr<BuildThread> build_thread_; // none when read-only
    std::mutex changing_;                       // of the set of collections, for as long as a change takes
    mutable std::mutex mutex_;
    std::map<std::string, Entry> entries_;
    bool closed_ = false;
    bool replacing_ = false; // a restore is at work, or could not be finished
};

} // namespace whisperstore::local_qdrant
