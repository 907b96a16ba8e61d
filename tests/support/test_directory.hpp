#pragma once

#include <filesystem>
#include <string>

namespace whisperstore::test {

/// A fresh directory, removed with everything in it when the object goes.
class TestDirectory
{
public:
    TestDirectory();
    ~TestDirectory();
    TestDirectory(const TestDirectory&) = delete;
    TestDirectory& operator=(const TestDirectory&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::string_view content);

/// The folder of shared test data (WHISPERSTORE_SHARED, default ../shared beside the project).
std::filesystem::path shared_data();

} // namespace whisperstore::test
