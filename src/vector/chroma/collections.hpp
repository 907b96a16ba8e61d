#pragma once
// The collections of a database, by our names.

#include "vector/chroma/api.hpp"

#include <whisperstore/vector/vector_database_manager.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore::chroma {

/// How many records there were a moment ago. Thread safe.
class RememberedSize
{
public:
    /// Nothing when it is too long ago.
    std::optional<std::uint64_t> value() const noexcept;
    void set(std::uint64_t count) noexcept;

private:
    std::atomic<std::uint64_t> count_{0};
    std::atomic<std::chrono::steady_clock::rep> until_{0};
};

/// A collection as the server had it once.
struct Collection
{
    std::string id; ///< the server's
    std::string name;
    CollectionConfig config; ///< of one made by others: a dimension of 0 until it holds a record
    std::shared_ptr<RememberedSize> size = std::make_shared<RememberedSize>();
};

/// What the server's row says; a collection that others made is told by what Chroma knows of it.
/// Throws StorageError corrupt where ours says nothing that can be understood.
Collection collection_of_row(std::string name, const CollectionRow& row);
/// The metadata of a collection of ours.
json::object stored_config(const CollectionConfig& config);

/// Remembers ids: the calls about records need them. Thread safe.
class Collections
{
public:
    Collections(std::shared_ptr<Api> api, GraphSettings graph) : api_(std::move(api)), graph_(graph) {}

    struct Found
    {
        std::shared_ptr<const Collection> collection;
        bool remembered = false; ///< it may be gone, or another one of that name may be there
    };
    /// Throws StorageError not_found.
    awaitable<Found> find(std::string name, OperationContext context);
    /// Asks the server. Throws StorageError not_found.
    awaitable<std::shared_ptr<const Collection>> find_now(std::string name, OperationContext context);
    void forget(const std::string& name);
    void forget_all();

    /// As VectorDatabaseManager has it.
    ///@{
    awaitable<void> create(std::string name, CollectionConfig config, OperationContext context);
    awaitable<bool> remove(std::string name, OperationContext context);
    awaitable<std::vector<std::string>> names(OperationContext context);
    awaitable<void> remember_model(std::string name, std::string model, OperationContext context);
    ///@}

    const GraphSettings& graph() const noexcept { return graph_; }

private:
    /// Writes down a model that was not known, and that texts are wanted.
    awaitable<void> complete(std::shared_ptr<const Collection> collection, std::string model, bool lexical,
                             OperationContext context);
    void remember(std::shared_ptr<const Collection> collection);

    std::shared_ptr<Api> api_;
    GraphSettings graph_;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const Collection>, std::less<>> known_;
};

} // namespace whisperstore::chroma
