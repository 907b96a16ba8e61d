#include "sqlite/connection.hpp"
#include "sqlite/file_lock.hpp"

#include <whisperstore/core/time.hpp>

#include <sqlite3.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace whisperstore::sqlite {

namespace {

StorageErrc from_errno(int error) noexcept
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE: return StorageErrc::resource_exhausted;
    case ENOENT:
    case ENOTDIR: return StorageErrc::not_found;
    case EACCES:
    case EPERM:
    case EROFS: return StorageErrc::permission;
    default: return StorageErrc::unavailable;
    }
}

[[noreturn]] void throw_errno(int error, const std::string& what, std::string_view backend)
{
    ErrorDetails details;
    details.backend = backend;
    details.native_code = "errno " + std::to_string(error);
    throw StorageError(from_errno(error), what + ": " + std::generic_category().message(error), std::move(details));
}

} // namespace

void make_private_directory(const std::filesystem::path& path, std::string_view backend)
{
    if (path.empty() || std::filesystem::is_directory(path))
        return;
    make_private_directory(path.parent_path(), backend);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        throw_errno(errno, "cannot create the folder " + path.string(), backend);
    if (!std::filesystem::is_directory(path))
        throw StorageError(StorageErrc::permission, path.string() + " is not a folder", ErrorDetails{std::string(backend)});
}

void sync_path(const std::filesystem::path& path, std::string_view backend)
{
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        throw_errno(errno, "cannot open " + path.string(), backend);
    const int failed = ::fsync(file) == 0 ? 0 : errno;
    ::close(file);
    if (failed)
        throw_errno(failed, "cannot make " + path.string() + " durable", backend);
}

void publish_file(const std::filesystem::path& partial, const std::filesystem::path& path, std::string_view backend)
{
    sync_path(partial, backend);
    // A hard link never replaces a file that appeared meanwhile, as a rename would.
    if (::link(partial.c_str(), path.c_str()) != 0) {
        if (errno == EEXIST)
            throw StorageError(StorageErrc::already_exists, path.string() + " exists already; choose another path",
                               ErrorDetails{std::string(backend)});
        throw_errno(errno, "cannot create " + path.string(), backend);
    }
    if (::unlink(partial.c_str()) != 0)
        throw_errno(errno, "cannot remove " + partial.string(), backend);
    sync_path(path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path(), backend);
}

FileLock::FileLock(std::filesystem::path path, std::string_view what, std::string_view backend)
{
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor_ < 0)
        throw_errno(errno, "cannot open the lock file " + path.string(), backend);
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        std::array<char, 256> holder{};
        const ssize_t size = ::pread(descriptor_, holder.data(), holder.size() - 1, 0);
        ::close(descriptor_);
        if (error != EWOULDBLOCK)
            throw_errno(error, "cannot lock " + path.string(), backend);
        ErrorDetails details;
        details.backend = backend;
        details.operation = "open";
        details.native_code = "EWOULDBLOCK";
        details.retryable = true;
        throw StorageError(StorageErrc::unavailable,
                           std::string(what) + " " + path.parent_path().string() + " is in use by " +
                               (size > 0 ? std::string(holder.data(), static_cast<std::size_t>(size)) : "another process") +
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

void check_file(const std::filesystem::path& path, std::string_view backend)
{
    const auto damaged = [&](const std::string& why) {
        return StorageError(StorageErrc::corrupt, path.string() + " " + why, ErrorDetails{std::string(backend)});
    };
    std::ifstream file(path, std::ios::binary);
    if (!std::filesystem::is_regular_file(path) || !file)
        throw StorageError(StorageErrc::not_found, path.string() + " is not a readable file",
                           ErrorDetails{std::string(backend)});
    std::array<char, 16> header{};
    file.read(header.data(), header.size());
    if (file.gcount() != 16 || std::memcmp(header.data(), "SQLite format 3", 16) != 0)
        throw damaged("is not a SQLite database");

    OpenOptions options;
    options.path = path;
    options.read_only = true;
    options.backend = backend;
    Connection connection(options);
    const std::string integrity = connection.query_text("PRAGMA integrity_check(1)");
    if (integrity != "ok")
        throw damaged("is damaged: " + integrity);
    Statement orphans = connection.prepare("PRAGMA foreign_key_check");
    if (orphans.step())
        throw damaged("has rows of " + std::string(orphans.column_text(0)) + " that refer to missing rows of " +
                      std::string(orphans.column_text(2)));
}

void copy_database(Connection& from, Connection& to)
{
    sqlite3_backup* backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
    if (!backup)
        to.fail(sqlite3_errcode(to.handle()));
    const int stepped = sqlite3_backup_step(backup, -1);
    const int finished = sqlite3_backup_finish(backup);
    if (stepped != SQLITE_DONE || finished != SQLITE_OK) {
        const int code = stepped == SQLITE_DONE ? finished : stepped;
        throw make_error(code, sqlite3_errstr(code), to.options().path, to.options().backend);
    }
}

} // namespace whisperstore::sqlite
