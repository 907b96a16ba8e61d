#include "backup/backup_folder.hpp"

#include "core/hash.hpp"
#include "sqlite/files.hpp"

#include <whisperstore/core/error.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view backend = "backup";
constexpr std::string_view manifest_name = "backup_manifest.json";
constexpr std::array<std::string_view, 2> component_types{"database", "vector_db"};

[[noreturn]] void fail(int error, const std::string& what) { sqlite::throw_errno(error, what, backend); }

[[noreturn]] void refuse_existing(const fs::path& path)
{
    throw StorageError(StorageErrc::already_exists, path.string() + " exists already; choose another folder");
}

bool is_same_file(int descriptor, const fs::path& path)
{
    struct stat opened{};
    struct stat named{};
    return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
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
        if (is_same_file(descriptor, folder))
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

std::string read_manifest(const fs::path& backup_path)
{
    std::error_code ignored; // told as not readable
    std::ifstream stream(backup_path / manifest_name, std::ios::binary);
    if (!fs::is_regular_file(backup_path / manifest_name, ignored) || !stream)
        throw StorageError(StorageErrc::not_found,
                           backup_path.string() + " is not a backup: it has no readable " + std::string(manifest_name));
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void check_component(const BackupComponent& component)
{
    // A link could lead out of the folder, where the manifest may not point.
    if (!fs::is_regular_file(fs::symlink_status(component.path)))
        throw StorageError(StorageErrc::corrupt, component.path.string() + " is missing from the backup");
    if (const std::uint64_t size = fs::file_size(component.path); size != component.size_bytes)
        throw StorageError(StorageErrc::corrupt, component.path.string() + " has " + std::to_string(size) +
                                                     " bytes, the manifest says " +
                                                     std::to_string(component.size_bytes));
    if (sha256_hex_of_file(component.path) != component.sha256)
        throw StorageError(StorageErrc::corrupt,
                           component.path.string() +
                               " does not have the checksum of the manifest: it was changed or damaged");
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

PartialBackup::PartialBackup(fs::path path) : path_(std::move(path)), partial_(path_.string() + ".partial")
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

BackupComponent PartialBackup::describe(std::string type, std::string_view made_from) const
{
    BackupComponent component;
    component.sha256 = sha256_hex_of_file(partial_ / type);
    component.size_bytes = fs::file_size(partial_ / type);
    component.path = path_ / type;
    component.type = std::move(type);
    component.backend = made_from;
    return component;
}

void PartialBackup::publish(const BackupManifest& manifest)
{
    write_durably(partial_ / manifest_name, json::serialize(manifest.to_dict()) + "\n");
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

const BackupComponent& component_of(const BackupManifest& manifest, std::string_view type)
{
    for (const BackupComponent& component : manifest.components)
        if (component.type == type)
            return component;
    throw StorageError(StorageErrc::corrupt,
                       manifest.backup_path.string() + " holds no component '" + std::string(type) + "'");
}

BackupManifest read_and_check_backup(const fs::path& backup_path)
{
    const std::string text = read_manifest(backup_path);
    json::object data;
    try {
        data = parse_json_object(text, manifest_name);
    } catch (const StorageError& error) {
        throw StorageError(StorageErrc::corrupt,
                           (backup_path / manifest_name).string() + " is damaged: " + error.message());
    }
    BackupManifest manifest = BackupManifest::from_dict(data, backup_path);
    for (const std::string_view type : component_types)
        static_cast<void>(component_of(manifest, type));
    for (const BackupComponent& component : manifest.components)
        check_component(component);
    return manifest;
}

} // namespace whisperstore
