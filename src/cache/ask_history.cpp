#include "cache/ask_history.hpp"

#include <whisperstore/core/error.hpp>

#include <exception>
#include <new>
#include <optional>
#include <utility>

namespace whisperstore {

namespace {

/// What is being handled, as one of the errors that callers know.
StorageError history_error(const std::string& channel_id)
{
    const std::string what = "the history of channel '" + channel_id + "' cannot be read: ";
    try {
        throw;
    } catch (const StorageError& error) {
        return error.prefixed(what);
    } catch (const std::bad_alloc&) {
        return StorageError(StorageErrc::resource_exhausted, what + "out of memory");
    } catch (const std::exception& error) {
        return StorageError(StorageErrc::unavailable, what + error.what());
    } catch (...) {
        return StorageError(StorageErrc::unavailable, what + "the history source threw something that is no exception");
    }
}

} // namespace

awaitable<std::vector<CachedMessage>> ask_history(std::string channel_id, std::size_t limit,
                                                  std::shared_ptr<const HistorySource> history,
                                                  OperationContext context)
{
    std::optional<StorageError> failure;
    try {
        awaitable<std::vector<UniversalMessage>> reading = (*history)(channel_id, limit, std::move(context));
        std::vector<UniversalMessage> messages = co_await std::move(reading);
        co_return cached_history(channel_id, std::move(messages), limit);
    } catch (...) {
        failure = history_error(channel_id);
    }
    throw *failure;
}

} // namespace whisperstore
