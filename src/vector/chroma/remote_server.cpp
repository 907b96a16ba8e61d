#include "protocol/http/client.hpp"
#include "vector/chroma/server.hpp"

#include <optional>
#include <utility>

namespace whisperstore::chroma {

namespace {

constexpr std::uint16_t usual_port = 8000;
constexpr std::size_t response_limit = std::size_t(256) << 20U;
// A batch may wait behind others: the server writes one at a time.
constexpr std::chrono::seconds attempt_timeout{120};

http::ClientConfig client_config(const VectorDatabaseConfig& config, bool several, std::string_view backend)
{
    const auto wrong = [&](const char* message) {
        return StorageError(StorageErrc::invalid_argument, message, ErrorDetails{std::string(backend)});
    };
    http::ClientConfig out;
    out.tls = config.tls;
    if (!config.url.empty()) {
        out = http::ClientConfig::of_url(config.url, "the URL of Chroma");
        const bool tls = out.tls.enabled;
        out.tls = config.tls;
        out.tls.enabled = tls;
    } else {
        out.nodes.push_back(HostPort{config.host.empty() ? "localhost" : config.host, config.port});
    }
    if (several && !config.cluster_nodes.empty()) {
        out.nodes.clear();
        for (const std::string& node : config.cluster_nodes)
            out.nodes.push_back(HostPort::parse(node));
    }
    if (!several && out.nodes.size() > 1)
        throw wrong("several Chroma servers are named: that is distributed_chromadb");
    for (HostPort& node : out.nodes)
        if (!node.port || *node.port == 0)
            node.port = usual_port;
    if (!config.api_key.empty()) {
        if (!out.headers.empty())
            throw wrong("Chroma has a token, or a user and password in its URL, not both");
        // Proxies look at the one, Chroma's own services at the other.
        out.headers.push_back(http::Header{"Authorization", "Bearer " + config.api_key});
        out.headers.push_back(http::Header{"X-Chroma-Token", config.api_key});
    }
    out.backend = backend;
    out.response_limit = response_limit;
    out.attempt_timeout = attempt_timeout;
    out.max_waiting = 4096;
    out.health_target = "/api/v2/heartbeat";
    return out;
}

class RemoteServer final : public Server
{
public:
    RemoteServer(const VectorDatabaseConfig& config, bool several)
        : backend_(several ? "distributed_chromadb" : "http_chromadb"),
          config_(client_config(config, several, backend_)),
          client_(std::make_shared<http::Client>(config_))
    {
    }

    awaitable<void> open(OperationContext) override
    {
        const std::lock_guard lock(mutex_);
        if (closed_)
            client_ = std::make_shared<http::Client>(config_);
        closed_ = false;
        co_return;
    }

    awaitable<void> close() override
    {
        const std::lock_guard lock(mutex_);
        client_->close();
        closed_ = true;
        co_return;
    }

    awaitable<http::Response> send(http::Request request, OperationContext context) override
    {
        const auto client = current();
        co_return co_await client->send(std::move(request), std::move(context));
    }

    StorageError refusal(const http::Response& response, const http::Request& request) const override
    {
        return current()->error_of(response, request);
    }

    std::string_view backend() const noexcept override { return backend_; }
    std::vector<std::string> endpoints() const override { return current()->endpoints(); }
    json::array nodes() const override { return http::to_json(current()->health()); }
    std::string advice() const override
    {
        return "start a server with: chroma run --path FOLDER --port " + std::to_string(*config_.nodes.front().port);
    }

private:
    std::shared_ptr<http::Client> current() const
    {
        const std::lock_guard lock(mutex_);
        return client_;
    }

    const std::string_view backend_;
    const http::ClientConfig config_;
    mutable std::mutex mutex_;
    std::shared_ptr<http::Client> client_;
    bool closed_ = false;
};

} // namespace

std::shared_ptr<Server> remote_server(const VectorDatabaseConfig& config, bool several)
{
    return std::make_shared<RemoteServer>(config, several);
}

} // namespace whisperstore::chroma
