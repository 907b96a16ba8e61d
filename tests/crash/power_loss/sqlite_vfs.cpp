#include "crash/power_loss/sqlite_vfs.hpp"

#include "crash/power_loss/disk.hpp"
#include "crash/power_loss/file_recorder.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>

namespace whisperstore::test {

namespace {

sqlite3_vfs* usual = nullptr;

/// A file of the watched disk. SQLite gives the memory; the usual VFS's own file follows behind.
struct WatchedFile
{
    sqlite3_file base{};
    std::shared_ptr<Disk> disk;
    FileId id = 0;

    sqlite3_file* real() noexcept { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

WatchedFile& watched(sqlite3_file* file) noexcept { return *reinterpret_cast<WatchedFile*>(file); }
sqlite3_file* real(sqlite3_file* file) noexcept { return watched(file).real(); }
const sqlite3_io_methods& real_methods(sqlite3_file* file) noexcept { return *real(file)->pMethods; }

int fault_code(WatchedFile& file, DiskOperation operation, int code)
{
    const int error = file.disk->fault(operation);
    if (error == 0)
        return SQLITE_OK;
    errno = error; // where the usual VFS's xGetLastError finds it
    // As the usual VFS has it: only a write without space is SQLITE_FULL.
    return error == ENOSPC && operation == DiskOperation::write ? SQLITE_FULL : code;
}

int close_file(sqlite3_file* file)
{
    const RecordedElsewhere here;
    const int code = real_methods(file).xClose(real(file));
    std::destroy_at(&watched(file));
    return code;
}

int read_file(sqlite3_file* file, void* data, int size, sqlite3_int64 offset)
{
    return real_methods(file).xRead(real(file), data, size, offset);
}

int write_file(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset)
{
    const RecordedElsewhere here;
    WatchedFile& self = watched(file);
    const std::string_view bytes(static_cast<const char*>(data), static_cast<std::size_t>(size));
    const auto at = static_cast<std::uint64_t>(offset);
    if (const int code = fault_code(self, DiskOperation::write, SQLITE_IOERR_WRITE); code != SQLITE_OK) {
        // What still fits is written, as write(2) does.
        if (const int fits = size / 2;
            fits > 0 && real_methods(file).xWrite(real(file), data, fits, offset) == SQLITE_OK)
            self.disk->write(self.id, at, bytes.substr(0, static_cast<std::size_t>(fits)));
        return code;
    }
    const int code = real_methods(file).xWrite(real(file), data, size, offset);
    if (code == SQLITE_OK)
        self.disk->write(self.id, at, bytes);
    return code;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size)
{
    const RecordedElsewhere here;
    WatchedFile& self = watched(file);
    if (const int code = fault_code(self, DiskOperation::resize, SQLITE_IOERR_TRUNCATE); code != SQLITE_OK)
        return code;
    const int code = real_methods(file).xTruncate(real(file), size);
    if (code == SQLITE_OK)
        self.disk->resize(self.id, static_cast<std::uint64_t>(size));
    return code;
}

int sync_file(sqlite3_file* file, int flags)
{
    const RecordedElsewhere here;
    WatchedFile& self = watched(file);
    if (const int code = fault_code(self, DiskOperation::sync, SQLITE_IOERR_FSYNC); code != SQLITE_OK)
        return code;
    // Before the usual VFS syncs the directory of a new journal, as it does after the file.
    self.disk->sync(self.id);
    return real_methods(file).xSync(real(file), flags);
}

int file_size(sqlite3_file* file, sqlite3_int64* size) { return real_methods(file).xFileSize(real(file), size); }
int lock_file(sqlite3_file* file, int level) { return real_methods(file).xLock(real(file), level); }
int unlock_file(sqlite3_file* file, int level) { return real_methods(file).xUnlock(real(file), level); }
int check_lock(sqlite3_file* file, int* held) { return real_methods(file).xCheckReservedLock(real(file), held); }

int file_control(sqlite3_file* file, int operation, void* argument)
{
    return real_methods(file).xFileControl(real(file), operation, argument);
}

int sector_size(sqlite3_file* file) { return real_methods(file).xSectorSize(real(file)); }
int characteristics(sqlite3_file* file) { return real_methods(file).xDeviceCharacteristics(real(file)); }

int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** memory)
{
    return real_methods(file).xShmMap(real(file), page, size, extend, memory);
}

int lock_shared(sqlite3_file* file, int offset, int count, int flags)
{
    return real_methods(file).xShmLock(real(file), offset, count, flags);
}

void barrier(sqlite3_file* file) { real_methods(file).xShmBarrier(real(file)); }
int unmap_shared(sqlite3_file* file, int remove) { return real_methods(file).xShmUnmap(real(file), remove); }

int fetch(sqlite3_file* file, sqlite3_int64 offset, int size, void** memory)
{
    return real_methods(file).xFetch(real(file), offset, size, memory);
}

int unfetch(sqlite3_file* file, sqlite3_int64 offset, void* memory)
{
    return real_methods(file).xUnfetch(real(file), offset, memory);
}

constexpr sqlite3_io_methods methods{
    3,           close_file,  read_file,    write_file,   truncate_file, sync_file,       file_size,
    lock_file,   unlock_file, check_lock,   file_control, sector_size,   characteristics, map_shared,
    lock_shared, barrier,     unmap_shared, fetch,        unfetch};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out)
{
    auto disk = name ? Disk::watched() : nullptr;
    if (!disk || !disk->contains(name))
        return usual->xOpen(usual, name, file, flags, flags_out);

    auto* const self = new (file) WatchedFile;
    self->real()->pMethods = nullptr;
    const RecordedElsewhere here;
    const int code = usual->xOpen(usual, name, self->real(), flags, flags_out);
    if (code != SQLITE_OK) {
        std::destroy_at(self);
        file->pMethods = nullptr;
        return code;
    }
    const auto id = disk->find(name);
    if (!id)
        throw std::logic_error(std::string("a file escaped the watch: ") + name);
    self->id = *id;
    self->disk = std::move(disk);
    self->base.pMethods = &methods;
    return SQLITE_OK;
}

int delete_file(sqlite3_vfs*, const char* name, int sync_directory)
{
    const RecordedElsewhere here;
    return usual->xDelete(usual, name, sync_directory);
}

} // namespace

void install_sqlite_vfs()
{
    static std::once_flag once;
    std::call_once(once, [] {
        usual = sqlite3_vfs_find(nullptr);
        // Whatever needs no watching is the usual VFS's own function, which ignores the VFS it is given.
        static sqlite3_vfs ours = *usual;
        ours.zName = "power_loss";
        ours.szOsFile = static_cast<int>(sizeof(WatchedFile)) + usual->szOsFile;
        ours.xOpen = open_file;
        ours.xDelete = delete_file;
        if (sqlite3_vfs_register(&ours, 1) != SQLITE_OK)
            throw std::logic_error("SQLite does not take the VFS");
    });
}

} // namespace whisperstore::test
