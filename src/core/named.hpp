#pragma once
// The edge of an operation.

#include "core/failure.hpp"

#include <whisperstore/core/async.hpp>

#include <string_view>
#include <utility>

namespace whisperstore {

/// Whatever `work` throws becomes a StorageError that names the backend and the operation; both outlive the work.
template <typename T>
awaitable<T> named(std::string_view backend, std::string_view operation, awaitable<T> work)
{
    try {
        co_return co_await std::move(work);
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

} // namespace whisperstore
