#include "migration/temporary_folder.hpp"

#include "sqlite/files.hpp"

#include <cerrno>
#include <cstdlib>
#include <string>

namespace whisperstore::migration {

TemporaryFolder::TemporaryFolder()
{
    std::string name = (std::filesystem::temp_directory_path() / "whisperstore-migration-XXXXXX").string();
    if (!::mkdtemp(name.data()))
        sqlite::throw_errno(errno, "cannot create a temporary folder", "migration");
    path_ = name;
}

TemporaryFolder::~TemporaryFolder()
{
    std::error_code ignored; // nothing depends on its being gone
    if (!kept_)
        std::filesystem::remove_all(path_, ignored);
}

} // namespace whisperstore::migration
