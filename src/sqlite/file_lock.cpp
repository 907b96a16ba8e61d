#include "sqlite/file_lock.hpp"

#include "core/failure.hpp"
#include "sqlite/files.hpp"

#include <whisperstore/core/time.hpp>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace whisperstore::sqlite {

namespace {

/// What the holder wrote about itself. It does so right after it got the lock, so an empty file is
/// looked at again for a moment.
std::string read_holder(int descriptor)
{
    std::array<char, 256> text{};
    for (int attempt = 0; attempt < 50; ++attempt) {
        const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
        if (size > 0)
            return {text.data(), static_cast<std::size_t>(size)};
        ::usleep(1000);
    }
    return "another process";
}

} // namespace

FileLock::FileLock(std::filesystem::path path, std::string_view what, std::string_view backend)
{
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor_ < 0)
        throw_errno(errno, "cannot open the lock file " + path.string(), backend);
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        const std::string holder = error == EWOULDBLOCK ? read_holder(descriptor_) : std::string();
        ::close(descriptor_);
        if (error != EWOULDBLOCK)
            throw_errno(error, "cannot lock " + path.string(), backend);
        ErrorDetails details;
        details.backend = backend;
        details.operation = "open";
        details.native_code = "EWOULDBLOCK";
        details.retryable = true;
        throw StorageError(StorageErrc::unavailable,
                           std::string(what) + " " + path.parent_path().string() + " is in use by " + holder +
                               ": stop it, or open read-only",
                           std::move(details));
    }
    const std::string text = "process " + std::to_string(::getpid()) + " since " + format_timestamp(now());
    if (::ftruncate(descriptor_, 0) != 0 ||
        ::pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        const int error = errno;
        ::close(descriptor_);
        throw_errno(error, "cannot write the lock file " + path.string(), backend);
    }
}

FileLock::~FileLock()
{
    // The file stays: unlinking it would let two processes lock two different files of one name.
    ::close(descriptor_);
}

} // namespace whisperstore::sqlite
