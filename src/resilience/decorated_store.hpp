#pragma once
// What the four decorated interfaces have in common.

#include "resilience/policy_run.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace whisperstore {

class AbstractDatabaseAdapter;
class ConversationCacheManager;
class GraphDatabaseManager;
class VectorDatabaseManager;

/// Gives each operation its place as its index.
template <std::size_t Count>
consteval std::array<Operation, Count> numbered(std::array<Operation, Count> operations)
{
    for (std::size_t i = 0; i < Count; ++i)
        operations[i].index = static_cast<std::uint8_t>(i);
    return operations;
}

/// By name, while compiling.
template <std::size_t Count>
consteval std::size_t place_of(const std::array<Operation, Count>& operations, std::string_view name)
{
    for (std::size_t i = 0; i < Count; ++i)
        if (operations[i].name == name)
            return i;
    throw "no such operation";
}

/// What a decorated store can be asked beside its interface.
class HasPolicies
{
public:
    virtual ~HasPolicies() = default;
    virtual const PolicyChain& policies() const noexcept = 0;
};

template <typename Interface>
class DecoratedStore : public Interface, public HasPolicies
{
public:
    DecoratedStore(std::shared_ptr<Interface> inner, std::shared_ptr<PolicyChain> chain)
        : shared_(std::make_shared<Shared>(Shared{std::move(inner), std::move(chain)}))
    {
    }

    const PolicyChain& policies() const noexcept override { return *shared_->chain; }

protected:
    /// Kept alive by the calls under way.
    struct Shared
    {
        std::shared_ptr<Interface> inner;
        std::shared_ptr<PolicyChain> chain;
    };

    Interface& inner() const noexcept { return *shared_->inner; }
    const std::shared_ptr<Shared>& shared() const noexcept { return shared_; }

    /// `inner().*Method(args…, context)` through the layers.
    template <auto Method, typename... Args>
    auto call(const Operation& operation, OperationContext&& context, Args&&... args) const
    {
        return call_when<Method, Args...>(operation, nullptr, std::move(context), std::forward<Args>(args)...);
    }
    /// The same where `repeatable` tells from the arguments whether a second run does no harm.
    template <auto Method, typename... Args>
    auto call_when(const Operation& operation,
                   std::type_identity_t<RepeatableWith<std::remove_cvref_t<Args>...>> repeatable,
                   OperationContext&& context, Args&&... args) const
    {
        using Arguments = std::tuple<std::remove_cvref_t<Args>...>;
        return run_policies<Method, Interface, std::remove_cvref_t<Args>...>(shared_, *shared_->inner, *shared_->chain,
                                                                             operation, std::move(context), repeatable,
                                                                             Arguments(std::forward<Args>(args)...));
    }

private:
    std::shared_ptr<Shared> shared_;
};

/// decorate() for tests: with their own clock and random numbers.
std::shared_ptr<AbstractDatabaseAdapter> decorate_with(std::shared_ptr<AbstractDatabaseAdapter> database,
                                                       const ResilienceConfig& config,
                                                       std::shared_ptr<OperationObserver> observer,
                                                       ChainSources sources);
std::shared_ptr<VectorDatabaseManager> decorate_with(std::shared_ptr<VectorDatabaseManager> vector_db,
                                                     const ResilienceConfig& config,
                                                     std::shared_ptr<OperationObserver> observer, ChainSources sources);
std::shared_ptr<ConversationCacheManager> decorate_with(std::shared_ptr<ConversationCacheManager> cache,
                                                        const ResilienceConfig& config,
                                                        std::shared_ptr<OperationObserver> observer,
                                                        ChainSources sources);
std::shared_ptr<GraphDatabaseManager> decorate_with(std::shared_ptr<GraphDatabaseManager> graph,
                                                    const ResilienceConfig& config,
                                                    std::shared_ptr<OperationObserver> observer, ChainSources sources);

} // namespace whisperstore
