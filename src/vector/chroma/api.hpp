#pragma once
// Chroma's REST API v2 (1.x; the routes of /openapi.json), as far as the managers use it.

#include "vector/chroma/server.hpp"

#include <whisperstore/core/json.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::chroma {

/// A collection as the server tells of it.
struct CollectionRow
{
    std::string id; ///< UUID
    std::string name;
    std::string space;                    ///< "cosine", "l2" or "ip"; empty where it does not say
    std::optional<std::size_t> dimension; ///< nothing until the first record
    json::object metadata;
};

/// Throws StorageError unavailable where the text is no such answer.
CollectionRow parse_collection(std::string_view text);
std::vector<CollectionRow> parse_collections(std::string_view text);

/// Of a collection's graph.
struct GraphSettings
{
    std::size_t ef_search = 0;
    std::size_t ef_construction = 0;
    std::size_t max_neighbors = 0;
};

/// What a refusal means, by the status and Chroma's words.
struct Refusal
{
    StorageErrc code = StorageErrc::unavailable;
    bool passing = false; ///< asking again at once may do: a record went while it was read
    std::string words;    ///< "InvalidArgumentError: …", or the text as it is
    std::string_view advice = {};
};
Refusal meaning_of(const http::Response& response);

/// Calls of one tenant's database. Thread safe. Refusals are StorageErrors in Chroma's words.
class Api
{
public:
    Api(std::shared_ptr<Server> server, std::string_view tenant, std::string_view database);

    /// Throws StorageError version_mismatch for a server without API v2, not_found where it has no such database,
    /// unavailable, saying how to start one, where none is reached.
    awaitable<void> check_server(OperationContext context);
    /// Records that it takes at once. \pre check_server()
    std::size_t largest_batch() const noexcept { return largest_batch_; }

    /// \name Collections, by the server's names
    ///@{
    awaitable<std::vector<CollectionRow>> collections(OperationContext context);
    awaitable<std::optional<CollectionRow>> find(std::string name, OperationContext context);
    /// That of the name where there is one, whatever its shape.
    awaitable<CollectionRow> create(std::string name, json::object metadata, GraphSettings graph,
                                    OperationContext context);
    /// Returns whether it was there.
    awaitable<bool> remove(std::string name, OperationContext context);
    /// Throws StorageError already_exists where another one has the name, not_found for an unknown id.
    awaitable<void> rename(std::string id, std::string name, OperationContext context);
    awaitable<void> set_metadata(std::string id, json::object metadata, OperationContext context);
    ///@}

    /// \name Records of a collection, by its id
    ///@{
    awaitable<std::uint64_t> count(std::string id, OperationContext context);
    /// \param call "get" or "query". The answer's text.
    awaitable<std::string> read(std::string id, std::string_view call, std::string body, OperationContext context);
    /// \param call "upsert" or "delete", which may be sent twice
    awaitable<void> write(std::string id, std::string_view call, std::string body, OperationContext context);
    ///@}

    Server& server() const noexcept { return *server_; }

private:
    /// The answer of a success, or of the status `also`.
    awaitable<http::Response> call(http::Request request, OperationContext context, int also = 0);
    http::Request request(std::string_view method, std::string target) const;
    std::string collection_target(std::string_view name, std::string_view call = {}) const;

    std::shared_ptr<Server> server_;
    std::string base_; ///< of all calls about the database
    std::string database_;
    std::string tenant_;
    std::size_t largest_batch_ = 0;
};

} // namespace whisperstore::chroma
