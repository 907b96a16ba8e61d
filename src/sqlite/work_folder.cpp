#include "sqlite/work_folder.hpp"

#include "sqlite/files.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::sqlite {

namespace {

namespace fs = std::filesystem;

std::string prefix_of(std::string_view purpose) { return std::string(".whisperstore-").append(purpose).append("-"); }

/// Of killed processes: nobody holds their locks.
void remove_left_overs(const fs::path& place, const std::string& prefix)
{
    std::error_code unreadable; // then they stay
    for (const fs::directory_entry& entry : fs::directory_iterator(place, unreadable)) {
        struct stat status{};
        if (entry.path().filename().string().starts_with(prefix) && ::lstat(entry.path().c_str(), &status) == 0 &&
            S_ISDIR(status.st_mode) && status.st_uid == ::geteuid())
            remove_left_over_folder(entry.path());
    }
}

/// Its descriptor; -1 and errno where it cannot be locked, or is gone.
int lock_folder(const fs::path& folder) noexcept
{
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
        return -1;
    int error = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    if (error == 0 && !is_same_file(descriptor, folder))
        error = ENOENT;
    if (error == 0)
        return descriptor;
    ::close(descriptor);
    errno = error;
    return -1;
}

} // namespace

bool is_same_file(int descriptor, const fs::path& path)
{
    struct stat opened{};
    struct stat named{};
    return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

bool remove_left_over_folder(const fs::path& folder)
{
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    const bool is_ours = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && is_same_file(descriptor, folder);
    std::error_code failed;
    if (is_ours)
        fs::remove_all(folder, failed);
    ::close(descriptor);
    return is_ours && !failed;
}

WorkFolder::WorkFolder(const fs::path& place, std::string_view purpose) : purpose_(purpose)
{
    remove_left_overs(place, prefix_of(purpose_));
    // Until it is locked somebody else may take the new folder for a left-over.
    constexpr int attempts = 100;
    for (int attempt = 1; descriptor_ < 0; ++attempt) {
        std::string name = (place / (prefix_of(purpose_) + "XXXXXX")).string();
        if (!::mkdtemp(name.data()))
            throw_errno(errno, "cannot create a folder in " + place.string(), purpose_);
        path_ = name;
        descriptor_ = lock_folder(path_);
        if (descriptor_ < 0 && attempt == attempts)
            throw_errno(errno, "cannot lock " + path_.string(), purpose_);
    }
}

WorkFolder::~WorkFolder()
{
    std::error_code ignored; // a left-over is removed by the next one
    if (!kept_)
        fs::remove_all(path_, ignored);
    ::close(descriptor_);
}

fs::path WorkFolder::keep() noexcept
{
    kept_ = true;
    const std::string name = path_.filename().string();
    const fs::path visible =
        path_.parent_path() / ("before-" + purpose_ + "-" + name.substr(prefix_of(purpose_).size()));
    std::error_code failed; // then it keeps its name, and the next restore would remove it
    fs::rename(path_, visible, failed);
    if (!failed)
        path_ = visible;
    return path_;
}

} // namespace whisperstore::sqlite
