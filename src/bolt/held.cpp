#include "bolt/session_state.hpp"
#include "protocol/bolt/server_error.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <new>
#include <utility>

namespace whisperstore::bolt {

Held::Held(std::shared_ptr<Router> router, Routed routed, std::string impersonated_user) noexcept
    : router_(std::move(router)), routed_(std::move(routed)), impersonated_user_(std::move(impersonated_user))
{
}

void Held::now_it_counts() noexcept { counts_from_ = connection().sent(); }

Outcome Held::outcome() const noexcept
{
    return counts_from_ && is_open() && connection().sent() > *counts_from_ ? Outcome::unknown : Outcome::not_applied;
}

void Held::give_back() noexcept { routed_.lease.give_back(); }

void Held::fail(StorageError error)
{
    failure_ = error;
    if (is_open()) {
        router_->note(connection().address(), routed_.table, error);
        give_back();
    }
    throw StorageError(std::move(error));
}

/// For `catch (...)`: the connection is of no more use to its session.
void Held::translate()
{
    try {
        throw;
    } catch (const Lost& lost) {
        fail(lost_error(lost, connection().address(), outcome()));
    } catch (const Malformed& malformed) {
        fail(malformed_error(malformed, connection().address(), outcome()));
    } catch (const StorageError& error) {
        if (failure_)
            throw;
        fail(outcome() == Outcome::unknown ? error.with_outcome(Outcome::unknown) : error);
    } catch (const boost::system::system_error& error) {
        if (error.code() == asio::error::operation_aborted)
            failure_ = StorageError(StorageErrc::cancelled, "the query was cancelled by its caller");
        give_back();
        throw;
    } catch (...) {
        failure_ = StorageError(StorageErrc::resource_exhausted, "an answer could not be kept: out of memory");
        give_back();
        throw;
    }
}

Answer Held::checked(Answer answer)
{
    if (answer.kind == ResponseKind::failure)
        fail(server_error(read_failure(answer.metadata), answer.request));
    if (answer.kind == ResponseKind::ignored)
        throw Malformed{"the server ignores " + std::string(to_string(answer.request)) + " without a reason"};
    return answer;
}

awaitable<Answer> Held::answer(OperationContext context)
{
    if (failure_)
        throw StorageError(*failure_);
    if (!is_open())
        throw StorageError(StorageErrc::closed, "the query has ended");
    try {
        Answer answer = co_await connection().answer(std::move(context));
        co_return checked(std::move(answer));
    } catch (...) {
        translate();
    }
}

std::optional<Answer> Held::answer_at_hand()
{
    if (failure_)
        throw StorageError(*failure_);
    if (!is_open())
        return std::nullopt;
    try {
        std::optional<Answer> answer = connection().answer_at_hand();
        if (answer)
            answer = checked(std::move(*answer));
        return answer;
    } catch (...) {
        translate();
    }
}

awaitable<void> Held::wait_for_batch(OperationContext context)
{
    if (failure_)
        throw StorageError(*failure_);
    if (!is_open())
        throw StorageError(StorageErrc::closed, "the query has ended");
    try {
        co_await connection().wait_for_batch(std::move(context));
    } catch (...) {
        translate();
    }
}

std::vector<Value> Held::values(const Answer& record)
{
    try {
        return read_record(record.body, connection().dialect());
    } catch (...) {
        connection().give_up();
        translate();
    }
}

void Held::note_home(Memory& memory, const Map& metadata)
{
    const std::string_view home = find_text(metadata, "db");
    if (home.empty() || routed_.table.empty() || !routed_.database.empty())
        return; // it is not asked for, or known already
    memory.home = home;
    router_->note_home(impersonated_user_, memory.home);
}

} // namespace whisperstore::bolt
