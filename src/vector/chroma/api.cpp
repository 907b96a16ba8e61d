#include "vector/chroma/api.hpp"

#include "protocol/http/status.hpp"

#include <whisperstore/core/connection_url.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace whisperstore::chroma {

namespace {

using http::Effect;

constexpr std::string_view root = "/api/v2";
constexpr std::size_t collections_at_once = 500;
constexpr int passing_attempts = 10;

StorageError not_understood(std::string_view what, std::string_view why)
{
    return StorageError(StorageErrc::unavailable, "the server's answer is not " + std::string(what) + " (" +
                                                      std::string(why) + "): is it a Chroma server?");
}

template <typename Read>
auto understood(std::string_view what, const Read& read)
{
    try {
        return read();
    } catch (const boost::system::system_error& error) {
        throw not_understood(what, error.what());
    } catch (const std::out_of_range& error) {
        throw not_understood(what, error.what());
    } catch (const StorageError& error) {
        throw not_understood(what, error.message());
    }
}

/// A member of a member, where all are there.
const json::value* inside(const json::value* value, std::initializer_list<std::string_view> path)
{
    for (const std::string_view key : path) {
        const json::object* object = value ? value->if_object() : nullptr;
        value = object ? object->if_contains(key) : nullptr;
    }
    return value;
}

CollectionRow row_of(const json::value& value)
{
    const json::object& object = value.as_object();
    CollectionRow row;
    row.id = object.at("id").as_string();
    row.name = object.at("name").as_string();
    for (const char* index : {"hnsw", "spann"})
        if (const json::value* space = inside(&value, {"configuration_json", index, "space"});
            space && space->is_string())
            row.space = space->get_string();
    if (const json::value* dimension = object.if_contains("dimension"); dimension && dimension->is_number())
        row.dimension = dimension->to_number<std::size_t>();
    if (const json::value* metadata = object.if_contains("metadata"); metadata && metadata->is_object())
        row.metadata = metadata->get_object();
    return row;
}

std::string text_at(const json::value& document, std::string_view key)
{
    const json::value* value = inside(&document, {key});
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Chroma has two texts: what kind of error, and which.
std::string words_of(std::string_view body)
{
    if (body.starts_with('{')) {
        try {
            const json::value document = parse_json(body, "error");
            const std::string kind = text_at(document, "error");
            const std::string message = text_at(document, "message");
            if (!message.empty())
                return kind.empty() || kind == "ChromaError" ? message : kind + ": " + message;
        } catch (const StorageError&) {
            // No JSON: as it is.
        }
    }
    return std::string(body);
}

/// The same error, to be named after the operation that it ends: the request is in the message where it matters.
StorageError unnamed(const StorageError& error, StorageErrc code, std::string message, bool retryable)
{
    return StorageError(code, std::move(message),
                        ErrorDetails{error.backend(), {}, error.native_code(), error.outcome(), retryable});
}

StorageError unnamed(const StorageError& error)
{
    return unnamed(error, error.errc(), error.message(), error.retryable());
}

/// As Server::send(), with errors that name no request.
awaitable<http::Response> send(std::shared_ptr<Server> server, http::Request request, OperationContext context)
{
    try {
        co_return co_await server->send(std::move(request), std::move(context));
    } catch (const StorageError& error) {
        throw unnamed(error);
    }
}

awaitable<void> pause(std::chrono::milliseconds time)
{
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

} // namespace

CollectionRow parse_collection(std::string_view text)
{
    return understood("a collection", [&] { return row_of(parse_json(text, "collection")); });
}

std::vector<CollectionRow> parse_collections(std::string_view text)
{
    return understood("a list of collections", [&] {
        std::vector<CollectionRow> rows;
        const json::value list = parse_json(text, "collections");
        for (const json::value& item : list.as_array())
            rows.push_back(row_of(item));
        return rows;
    });
}

Refusal meaning_of(const http::Response& response)
{
    Refusal refusal;
    refusal.code = http::meaning_of(response.status).code;
    refusal.words = words_of(response.body);
    const auto says = [&](std::string_view text) { return refusal.words.find(text) != std::string::npos; };
    // A collection that is being deleted.
    if (response.status == 412 && says("Missing field")) {
        refusal.code = StorageErrc::unavailable;
        refusal.passing = true;
    }
    if (response.status != 500)
        return refusal;
    if (says("UNIQUE constraint failed: collections.name"))
        refusal.code = StorageErrc::already_exists;
    // Chroma looks for what a condition leaves, then for the vectors of these: one that is deleted in between is an
    // error, and so is a whole collection.
    for (const std::string_view words : {"Error finding id", "Error getting embedding", "Error querying knn",
                                         "Segment has been deleted", "database is locked"})
        refusal.passing = refusal.passing || says(words);
    if (says("to compactor"))
        refusal.advice = "its writer has stopped after an error, which is in the server's log: restart the server";
    return refusal;
}

Api::Api(std::shared_ptr<Server> server, std::string_view tenant, std::string_view database)
    : server_(std::move(server)), database_(database), tenant_(tenant)
{
    base_.append(root).append("/tenants/").append(percent_encode(tenant)).append("/databases/");
    base_.append(percent_encode(database));
}

http::Request Api::request(std::string_view method, std::string target) const
{
    http::Request request;
    request.method = method;
    request.target = std::move(target);
    request.headers.push_back(http::Header{"Accept", "application/json"});
    if (method != "GET" && method != "DELETE")
        request.headers.push_back(http::Header{"Content-Type", "application/json"});
    return request;
}

std::string Api::collection_target(std::string_view name, std::string_view call) const
{
    std::string target = base_ + "/collections/" + std::string(name);
    if (!call.empty())
        target.append("/").append(call);
    return target;
}

awaitable<http::Response> Api::call(http::Request request, OperationContext context, int also)
{
    http::Request about;
    about.method = request.method;
    about.target = request.target;
    about.effect = request.effect;
    for (int attempt = 1;; ++attempt) {
        const bool last = attempt == passing_attempts || request.effect == Effect::write;
        http::Response response;
        if (last)
            response = co_await send(server_, std::move(request), context);
        else
            response = co_await send(server_, request, context);
        if (response.ok() || response.status == also)
            co_return response;
        const Refusal refusal = meaning_of(response);
        if (last || !refusal.passing) {
            response.body = refusal.words;
            const StorageError error = server_->refusal(response, about);
            std::string message = error.message();
            if (!refusal.advice.empty())
                message.append("; ").append(refusal.advice);
            throw unnamed(error, refusal.code, std::move(message), error.retryable() || refusal.passing);
        }
        co_await pause(std::chrono::milliseconds(std::int64_t(1) << std::min(attempt, 6)));
    }
}

awaitable<void> Api::check_server(OperationContext context)
{
    http::Response version;
    std::optional<StorageError> failure;
    try {
        http::Request ask = request("GET", std::string(root) + "/version");
        version = co_await send(server_, std::move(ask), context);
    } catch (const StorageError& error) {
        failure = error;
    }
    if (failure) {
        if (failure->errc() != StorageErrc::unavailable || !failure->retryable())
            throw StorageError(*failure);
        throw unnamed(*failure, failure->errc(), failure->message() + "; " + server_->advice(), true);
    }
    if (version.status == 404 || version.status == 405 || version.status == 410 || version.status == 501)
        throw StorageError(StorageErrc::version_mismatch,
                           "the server has no API v2 (GET /api/v2/version was answered with " +
                               std::to_string(version.status) + "): Chroma 1.0 or newer is needed");
    if (!version.ok()) {
        http::Request about = request("GET", std::string(root) + "/version");
        throw unnamed(server_->refusal(version, about));
    }
    const std::string number = understood("a version", [&] {
        const json::value text = parse_json(version.body, "version");
        return std::string(text.as_string());
    });
    // 0.x with an API v2 of its own has other errors and limits.
    if (number.empty() || number.starts_with("0.") || number.front() < '0' || number.front() > '9')
        throw StorageError(StorageErrc::version_mismatch, "the server says it is version '" + number.substr(0, 32) +
                                                              "': Chroma 1.0 or newer is needed");

    http::Request limits = request("GET", std::string(root) + "/pre-flight-checks");
    const http::Response checks = co_await call(std::move(limits), context);
    largest_batch_ = understood("pre-flight checks", [&] {
        const json::value document = parse_json(checks.body, "pre-flight checks");
        return std::max<std::size_t>(1, document.as_object().at("max_batch_size").to_number<std::size_t>());
    });

    http::Request database = request("GET", base_);
    const http::Response found = co_await call(std::move(database), std::move(context), 404);
    if (!found.ok())
        throw StorageError(StorageErrc::not_found,
                           "the server has no database '" + database_ + "' of the tenant '" + tenant_ +
                               "': create it there, or correct CHROMADB_TENANT and CHROMADB_DATABASE");
}

awaitable<std::vector<CollectionRow>> Api::collections(OperationContext context)
{
    std::vector<CollectionRow> all;
    while (true) {
        http::Request list = request("GET", base_ + "/collections?limit=" + std::to_string(collections_at_once) +
                                                "&offset=" + std::to_string(all.size()));
        const http::Response response = co_await call(std::move(list), context);
        std::vector<CollectionRow> rows = parse_collections(response.body);
        const bool last = rows.size() < collections_at_once;
        std::ranges::move(rows, std::back_inserter(all));
        if (last)
            co_return all;
    }
}

awaitable<std::optional<CollectionRow>> Api::find(std::string name, OperationContext context)
{
    http::Request ask = request("GET", collection_target(name));
    const http::Response response = co_await call(std::move(ask), std::move(context), 404);
    if (!response.ok())
        co_return std::nullopt;
    co_return parse_collection(response.body);
}

awaitable<CollectionRow> Api::create(std::string name, json::object metadata, GraphSettings graph,
                                     OperationContext context)
{
    json::object hnsw;
    hnsw["space"] = "cosine";
    hnsw["ef_search"] = graph.ef_search;
    hnsw["ef_construction"] = graph.ef_construction;
    hnsw["max_neighbors"] = graph.max_neighbors;
    json::object configuration;
    configuration["hnsw"] = std::move(hnsw);
    json::object body;
    body["name"] = std::move(name);
    body["metadata"] = std::move(metadata);
    body["configuration"] = std::move(configuration);
    body["get_or_create"] = true; // so that it may be sent twice
    http::Request make = request("POST", base_ + "/collections");
    make.body = json::serialize(body);
    make.effect = Effect::repeatable_write;
    const http::Response response = co_await call(std::move(make), std::move(context));
    co_return parse_collection(response.body);
}

awaitable<bool> Api::remove(std::string name, OperationContext context)
{
    // Asked first: what a DELETE that was sent twice answers says nothing.
    const std::optional<CollectionRow> there = co_await find(name, context);
    if (!there)
        co_return false;
    http::Request remove = request("DELETE", collection_target(name));
    remove.effect = Effect::repeatable_write;
    co_await call(std::move(remove), std::move(context), 404);
    co_return true;
}

awaitable<void> Api::rename(std::string id, std::string name, OperationContext context)
{
    json::object body;
    body["new_name"] = std::move(name);
    http::Request change = request("PUT", collection_target(id));
    change.body = json::serialize(body);
    change.effect = Effect::repeatable_write;
    co_await call(std::move(change), std::move(context));
}

awaitable<void> Api::set_metadata(std::string id, json::object metadata, OperationContext context)
{
    json::object body;
    body["new_metadata"] = std::move(metadata);
    http::Request change = request("PUT", collection_target(id));
    change.body = json::serialize(body);
    change.effect = Effect::repeatable_write;
    co_await call(std::move(change), std::move(context));
}

awaitable<std::uint64_t> Api::count(std::string id, OperationContext context)
{
    http::Request ask = request("GET", collection_target(id, "count"));
    const http::Response response = co_await call(std::move(ask), std::move(context));
    co_return understood("a count", [&] {
        const json::value number = parse_json(response.body, "count");
        return number.to_number<std::uint64_t>();
    });
}

awaitable<std::string> Api::read(std::string id, std::string_view call_name, std::string body, OperationContext context)
{
    http::Request ask = request("POST", collection_target(id, call_name));
    ask.body = std::move(body);
    http::Response response = co_await call(std::move(ask), std::move(context));
    co_return std::move(response.body);
}

awaitable<void> Api::write(std::string id, std::string_view call_name, std::string body, OperationContext context)
{
    http::Request change = request("POST", collection_target(id, call_name));
    change.body = std::move(body);
    change.effect = Effect::repeatable_write;
    co_await call(std::move(change), std::move(context));
}

} // namespace whisperstore::chroma
