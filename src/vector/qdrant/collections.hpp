#pragma once
// The collections of a Qdrant server, and what whisperstore remembers of them there.

#include "vector/qdrant/answers.hpp"
#include "vector/qdrant/server.hpp"

#include <map>
#include <mutex>

namespace whisperstore::qdrant {

/// A collection as the server has it, and as its entry in the catalogue says.
struct Collection
{
    CollectionInfo info;
    CollectionConfig config;
};

/// A restore that has its data and only has to be switched to.
struct PendingRestore
{
    struct Staged
    {
        std::string name;
        std::string collection; ///< that holds its documents already
        CollectionConfig config;
    };
    std::vector<Staged> collections;
};

/// Collections have the names they have on the server, or, once they were restored, aliases. What Qdrant has no place
/// for (description, model, whether texts are searched by words) is an entry of the catalogue, a collection without
/// vectors; a collection without an entry is one with the defaults. Thread safe.
class Collections
{
public:
    Collections(const Server& server, const VectorDatabaseConfig& config) : server_(server), config_(config) {}

    /// Reads the version, checks that the key is accepted, and ends what a crash interrupted.
    awaitable<void> open(OperationContext context);

    awaitable<std::vector<std::string>> names(OperationContext context);
    /// As it is now. Throws StorageError not_found.
    awaitable<Collection> read(std::string name, OperationContext context);
    /// As it was seen last; read anew where it was never, or had another dimension than is wanted.
    awaitable<std::shared_ptr<const Collection>> known(std::string name, std::size_t wanted_dimension,
                                                       OperationContext context);
    void forget(const std::string& name);

    awaitable<void> create(std::string name, CollectionConfig config, OperationContext context);
    awaitable<bool> remove(std::string name, OperationContext context);
    awaitable<void> prepare_for_texts(std::string name, std::string embedding_model, OperationContext context);

    /// \name Restoring
    ///@{
    /// An empty collection for a restore to fill.
    awaitable<void> make(std::string collection, CollectionConfig config, OperationContext context);
    /// Finishes a restore that was decided, and throws the collections of those away that were not.
    awaitable<void> clear_staged(OperationContext context);
    /// Puts the restored collections into the places of all others. From its first step on it will happen, at the
    /// latest when the store is opened the next time.
    awaitable<void> switch_to(PendingRestore restore, OperationContext context);
    ///@}

private:
    awaitable<std::optional<CollectionInfo>> find_info(std::string name, OperationContext context);
    awaitable<std::optional<json::object>> find_entry(std::string key, OperationContext context);
    awaitable<void> write_entry(std::string key, json::object entry, OperationContext context);
    awaitable<void> erase_entry(std::string key, OperationContext context);
    awaitable<void> write_config(std::string name, CollectionConfig config, OperationContext context);
    awaitable<std::vector<Alias>> aliases(OperationContext context);
    awaitable<bool> drop(std::string collection, OperationContext context);
    awaitable<void> add_indexes(std::string collection, OperationContext context);
    awaitable<void> learn(std::string name, Collection collection, std::string model, bool lexical,
                          OperationContext context);
    awaitable<void> finish_restore(PendingRestore restore, OperationContext context);

    const Server& server_;
    const VectorDatabaseConfig& config_;
    std::atomic<bool> has_tenant_indexes_{true}; ///< since 1.11
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const Collection>> known_;
};

/// The name of a collection that a restore fills.
std::string staged_name(std::string_view name, std::string_view restore);

} // namespace whisperstore::qdrant
