#pragma once
// Calls of Qdrant's REST interface, on one server or any node of a cluster.

#include "protocol/http/client.hpp"

#include <whisperstore/core/version.hpp>
#include <whisperstore/vector/vector_database_config.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace whisperstore::qdrant {

/// A call with its answer in JSON.
struct Call
{
    std::string method = "GET";
    std::string target;
    std::string body = {};
    http::Effect effect = http::Effect::read;
};

/// Thread safe.
class Server
{
public:
    /// Throws StorageError invalid_argument naming the setting.
    Server(const VectorDatabaseConfig& config, std::string backend);

    const std::string& backend() const noexcept { return backend_; }
    /// The one in use, or the last one.
    std::shared_ptr<http::Client> client() const;

    /// Connects anew after close().
    void open();
    /// Ends connections and health checks; calls are refused.
    void close();

    /// The body of a success. Throws the StorageError of a refusal in the server's words; a failure inside of the
    /// server (500: a cluster that misses a node answers so for a while) is retryable where repeating is harmless.
    awaitable<std::string> send(Call call, OperationContext context) const;
    /// As send(), for what may not be there: nothing for 404.
    awaitable<std::optional<std::string>> find(Call call, OperationContext context) const;

    /// `/collections/NAME` + rest.
    static std::string target(std::string_view collection, std::string_view rest = {});
    /// The target of a read or a write of points, with what the configuration asks of replicas.
    std::string read_target(std::string_view collection, std::string_view rest) const;
    std::string write_target(std::string_view collection, std::string_view rest) const;

private:
    const std::string backend_;
    const std::string read_query_;
    const std::string write_query_;
    const http::ClientConfig config_;
    mutable std::mutex mutex_;
    std::shared_ptr<http::Client> client_;
    bool closed_ = false;
};

} // namespace whisperstore::qdrant
