#pragma once
// What a request asks for, and whether it may.

#include "serve/refusal.hpp"
#include "serve/request_reader.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::serve {

enum class Route
{
    index,
    metrics,
    live,
    ready,
    api_metrics,
    api_config,
    api_events,
};

/// The token clients have to show.
class TokenCheck
{
public:
    /// \param token empty: none is wanted
    /// \throws StorageError invalid_argument for one that is short or cannot stand in a header; never repeats it
    explicit TokenCheck(const std::string& token);

    bool wanted() const noexcept { return digest_.has_value(); }
    /// Whether an Authorization header holds it. Takes as long whatever it holds.
    bool accepts(std::string_view authorization) const;

private:
    using Digest = std::array<unsigned char, 32>;
    static Digest digest_of(std::string_view text);
    std::optional<Digest> digest_;
};

inline constexpr std::size_t shortest_token = 16;

struct AccessRules
{
    bool loopback_only = true; ///< the Host header has to name this machine
    TokenCheck token{std::string()};
};

/// A route, or why not.
struct Decision
{
    std::optional<Route> route;
    Refusal refusal = {};
};
Decision decide(const RequestHead& request, const AccessRules& rules);

} // namespace whisperstore::serve
