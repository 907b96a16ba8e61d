#include "support/processes.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <unistd.h>

namespace whisperstore::test {

namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Processes come and go while the folder is read.
template <typename Visit>
void for_each_process(const Visit& visit)
{
    std::error_code error;
    for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename();
        if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; }))
            visit(static_cast<pid_t>(std::stol(name)), entry->path());
    }
}

} // namespace

std::vector<pid_t> processes_with_argument(const std::string& argument)
{
    std::vector<pid_t> found;
    for_each_process([&](pid_t process, const fs::path& folder) {
        std::istringstream arguments(content_of(folder / "cmdline"));
        for (std::string one; std::getline(arguments, one, '\0');)
            if (one == argument) {
                found.push_back(process);
                return;
            }
    });
    return found;
}

std::vector<pid_t> zombies()
{
    std::vector<pid_t> found;
    for_each_process([&](pid_t process, const fs::path& folder) {
        // proc(5): "pid (name) state ppid …"
        const std::string status = content_of(folder / "stat");
        const std::size_t name_end = status.rfind(')');
        if (name_end == std::string::npos)
            return;
        std::istringstream fields(status.substr(name_end + 1));
        char state = 0;
        pid_t parent = 0;
        fields >> state >> parent;
        if (state == 'Z' && parent == ::getpid())
            found.push_back(process);
    });
    return found;
}

std::vector<std::string> descriptors_of(pid_t process)
{
    std::vector<std::string> found;
    std::error_code error;
    const fs::path folder = "/proc/" + std::to_string(process) + "/fd";
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        std::error_code gone;
        found.push_back(fs::read_symlink(entry->path(), gone));
    }
    return found;
}

} // namespace whisperstore::test
