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
auto invoke_method(Target& target, OperationContext context, Args... args)
{
    if constexpr (std::is_invocable_v<decltype(Method), Target&, Args..., OperationContext>)
        return (target.*Method)(std::move(args)..., std::move(context));
    else
        return (target.*Method)(std::move(args)...);
}

template <auto Method, typename Target, typename... Args>
auto attempt(Target& target, std::tuple<Args...>& args, bool keep, OperationContext context)
{
    return std::apply(
        [&](Args&... each) {
            return keep ? invoke_method<Method, Target, Args...>(target, std::move(context), Args(each)...)
                        : invoke_method<Method, Target, Args...>(target, std::move(context), std::move(each)...);
        },
        args);
}

template <auto Method, typename Target, typename... Args>
using ResultOf = typename decltype(invoke_method<Method, Target, Args...>(
    std::declval<Target&>(), std::declval<OperationContext>(), std::declval<Args>()...))::value_type;

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
            const bool keep = call.keeps_arguments();
            awaitable<Result> work = detail::attempt<Method>(target, args, keep, call.attempt_context(keep));
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
