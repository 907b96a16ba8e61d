#include "doctor/folder_checks.hpp"

#include "display/text_layout.hpp"

#include <cstdint>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace whisperstore::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t too_little = std::uintmax_t(100) << 20U;
constexpr std::uintmax_t little = std::uintmax_t(1) << 30U;

void check_space(const fs::path& folder, Findings& findings)
{
    std::error_code error;
    const fs::space_info space = fs::space(folder, error);
    if (error) {
        findings.warning("disk space", "the file system of " + folder.string() + " cannot be asked: " + error.message(),
                         "Look at it with df");
        return;
    }
    const std::string left = file_size(space.available) + " free where " + folder.string() + " is";
    if (space.available < too_little)
        findings.problem("disk space", left, "Make room, or move the folder: writes fail when it is full");
    else if (space.available < little || space.available < space.capacity / 20)
        findings.warning("disk space", left, "Make room before it is full");
    else
        findings.ok("disk space", left);
}

void check_permissions(std::string_view check, const fs::path& folder, Findings& findings)
{
    struct stat status = {};
    if (::stat(folder.c_str(), &status) != 0) {
        findings.problem(check, folder.string() + " cannot be looked at: " + std::generic_category().message(errno),
                         "See to it that this user may enter the folders above it");
        return;
    }
    if (!S_ISDIR(status.st_mode)) {
        findings.problem(check, folder.string() + " is no folder", "Name another one, or move what is there");
        return;
    }
    if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) {
        findings.problem(check, "this user may not read and write " + folder.string(),
                         "chown or chmod it, or run as its owner");
        return;
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        findings.warning(check, "others of this machine may enter " + folder.string(), "chmod 700 " + folder.string());
    else
        findings.ok(check, folder.string() + " belongs to this user alone");
}

/// The folder, or the nearest one above that exists.
fs::path existing(fs::path folder)
{
    std::error_code error;
    while (!folder.empty() && folder != folder.parent_path() && !fs::exists(folder, error))
        folder = folder.parent_path();
    return folder;
}

} // namespace

bool stores_here(const StorageConfiguration& configuration)
{
    return configuration.database.type == "sqlite" || configuration.vector_database.type.starts_with("local_");
}

void check_folders(const StorageConfiguration& configuration, Findings& findings)
{
    std::error_code error;
    if (stores_here(configuration)) {
        if (fs::exists(configuration.data_dir, error))
            check_permissions("data folder", configuration.data_dir, findings);
        else
            findings.note("data folder", configuration.data_dir.string() + " does not exist yet");
        check_space(existing(configuration.data_dir), findings);
    }
    const fs::path& backups = configuration.backup.folder;
    if (backups.empty())
        return;
    if (fs::exists(backups, error))
        check_permissions("backup folder", backups, findings);
    else
        findings.note("backup folder", backups.string() + " does not exist yet; the first backup makes it");
    check_space(existing(backups), findings);
}

} // namespace whisperstore::cli
