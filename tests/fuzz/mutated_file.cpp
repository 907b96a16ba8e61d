#include "fuzz/mutated_file.hpp"

#include "fuzz/fuzz_target.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace whisperstore::fuzz {

std::string scratch_folder()
{
    /// Removed at the end of the program; one that crashes leaves it.
    struct Folder
    {
        Folder()
        {
            const std::filesystem::path memory = "/dev/shm";
            const bool usable = std::filesystem::is_directory(memory);
            path = ((usable ? memory : std::filesystem::temp_directory_path()) / "whisperstore-fuzz-XXXXXX").string();
            require(::mkdtemp(path.data()) != nullptr, "a temporary folder can be made");
        }
        ~Folder()
        {
            std::error_code ignored; // a left-over folder harms nobody
            std::filesystem::remove_all(path, ignored);
        }
        std::string path;
    };
    static const Folder folder;
    return folder.path;
}

void write_scratch(const std::string& path, std::string_view content)
{
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    require(static_cast<bool>(file.flush()), "a scratch file can be written");
}

std::string read_scratch(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

} // namespace whisperstore::fuzz
