#include "support/test_directory.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace whisperstore::test {

TestDirectory::TestDirectory()
{
    std::string name = (std::filesystem::temp_directory_path() / "whisperstore-test-XXXXXX").string();
    if (!::mkdtemp(name.data()))
        throw std::runtime_error("cannot create a test directory");
    path_ = name;
}

TestDirectory::~TestDirectory()
{
    std::error_code ignored; // a test's own failure matters more than a left-over directory
    std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const std::filesystem::path& path, std::string_view content)
{
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file.flush())
        throw std::runtime_error("cannot write " + path.string());
}

std::filesystem::path shared_data()
{
    if (const char* folder = std::getenv("WHISPERSTORE_SHARED"); folder && *folder)
        return folder;
    return std::filesystem::path(WHISPERSTORE_SOURCE_DIR).parent_path() / "shared";
}

} // namespace whisperstore::test
