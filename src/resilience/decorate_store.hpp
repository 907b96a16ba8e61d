#pragma once
// Making a decorated store, the same way for each interface.

#include "resilience/decorated_store.hpp"

#include <whisperstore/core/error.hpp>

namespace whisperstore {

/// \param type the backend's type name, asked of the store once it is known that there is one.
template <typename Decorated, typename Interface>
std::shared_ptr<Interface>
decorate_store(std::shared_ptr<Interface> inner, std::string_view (Interface::*type)() const noexcept,
               const ResilienceConfig& config, std::shared_ptr<OperationObserver> observer, ChainSources sources)
{
    if (!inner)
        throw StorageError(StorageErrc::invalid_argument,
                           "there is no " + std::string(Decorated::layer) + " to decorate: the pointer is null");
    if (!config.enabled)
        return inner;
    StoreIdentity identity;
    identity.layer = Decorated::layer;
    identity.backend = ((*inner).*type)();
    for (const std::string& endpoint : inner->endpoints())
        identity.endpoint.append(identity.endpoint.empty() ? "" : ",").append(endpoint);
    auto chain = std::make_shared<PolicyChain>(std::move(identity), Decorated::operation_table(), config,
                                               std::move(observer), std::move(sources));
    return std::make_shared<Decorated>(std::move(inner), std::move(chain));
}

template <typename Interface>
std::optional<ResilienceStats> stats_of(const Interface& store)
{
    if (const auto* decorated = dynamic_cast<const HasPolicies*>(&store))
        return decorated->policies().stats();
    return std::nullopt;
}

} // namespace whisperstore
