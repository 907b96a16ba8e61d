#pragma once
// What the three Chroma managers do, over whichever server.

#include "vector/chroma/answer.hpp"
#include "vector/chroma/api.hpp"
#include "vector/chroma/collections.hpp"
#include "vector/chroma/request.hpp"
#include "vector/server/search_times.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace whisperstore::chroma {

/// The operations of VectorDatabaseManager, checked and in its words. Thread safe; outlives each call (the caller holds
/// it).
class Store
{
public:
    /// Throws StorageError invalid_argument.
    Store(std::shared_ptr<Server> server, const VectorDatabaseConfig& config, bool read_only = false);

    awaitable<void> initialize(OperationContext context);
    awaitable<void> cleanup();

    awaitable<void> create_collection(std::string name, CollectionConfig config, OperationContext context);
    awaitable<bool> delete_collection(std::string name, OperationContext context);
    awaitable<std::vector<std::string>> list_collections(OperationContext context);
    awaitable<CollectionConfig> get_collection(std::string name, OperationContext context);
    awaitable<void> prepare_for_texts(std::string name, std::string embedding_model, OperationContext context);
    awaitable<CollectionStats> get_collection_stats(std::string name, OperationContext context);

    awaitable<void> store_documents(std::string name, std::vector<VectorDocument> documents, OperationContext context);
    awaitable<bool> delete_document(std::string name, std::string id, OperationContext context);
    awaitable<std::uint64_t> delete_documents(std::string name, Filter filters, OperationContext context);

    awaitable<std::vector<SearchResult>> search_similar(std::string name, std::span<const float> embedding,
                                                        std::size_t limit, Filter filters, OperationContext context);
    awaitable<std::vector<VectorDocument>> get_documents(std::string name, std::vector<std::string> ids,
                                                         OperationContext context);
    awaitable<Page<VectorDocument>> scroll(std::string name, std::size_t page_size, std::optional<PageCursor> cursor,
                                           Filter filters, OperationContext context);
    awaitable<std::uint64_t> count_documents(std::string name, Filter filters, OperationContext context);

    awaitable<void> back_up(std::filesystem::path path, OperationContext context);
    awaitable<void> restore(std::filesystem::path path, OperationContext context);

    awaitable<std::uint64_t> total_documents();
    awaitable<std::size_t> collections_count();
    double average_search_ms() const noexcept { return search_times_.average_ms(); }

    std::string_view backend() const noexcept { return api_->server().backend(); }
    std::vector<std::string> endpoints() const { return api_->server().endpoints(); }
    json::array nodes() const { return api_->server().nodes(); }

private:
    using Found = std::shared_ptr<const Collection>;

    void check_open() const;
    void check_writable(std::string_view what) const;
    /// Runs `work(collection)`, which returns an awaitable, as an operation on a collection; again with what the server
    /// says now where it fails for what was remembered of it.
    template <typename T, typename Work>
    awaitable<T> on(std::string_view operation, std::string name, OperationContext context, Work work);

    const std::shared_ptr<Api> api_;
    Collections collections_;
    const bool read_only_;
    vector_server::SearchTimes search_times_;
    std::atomic<bool> open_{false};
};

} // namespace whisperstore::chroma
