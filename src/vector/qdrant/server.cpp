#include "vector/qdrant/server.hpp"

#include <array>

namespace whisperstore::qdrant {

namespace {

constexpr std::uint16_t default_port = 6333;
constexpr std::size_t largest_answer = std::size_t(256) << 20U;

[[noreturn]] void refuse(const std::string& message) { throw StorageError(StorageErrc::invalid_argument, message); }

/// `allowed`, or a whole number from 1 on where numbers are.
void check_choice(std::string_view what, const std::string& value, std::span<const std::string_view> allowed,
                  bool numbers)
{
    if (value.empty() || std::ranges::find(allowed, value) != allowed.end())
        return;
    const bool number = value.size() <= 4 && value.front() != '0' &&
                        std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    if (numbers && number)
        return;
    std::string message(what);
    message.append(" is '").append(value).append("'; allowed are ");
    for (const std::string_view one : allowed)
        message.append(one).append(one == allowed.back() ? "" : ", ");
    refuse(message + (numbers ? " and a number of replicas" : ""));
}

http::ClientConfig client_config(const VectorDatabaseConfig& config, const std::string& backend)
{
    http::ClientConfig client;
    if (!config.url.empty()) {
        client = http::ClientConfig::of_url(config.url, "the URL of Qdrant");
        if (!client.headers.empty())
            refuse("the URL of Qdrant takes no user name and password: an API key is a setting of its own");
    }
    const bool tls = config.url.empty() ? config.tls.enabled : client.tls.enabled;
    client.tls = config.tls;
    client.tls.enabled = tls;
    if (config.url.empty() || !config.cluster_nodes.empty()) {
        client.nodes.clear();
        for (const std::string& node : config.cluster_nodes)
            client.nodes.push_back(HostPort::parse(node));
        if (client.nodes.empty())
            client.nodes.push_back(HostPort{config.host.empty() ? "localhost" : config.host,
                                            config.port == 0 ? default_port : config.port});
        for (HostPort& node : client.nodes)
            if (!node.port)
                node.port = default_port;
    }
    if (!config.api_key.empty())
        client.headers.push_back(http::Header{"api-key", config.api_key});
    client.backend = backend;
    client.max_waiting = 4096;
    client.idle_timeout = std::chrono::seconds(4); // Qdrant closes what rested for five
    client.response_limit = largest_answer;
    client.accept_gzip = false; // packing costs either side more than the bytes cost the network of a database
    client.health_target = "/readyz";
    return client;
}

constexpr std::array<std::string_view, 3> consistencies{"all", "quorum", "majority"};
constexpr std::array<std::string_view, 3> orderings{"weak", "medium", "strong"};

std::string read_query(const VectorDatabaseConfig& config)
{
    check_choice("consistency", config.consistency, consistencies, true);
    return config.consistency.empty() ? std::string() : "?consistency=" + config.consistency;
}

std::string write_query(const VectorDatabaseConfig& config)
{
    check_choice("ordering", config.ordering, orderings, false);
    return config.ordering.empty() ? std::string("?wait=true") : "?wait=true&ordering=" + config.ordering;
}

} // namespace

Server::Server(const VectorDatabaseConfig& config, std::string backend)
    : backend_(std::move(backend)),
      read_query_(read_query(config)),
      write_query_(write_query(config)),
      config_(client_config(config, backend_)),
      client_(std::make_shared<http::Client>(config_))
{
}

std::shared_ptr<http::Client> Server::client() const
{
    const std::lock_guard lock(mutex_);
    return client_;
}

void Server::open()
{
    const std::lock_guard lock(mutex_);
    if (closed_)
        client_ = std::make_shared<http::Client>(config_);
    closed_ = false;
}

void Server::close()
{
    const std::lock_guard lock(mutex_);
    client_->close();
    closed_ = true;
}

awaitable<std::optional<std::string>> Server::find(Call call, OperationContext context) const
{
    http::Request request;
    request.method = std::move(call.method);
    request.target = std::move(call.target);
    request.body = std::move(call.body);
    request.effect = call.effect;
    if (!request.body.empty())
        request.headers.push_back(http::Header{"Content-Type", "application/json"});
    http::Request about; // what the error needs of it
    about.method = request.method;
    about.target = request.target;
    about.effect = request.effect;
    const std::shared_ptr<http::Client> client = this->client();
    http::Response response = co_await client->send(std::move(request), std::move(context));
    if (response.ok())
        co_return std::move(response.body);
    if (response.status == 404)
        co_return std::nullopt;
    const StorageError error = client->error_of(response, about);
    if (response.status != 500 || about.effect == http::Effect::write)
        throw StorageError(error);
    ErrorDetails details{error.backend(), error.operation(), error.native_code(), error.outcome(), true};
    throw StorageError(error.errc(), error.message(), std::move(details));
}

awaitable<std::string> Server::send(Call call, OperationContext context) const
{
    const std::string what = call.method + " " + call.target.substr(0, call.target.find('?'));
    std::optional<std::string> body = co_await find(std::move(call), std::move(context));
    if (!body)
        throw StorageError(StorageErrc::not_found, what + ": the server does not know the collection",
                           ErrorDetails{backend_, {}, "404", Outcome::not_applied, false});
    co_return std::move(*body);
}

std::string Server::target(std::string_view collection, std::string_view rest)
{
    return std::string("/collections/").append(collection).append(rest);
}

std::string Server::read_target(std::string_view collection, std::string_view rest) const
{
    return target(collection, rest).append(read_query_);
}

std::string Server::write_target(std::string_view collection, std::string_view rest) const
{
    return target(collection, rest).append(write_query_);
}

} // namespace whisperstore::qdrant
