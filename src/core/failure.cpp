#include "core/failure.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <cerrno>
#include <filesystem>
#include <new>
#include <string>

namespace whisperstore {

StorageErrc errc_of(const std::error_code& code) noexcept
{
    if (code.category() != std::generic_category() && code.category() != std::system_category())
        return StorageErrc::unavailable;
    switch (code.value()) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
        return StorageErrc::resource_exhausted;
    case ENOENT:
        return StorageErrc::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case EISDIR:
        return StorageErrc::permission;
    case ENAMETOOLONG:
    case EINVAL:
        return StorageErrc::invalid_argument;
    default:
        return StorageErrc::unavailable;
    }
}

void rethrow_as_storage_error(std::string_view backend, std::string_view operation)
{
    ErrorDetails details;
    details.backend = backend;
    details.operation = operation;
    try {
        throw;
    } catch (const StorageError& error) {
        throw error.within(backend, operation);
    } catch (const boost::system::system_error& error) {
        if (error.code() == boost::asio::error::operation_aborted)
            throw StorageError(StorageErrc::cancelled, std::string(operation) + " was cancelled by its caller",
                               std::move(details));
        details.native_code = error.code().to_string();
        throw StorageError(StorageErrc::unavailable, error.what(), std::move(details));
    } catch (const std::filesystem::filesystem_error& error) {
        details.native_code = "errno " + std::to_string(error.code().value());
        throw StorageError(errc_of(error.code()), error.path1().string() + ": " + error.code().message(),
                           std::move(details));
    } catch (const std::system_error& error) {
        details.native_code = "errno " + std::to_string(error.code().value());
        throw StorageError(errc_of(error.code()), error.what(), std::move(details));
    } catch (const std::bad_alloc&) {
        throw StorageError(StorageErrc::resource_exhausted, "out of memory", std::move(details));
    }
}

} // namespace whisperstore
