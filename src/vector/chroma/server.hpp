#pragma once
// Where a manager's requests go: to servers that others run, or to a child of ours.

#include "protocol/http/message.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/vector/vector_database_config.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::chroma {

/// Thread safe.
class Server
{
public:
    Server() = default;
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    virtual ~Server() = default;

    /// Before the first send(); a second call does nothing.
    virtual awaitable<void> open(OperationContext context) = 0;
    /// Ends it; open() may follow.
    virtual awaitable<void> close() = 0;

    /// The answer, whatever its status. Errors as http::Client has them.
    virtual awaitable<http::Response> send(http::Request request, OperationContext context) = 0;
    /// The error of a refusal, without the secrets of the client.
    virtual StorageError refusal(const http::Response& response, const http::Request& request) const = 0;

    /// Named in errors: "http_chromadb".
    virtual std::string_view backend() const noexcept = 0;
    virtual std::vector<std::string> endpoints() const = 0;
    /// As http::to_json has them; none of a child of ours.
    virtual json::array nodes() const { return json::array(); }
    /// Whether nobody else uses the store while this is open.
    virtual bool exclusive() const noexcept { return false; }
    /// What somebody may do who cannot reach it.
    virtual std::string advice() const = 0;
};

/// Servers that are there already: that of `url`, or of `host` and `port`, or with `several` all of `cluster_nodes`.
/// Throws StorageError invalid_argument for a configuration that cannot work.
std::shared_ptr<Server> remote_server(const VectorDatabaseConfig& config, bool several);

} // namespace whisperstore::chroma
