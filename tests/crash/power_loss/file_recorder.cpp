#include "crash/power_loss/file_recorder.hpp"

#include "crash/power_loss/disk.hpp"

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace whisperstore::test {

namespace {

namespace fs = std::filesystem;

thread_local int elsewhere = 0;

template <typename Function>
Function* next(const char* name)
{
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// Leaves errno as the real call left it.
class KeepErrno
{
public:
    KeepErrno() noexcept : value_(errno) {}
    ~KeepErrno() { errno = value_; }
    KeepErrno(const KeepErrno&) = delete;
    KeepErrno& operator=(const KeepErrno&) = delete;

private:
    int value_;
};

std::string path_of(int descriptor)
{
    std::array<char, 4096> buffer{};
    const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
    const ssize_t size = ::readlink(link.c_str(), buffer.data(), buffer.size());
    return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
}

fs::path absolute_at(int directory, const char* path)
{
    const fs::path given = path;
    if (given.is_absolute())
        return given.lexically_normal();
    return ((directory == AT_FDCWD ? fs::current_path() : fs::path(path_of(directory))) / given).lexically_normal();
}

bool is_there(const fs::path& path)
{
    struct stat info{};
    return ::lstat(path.c_str(), &info) == 0;
}

/// The wal-index is not watched, see Disk.
bool is_watched(const Disk& disk, const fs::path& path)
{
    return disk.contains(path) && !path.native().ends_with("-shm");
}

/// The watched disk for a path on it, else null.
std::shared_ptr<Disk> disk_of(const fs::path& path)
{
    auto disk = Disk::watched();
    return disk && is_watched(*disk, path) ? disk : nullptr;
}

struct OpenFile
{
    std::shared_ptr<Disk> disk;
    FileId id = 0;
    bool directory = false;
};

/// What a descriptor stands for on the watched disk; a null disk when it is elsewhere.
OpenFile open_file(int descriptor)
{
    const KeepErrno keep;
    OpenFile file;
    auto disk = Disk::watched();
    if (!disk)
        return file;
    const fs::path path = path_of(descriptor);
    if (path != disk->root() && !is_watched(*disk, path))
        return file;
    struct stat info{};
    const auto id = disk->find(path);
    if (!id || ::fstat(descriptor, &info) != 0)
        return file; // its name is gone, and its content with it
    file.disk = std::move(disk);
    file.id = *id;
    file.directory = S_ISDIR(info.st_mode);
    return file;
}

bool fails(const std::shared_ptr<Disk>& disk, DiskOperation operation)
{
    const int error = disk->fault(operation);
    if (error != 0)
        errno = error;
    return error != 0;
}

/// Opens a file by `call` and reports its creation or emptying.
template <typename Call>
int record_open(const fs::path& path, int flags, Call call)
{
    const auto disk = (flags & (O_CREAT | O_TRUNC)) != 0 ? disk_of(path) : nullptr;
    if (!disk)
        return call();
    const bool existed = is_there(path);
    if (!existed && (flags & O_CREAT) != 0 && fails(disk, DiskOperation::create))
        return -1;
    const int descriptor = call();
    if (descriptor < 0)
        return descriptor;
    if (!existed)
        disk->create(path);
    else if ((flags & O_TRUNC) != 0)
        disk->resize(*disk->find(path), 0);
    return descriptor;
}

FILE* record_fopen(const char* path, const char* mode, FILE* (*real)(const char*, const char*))
{
    const fs::path absolute = absolute_at(AT_FDCWD, path);
    const auto disk = *mode == 'r' ? nullptr : disk_of(absolute);
    if (!disk)
        return real(path, mode);
    const bool existed = is_there(absolute);
    if (!existed && fails(disk, DiskOperation::create))
        return nullptr;
    FILE* const stream = real(path, mode);
    if (!stream)
        return nullptr;
    if (!existed)
        disk->create(absolute);
    else if (*mode == 'w')
        disk->resize(*disk->find(absolute), 0);
    return stream;
}

/// Reports a write that `call` makes at `offset` (-1: at the file's own position).
template <typename Call>
ssize_t record_write(int descriptor, const void* data, std::size_t size, off_t offset, Call call)
{
    const OpenFile file = elsewhere == 0 ? open_file(descriptor) : OpenFile();
    if (!file.disk)
        return call();
    if (fails(file.disk, DiskOperation::write))
        return -1;
    const ssize_t written = call();
    if (written > 0) {
        const KeepErrno keep;
        const off_t at = offset >= 0 ? offset : ::lseek(descriptor, 0, SEEK_CUR) - written;
        file.disk->write(
            file.id, static_cast<std::uint64_t>(at),
            std::string_view(static_cast<const char*>(data), std::min(size, static_cast<std::size_t>(written))));
    }
    return written;
}

template <typename Call>
int record_resize(int descriptor, off_t size, Call call)
{
    const OpenFile file = elsewhere == 0 ? open_file(descriptor) : OpenFile();
    if (file.disk && fails(file.disk, DiskOperation::resize))
        return -1;
    const int result = call();
    if (file.disk && result == 0)
        file.disk->resize(file.id, static_cast<std::uint64_t>(size));
    return result;
}

int record_sync(int descriptor)
{
    const OpenFile file = open_file(descriptor);
    if (!file.disk)
        return 0;
    if (file.directory) {
        if (fails(file.disk, DiskOperation::sync_directory))
            return -1;
        file.disk->sync_directory(file.id);
    } else if (elsewhere == 0) {
        if (fails(file.disk, DiskOperation::sync))
            return -1;
        file.disk->sync(file.id);
    }
    return 0;
}

template <typename Call>
int record_rename(const fs::path& from, const fs::path& to, Call call)
{
    const auto disk = disk_of(from);
    if (disk && fails(disk, DiskOperation::rename))
        return -1;
    const int result = call();
    if (disk && result == 0)
        disk->rename(from, to);
    return result;
}

template <typename Call>
int record_link(const fs::path& from, const fs::path& to, Call call)
{
    const auto disk = disk_of(to);
    if (disk && fails(disk, DiskOperation::link))
        return -1;
    const int result = call();
    if (disk && result == 0)
        disk->link(from, to);
    return result;
}

template <typename Call>
int record_remove(const fs::path& path, Call call)
{
    const auto disk = disk_of(path);
    if (disk && is_there(path) && fails(disk, DiskOperation::remove))
        return -1;
    const int result = call();
    if (disk && result == 0)
        disk->remove(path);
    return result;
}

template <typename Call>
int record_make_directory(const fs::path& path, Call call)
{
    const auto disk = disk_of(path);
    if (disk && !is_there(path) && fails(disk, DiskOperation::make_directory))
        return -1;
    const int result = call();
    if (disk && result == 0)
        disk->make_directory(path);
    return result;
}

/// Its name is known when it is there.
char* record_temporary_directory(char* name, char* (*real)(char*))
{
    const auto disk = disk_of(absolute_at(AT_FDCWD, name));
    if (disk && fails(disk, DiskOperation::make_directory))
        return nullptr;
    char* const made = real(name);
    if (disk && made)
        disk->make_directory(absolute_at(AT_FDCWD, made));
    return made;
}

} // namespace

RecordedElsewhere::RecordedElsewhere() noexcept { ++elsewhere; }
RecordedElsewhere::~RecordedElsewhere() { --elsewhere; }

} // namespace whisperstore::test

// The C library's calls. Each records and passes on.
namespace recorder = whisperstore::test;

extern "C" {

int open(const char* path, int flags, ...)
{
    std::va_list arguments;
    va_start(arguments, flags);
    const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
    va_end(arguments);
    static auto* const real = recorder::next<int(const char*, int, ...)>("open");
    return recorder::record_open(recorder::absolute_at(AT_FDCWD, path), flags, [&] { return real(path, flags, mode); });
}

int open64(const char* path, int flags, ...)
{
    std::va_list arguments;
    va_start(arguments, flags);
    const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
    va_end(arguments);
    static auto* const real = recorder::next<int(const char*, int, ...)>("open64");
    return recorder::record_open(recorder::absolute_at(AT_FDCWD, path), flags, [&] { return real(path, flags, mode); });
}

int openat(int directory, const char* path, int flags, ...)
{
    std::va_list arguments;
    va_start(arguments, flags);
    const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
    va_end(arguments);
    static auto* const real = recorder::next<int(int, const char*, int, ...)>("openat");
    return recorder::record_open(recorder::absolute_at(directory, path), flags,
                                 [&] { return real(directory, path, flags, mode); });
}

FILE* fopen(const char* path, const char* mode)
{
    static auto* const real = recorder::next<FILE*(const char*, const char*)>("fopen");
    return recorder::record_fopen(path, mode, real);
}

FILE* fopen64(const char* path, const char* mode)
{
    static auto* const real = recorder::next<FILE*(const char*, const char*)>("fopen64");
    return recorder::record_fopen(path, mode, real);
}

ssize_t write(int descriptor, const void* data, std::size_t size)
{
    static auto* const real = recorder::next<ssize_t(int, const void*, std::size_t)>("write");
    return recorder::record_write(descriptor, data, size, -1, [&] { return real(descriptor, data, size); });
}

ssize_t writev(int descriptor, const struct iovec* parts, int count)
{
    static auto* const real = recorder::next<ssize_t(int, const struct iovec*, int)>("writev");
    std::string all;
    if (recorder::elsewhere == 0 && recorder::Disk::watched())
        for (int i = 0; i < count; ++i)
            all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    return recorder::record_write(descriptor, all.data(), all.size(), -1,
                                  [&] { return real(descriptor, parts, count); });
}

ssize_t pwrite(int descriptor, const void* data, std::size_t size, off_t offset)
{
    static auto* const real = recorder::next<ssize_t(int, const void*, std::size_t, off_t)>("pwrite");
    return recorder::record_write(descriptor, data, size, offset, [&] { return real(descriptor, data, size, offset); });
}

ssize_t pwrite64(int descriptor, const void* data, std::size_t size, off64_t offset)
{
    static auto* const real = recorder::next<ssize_t(int, const void*, std::size_t, off64_t)>("pwrite64");
    return recorder::record_write(descriptor, data, size, offset, [&] { return real(descriptor, data, size, offset); });
}

int ftruncate(int descriptor, off_t size) noexcept
{
    static auto* const real = recorder::next<int(int, off_t)>("ftruncate");
    return recorder::record_resize(descriptor, size, [&] { return real(descriptor, size); });
}

int ftruncate64(int descriptor, off64_t size) noexcept
{
    static auto* const real = recorder::next<int(int, off64_t)>("ftruncate64");
    return recorder::record_resize(descriptor, size, [&] { return real(descriptor, size); });
}

int fsync(int descriptor) { return recorder::record_sync(descriptor); }
int fdatasync(int descriptor) { return recorder::record_sync(descriptor); }

int rename(const char* from, const char* to) noexcept
{
    static auto* const real = recorder::next<int(const char*, const char*)>("rename");
    return recorder::record_rename(recorder::absolute_at(AT_FDCWD, from), recorder::absolute_at(AT_FDCWD, to),
                                   [&] { return real(from, to); });
}

int renameat2(int from_directory, const char* from, int to_directory, const char* to, unsigned int flags) noexcept
{
    static auto* const real = recorder::next<int(int, const char*, int, const char*, unsigned int)>("renameat2");
    return recorder::record_rename(recorder::absolute_at(from_directory, from), recorder::absolute_at(to_directory, to),
                                   [&] { return real(from_directory, from, to_directory, to, flags); });
}

int link(const char* from, const char* to) noexcept
{
    static auto* const real = recorder::next<int(const char*, const char*)>("link");
    return recorder::record_link(recorder::absolute_at(AT_FDCWD, from), recorder::absolute_at(AT_FDCWD, to),
                                 [&] { return real(from, to); });
}

int unlink(const char* path) noexcept
{
    static auto* const real = recorder::next<int(const char*)>("unlink");
    return recorder::record_remove(recorder::absolute_at(AT_FDCWD, path), [&] { return real(path); });
}

int unlinkat(int directory, const char* path, int flags) noexcept
{
    static auto* const real = recorder::next<int(int, const char*, int)>("unlinkat");
    return recorder::record_remove(recorder::absolute_at(directory, path),
                                   [&] { return real(directory, path, flags); });
}

int rmdir(const char* path) noexcept
{
    static auto* const real = recorder::next<int(const char*)>("rmdir");
    return recorder::record_remove(recorder::absolute_at(AT_FDCWD, path), [&] { return real(path); });
}

int remove(const char* path) noexcept
{
    static auto* const real = recorder::next<int(const char*)>("remove");
    return recorder::record_remove(recorder::absolute_at(AT_FDCWD, path), [&] { return real(path); });
}

int mkdir(const char* path, mode_t mode) noexcept
{
    static auto* const real = recorder::next<int(const char*, mode_t)>("mkdir");
    return recorder::record_make_directory(recorder::absolute_at(AT_FDCWD, path), [&] { return real(path, mode); });
}

char* mkdtemp(char* name) noexcept
{
    static auto* const real = recorder::next<char*(char*)>("mkdtemp");
    return recorder::record_temporary_directory(name, real);
}

} // extern "C"
