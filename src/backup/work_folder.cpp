#include "backup/work_folder.hpp"

#include "backup/backup_folder.hpp"
#include "sqlite/files.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::backup {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = ".whisperstore-restore-";
constexpr std::string_view kept_prefix = "before-restore-";

/// Of killed processes: nobody holds their locks.
void remove_left_overs(const fs::path& place)
{
    std::error_code unreadable; // then they stay
    for (const fs::directory_entry& entry : fs::directory_iterator(place, unreadable)) {
        struct stat status{};
        if (entry.path().filename().string().starts_with(prefix) && ::lstat(entry.path().c_str(), &status) == 0 &&
            S_ISDIR(status.st_mode) && status.st_uid == ::geteuid())
            remove_left_over(entry.path());
    }
}

} // namespace

WorkFolder::WorkFolder(const fs::path& place)
{
    remove_left_overs(place);
    std::string name = (place / (std::string(prefix) + "XXXXXX")).string();
    if (!::mkdtemp(name.data()))
        sqlite::throw_errno(errno, "cannot create a folder in " + place.string(), "backup");
    path_ = name;
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor_ < 0 || ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        if (descriptor_ >= 0)
            ::close(descriptor_);
        sqlite::throw_errno(error, "cannot lock " + path_.string(), "backup");
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
    const fs::path visible = path_.parent_path() / (std::string(kept_prefix) + name.substr(prefix.size()));
    std::error_code failed; // then it keeps its name, and the next restore would remove it
    fs::rename(path_, visible, failed);
    if (!failed)
        path_ = visible;
    return path_;
}

} // namespace whisperstore::backup
