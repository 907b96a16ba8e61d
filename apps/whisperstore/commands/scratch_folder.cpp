#include "commands/scratch_folder.hpp"

#include <whisperstore/core/error.hpp>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace whisperstore::cli {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder()
{
    std::string name = (fs::temp_directory_path() / "whisperstore-XXXXXX").string();
    if (!::mkdtemp(name.data()))
        throw StorageError(StorageErrc::unavailable,
                           "cannot make a folder " + name + ": " + std::generic_category().message(errno));
    path_ = name;
}

ScratchFolder::~ScratchFolder()
{
    std::error_code ignored; // whoever cleans that folder up finds it
    fs::remove_all(path_, ignored);
}

} // namespace whisperstore::cli
