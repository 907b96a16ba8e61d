#pragma once
// The one coroutine that every decorated call is.

#include "resilience/policy_chain.hpp"

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace whisperstore {

/// Whether an operation that `depends` may be run again with these arguments.
template <typename... Args>
using RepeatableWith = bool (*)(const Args&... args);

namespace detail {

template <auto Method, typename Target, typename... Args>
constexpr bool takes_context = std::is_invocable_v<decltype(Method), Target&, Args..., OperationContext>;

/// One attempt, with copies of the arguments where another may follow. What is copied or made here
/// goes straight into the method's parameters.
template <auto Method, typename Target, typename... Args>
auto attempt(Target& target, std::tuple<Args...>& args, PolicyCall& call)
{
    const bool keep = call.keeps_arguments();
    return std::apply(
        [&](Args&... each) {
            if constexpr (takes_context<Method, Target, Args...>)
                return keep ? (target.*Method)(Args(each)..., call.attempt_context(true))
                            : (target.*Method)(std::move(each)..., call.attempt_context(false));
            else {
                static_cast<void>(call.attempt_context(keep));
                return (target.*Method)(std::move(each)...);
            }
        },
        args);
}

template <auto Method, typename Target, typename... Args>
using ResultOf = typename decltype(attempt<Method>(std::declval<Target&>(), std::declval<std::tuple<Args...>&>(),
                                                   std::declval<PolicyCall&>()))::value_type;

} // namespace detail

/// Calls `(target.*Method)(args…, context)` through the layers. A span or pointer among the arguments
/// must stay valid until it ends.
/// \param alive keeps target and chain alive until then. \param repeatable null where the operation
/// does not depend on its arguments.
template <auto Method, typename Target, typename... Args>
awaitable<detail::ResultOf<Method, Target, Args...>>
run_policies(std::shared_ptr<const void> alive, Target& target, PolicyChain& chain, const Operation& operation,
             OperationContext context, std::type_identity_t<RepeatableWith<Args...>> repeatable,
             std::tuple<Args...> args)
{
    static_cast<void>(alive);
    using Result = detail::ResultOf<Method, Target, Args...>;
    const auto again = [&] {
        return operation.repeatable == Repeatable::yes ||
               (operation.repeatable == Repeatable::depends && repeatable && std::apply(repeatable, args));
    };
    PolicyCall call(chain, operation, context);
    while (true) {
        if (!call.begin_attempt())
            co_await call.wait_for_turn();
        PolicyCall::Clock::duration delay;
        try {
            awaitable<Result> work = detail::attempt<Method>(target, args, call);
            if constexpr (std::is_void_v<Result>) {
                co_await std::move(work);
                call.succeeded();
                co_return;
            } else {
                Result result = co_await std::move(work);
                call.succeeded();
                co_return result;
            }
        } catch (...) {
            delay = call.failed(again);
        }
        co_await call.back_off(delay);
    }
}

} // namespace whisperstore
