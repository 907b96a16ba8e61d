#include "sqlite/files.hpp"

#include "core/failure.hpp"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::sqlite {

namespace fs = std::filesystem;

void throw_errno(int error, const std::string& what, std::string_view backend)
{
    ErrorDetails details;
    details.backend = backend;
    details.native_code = "errno " + std::to_string(error);
    throw StorageError(errc_of(std::error_code(error, std::generic_category())),
                       what + ": " + std::generic_category().message(error), std::move(details));
}

void make_private_directory(const fs::path& path, std::string_view backend)
{
    std::error_code unknown; // told by mkdir
    if (path.empty() || fs::is_directory(path, unknown))
        return;
    make_private_directory(path.parent_path(), backend);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        throw_errno(errno, "cannot create the folder " + path.string(), backend);
    if (!fs::is_directory(path, unknown))
        throw StorageError(StorageErrc::permission, path.string() + " is not a folder",
                           ErrorDetails{std::string(backend)});
    // The data is no safer than the folder's own name.
    sync_path(path.parent_path().empty() ? fs::path(".") : path.parent_path(), backend);
}

void sync_path(const fs::path& path, std::string_view backend)
{
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        throw_errno(errno, "cannot open " + path.string(), backend);
    const int failed = ::fsync(file) == 0 ? 0 : errno;
    ::close(file);
    // Some file systems cannot sync a folder, and say so.
    if (failed && !(failed == EINVAL && fs::is_directory(path)))
        throw_errno(failed, "cannot make " + path.string() + " durable", backend);
}

void publish_file(const fs::path& partial, const fs::path& path, std::string_view backend)
{
    sync_path(partial, backend);
    // A hard link never replaces a file that appeared meanwhile, as a rename would.
    if (::link(partial.c_str(), path.c_str()) != 0) {
        if (errno == EEXIST)
            throw StorageError(StorageErrc::already_exists, path.string() + " exists already; choose another path",
                               ErrorDetails{std::string(backend)});
        throw_errno(errno, "cannot create " + path.string(), backend);
    }
    try {
        if (::unlink(partial.c_str()) != 0)
            throw_errno(errno, "cannot remove " + partial.string(), backend);
        sync_path(path.parent_path().empty() ? fs::path(".") : path.parent_path(), backend);
    } catch (const StorageError& error) {
        // Who hears that it failed must not find it there.
        if (::unlink(path.c_str()) != 0)
            throw error.with_outcome(Outcome::unknown);
        throw;
    }
}

namespace {

constexpr std::string_view mark = ".partial-";

void remove_with_journal(const fs::path& path) noexcept
{
    std::error_code ignored; // a left-over file harms nobody, and the next writer tries again
    fs::remove(path, ignored);
    fs::remove(path.string() + "-journal", ignored);
}

/// Removes what processes that are gone left: files "<name>.partial-<pid>-<n>".
void remove_left_over(const fs::path& target)
{
    const std::string prefix = target.filename().string().append(mark);
    std::error_code unreadable; // then nothing can be tidied, and creating the file tells why
    for (const fs::directory_entry& entry : fs::directory_iterator(target.parent_path(), unreadable)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(prefix))
            continue;
        pid_t maker = 0;
        std::from_chars(name.data() + prefix.size(), name.data() + name.size(), maker);
        if (maker > 0 && maker != ::getpid() && ::kill(maker, 0) != 0 && errno == ESRCH)
            remove_with_journal(entry.path());
    }
}

} // namespace

PartialFile::PartialFile(fs::path path, std::string_view backend) : target_(fs::absolute(path)), backend_(backend)
{
    static std::atomic<unsigned> counter{0};
    std::error_code unknown; // told by creating the file
    if (fs::exists(target_, unknown))
        throw StorageError(StorageErrc::already_exists, target_.string() + " exists already; choose another path",
                           ErrorDetails{backend_});
    make_private_directory(target_.parent_path(), backend_);
    remove_left_over(target_);
    partial_ = target_.string()
                   .append(mark)
                   .append(std::to_string(::getpid()))
                   .append("-")
                   .append(std::to_string(counter.fetch_add(1)));
    remove_with_journal(partial_); // of an earlier process with our number
    const int file = ::open(partial_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        throw_errno(errno, "cannot create " + partial_.string(), backend_);
    ::close(file);
}

PartialFile::~PartialFile()
{
    if (!partial_.empty())
        remove_with_journal(partial_);
}

void PartialFile::publish()
{
    publish_file(partial_, target_, backend_);
    partial_.clear();
}

} // namespace whisperstore::sqlite
