#pragma once
// Turning whatever was thrown into a StorageError.

#include <whisperstore/core/error.hpp>

#include <string_view>
#include <system_error>

namespace whisperstore {

/// The portable code of a failed system call (std::generic_category or std::system_category).
StorageErrc errc_of(const std::error_code& code) noexcept;

/// For `catch (...)` at the edge of an operation: throws the current exception as a StorageError that
/// names backend and operation. What is no StorageError yet is mapped: a coroutine that was cancelled
/// between two steps (Asio throws operation_aborted there) to `cancelled`, exhausted memory to
/// `resource_exhausted`, file systems and system calls by their error number.
[[noreturn]] void rethrow_as_storage_error(std::string_view backend, std::string_view operation);

} // namespace whisperstore
