#include "serve/router.hpp"

#include "protocol/http/header_fields.hpp"
#include "serve/listen_address.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/serve/monitoring_server.hpp>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace whisperstore {

const std::vector<MonitoringRoute>& monitoring_routes()
{
    static const std::vector<MonitoringRoute> routes = {
        {"/", "this list"},
        {"/metrics", "metrics as Prometheus text"},
        {"/health/live", "200 while the process answers; needs no token"},
        {"/health/ready", "200 when no required component is down, else 503; the report"},
        {"/api/metrics", "metrics as JSON"},
        {"/api/config", "the configuration, without secrets"},
        {"/api/events", "metrics and health as server-sent events"},
    };
    return routes;
}

} // namespace whisperstore

namespace whisperstore::serve {

namespace {

constexpr std::string_view scheme = "Bearer ";

constexpr std::pair<std::string_view, Route> paths[] = {
    {"/", Route::index},
    {"/metrics", Route::metrics},
    {"/health/live", Route::live},
    {"/health/ready", Route::ready},
    {"/api/metrics", Route::api_metrics},
    {"/api/config", Route::api_config},
    {"/api/events", Route::api_events},
};

Decision refused(int status, std::string message)
{
    return Decision{std::nullopt, Refusal{status, std::move(message)}};
}

} // namespace

TokenCheck::TokenCheck(const std::string& token)
{
    if (token.empty())
        return;
    const bool fits = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (!fits || token.size() < shortest_token)
        throw StorageError(
            StorageErrc::invalid_argument,
            "the token of the monitoring server (WHISPERENGINE_SERVE_TOKEN) is not allowed: it has at least " +
                std::to_string(shortest_token) +
                " characters, all of them printable ASCII without spaces, e.g. of `openssl rand -hex 32`");
    digest_ = digest_of(token);
}

TokenCheck::Digest TokenCheck::digest_of(std::string_view text)
{
    Digest digest;
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return digest;
}

bool TokenCheck::accepts(std::string_view authorization) const
{
    if (!digest_)
        return true;
    const bool is_bearer = authorization.size() >= scheme.size() &&
                           http::equal_ignoring_case(authorization.substr(0, scheme.size()), scheme);
    // Digests are of one length, so the time tells nothing of the token, its length included.
    const Digest shown = digest_of(is_bearer ? authorization.substr(scheme.size()) : std::string_view());
    return CRYPTO_memcmp(shown.data(), digest_->data(), shown.size()) == 0;
}

Decision decide(const RequestHead& request, const AccessRules& rules)
{
    if (rules.loopback_only && !request.authority.empty() && !names_loopback(request.authority))
        return refused(421, "the Host header names another machine; allowed here: localhost, 127.0.0.1 and [::1]");
    if (request.method != "GET" && request.method != "HEAD")
        return refused(405, "this method is not allowed; allowed: GET and HEAD");
    const auto found =
        std::find_if(std::begin(paths), std::end(paths), [&](const auto& path) { return path.first == request.path; });
    const bool is_live = found != std::end(paths) && found->second == Route::live;
    if (!is_live && !rules.token.accepts(request.authorization))
        return refused(401, request.authorization.empty()
                                ? "a token is needed: Authorization: Bearer TOKEN"
                                : "the token is not the right one (Authorization: Bearer TOKEN)");
    if (found == std::end(paths)) {
        std::string known;
        for (const auto& [path, route] : paths)
            known.append(known.empty() ? "" : ", ").append(path);
        return refused(404, "there is nothing at this path; there are " + known);
    }
    return Decision{found->second};
}

} // namespace whisperstore::serve
