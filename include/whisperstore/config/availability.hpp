#pragma once
/// \file
/// What a storage layer does without one of its components.

#include <whisperstore/core/json.hpp>

#include <string_view>

namespace whisperstore {

/// How much a storage layer needs a component.
enum class Availability
{
    required, ///< the layer does not start without it; lost later, the layer is down
    degrade,  ///< the layer starts without it, tries again in the background and is degraded meanwhile
    disabled, ///< switched off: it is not created, and whoever asks for it gets `unsupported`
};
std::string_view to_string(Availability availability) noexcept;

/// Of each component. The graph is optional unless told otherwise.
struct StorageAvailability
{
    Availability database = Availability::required;
    Availability vector_database = Availability::required;
    Availability cache = Availability::required;
    Availability graph_database = Availability::degrade;

    json::object to_json() const;
};

} // namespace whisperstore
