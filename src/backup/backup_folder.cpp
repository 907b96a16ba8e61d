#include "backup/backup_folder.hpp"

#include "backup/manifest_file.hpp"
#include "sqlite/files.hpp"
#include "sqlite/work_folder.hpp"

#include <whisperstore/core/error.hpp>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::backup {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view backend = "backup";

[[noreturn]] void fail(int error, const std::string& what) { sqlite::throw_errno(error, what, backend); }

[[noreturn]] void refuse_existing(const fs::path& path)
{
    throw StorageError(StorageErrc::already_exists, path.string() + " exists already; choose another folder");
}

/// Makes the folder, or takes one that a dead process left, and locks it.
int lock_folder(const fs::path& folder, const fs::path& path)
{
    while (true) {
        if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
            fail(errno, "cannot create the folder " + folder.string());
        const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (descriptor < 0 && errno == ENOENT)
            continue; // published or removed by its maker just now
        if (descriptor < 0)
            fail(errno, "cannot open the folder " + folder.string());
        if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
            const int error = errno;
            ::close(descriptor);
            if (error != EWOULDBLOCK)
                fail(error, "cannot lock the folder " + folder.string());
            ErrorDetails details;
            details.retryable = true;
            throw StorageError(StorageErrc::unavailable, "another backup to " + path.string() + " is under way",
                               std::move(details));
        }
        if (sqlite::is_same_file(descriptor, folder))
            return descriptor;
        ::close(descriptor); // its maker was faster, this is no longer the folder of that name
    }
}

void write_durably(const fs::path& path, const std::string& text)
{
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        fail(errno, "cannot create " + path.string());
    std::size_t written = 0;
    int error = 0;
    while (written < text.size() && error == 0) {
        const ssize_t count = ::write(file, text.data() + written, text.size() - written);
        if (count >= 0)
            written += static_cast<std::size_t>(count);
        else if (errno != EINTR)
            error = errno;
    }
    if (error == 0 && ::fsync(file) != 0)
        error = errno;
    ::close(file);
    if (error != 0)
        fail(error, "cannot write " + path.string());
}

/// Some file systems cannot rename without replacing. There an empty folder of that name would be
/// replaced, which loses nothing.
void rename_folder(const fs::path& from, const fs::path& to)
{
    int result = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
    if (result != 0 && (errno == EINVAL || errno == ENOSYS))
        result = ::rename(from.c_str(), to.c_str());
    if (result == 0)
        return;
    if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
        refuse_existing(to);
    fail(errno, "cannot create " + to.string());
}

} // namespace

fs::path absolute_folder(const fs::path& path)
{
    if (path.empty())
        throw StorageError(StorageErrc::invalid_argument, "the path of the backup is empty");
    fs::path absolute = fs::absolute(path).lexically_normal();
    // "backup/" and "backup" are one folder, but their parents differ for the file system.
    return absolute.has_filename() ? absolute : absolute.parent_path();
}

PartialBackup::PartialBackup(fs::path path)
    : path_(std::move(path)), partial_(path_.string() + std::string(partial_suffix))
{
    if (fs::exists(fs::symlink_status(path_)))
        refuse_existing(path_);
    sqlite::make_private_directory(path_.parent_path(), backend);
    descriptor_ = lock_folder(partial_, path_);
    try {
        for (const fs::directory_entry& left_over : fs::directory_iterator(partial_))
            fs::remove_all(left_over.path());
        if (::fchmod(descriptor_, 0700) != 0)
            fail(errno, "cannot make the folder " + partial_.string() + " private");
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

PartialBackup::~PartialBackup()
{
    std::error_code ignored; // what led here is the error to tell; the next backup removes what is left
    if (!published_)
        fs::remove_all(partial_, ignored);
    ::close(descriptor_);
}

void PartialBackup::publish(const std::string& manifest)
{
    write_durably(partial_ / manifest_name, manifest);
    sqlite::sync_path(partial_, backend);
    rename_folder(partial_, path_);
    published_ = true;
    try {
        sqlite::sync_path(path_.parent_path(), backend);
    } catch (const StorageError& error) {
        // Who hears that it failed must not find it there.
        if (::rename(path_.c_str(), partial_.c_str()) != 0)
            throw error.with_outcome(Outcome::unknown);
        published_ = false;
        throw;
    }
}

} // namespace whisperstore::backup
