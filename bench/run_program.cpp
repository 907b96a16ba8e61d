#include "run_program.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace whisperstore::bench {

namespace {

std::string read_file(const std::filesystem::path& path)
{
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

std::string random_word()
{
    std::random_device random;
    std::string word;
    for (int i = 0; i < 24; ++i)
        word += static_cast<char>('a' + random() % 26);
    return word;
}

void run_program(const std::vector<std::string>& arguments, const std::string& user)
{
    std::vector<std::string> command;
    if (!user.empty() && ::geteuid() == 0)
        command = {"runuser", "-u", user, "--"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : command)
        pointers.push_back(word.data());
    pointers.push_back(nullptr);

    const std::filesystem::path output =
        std::filesystem::temp_directory_path() / ("storage_bench-" + std::to_string(::getpid()) + "-" + random_word());
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t process = 0;
    const int spawned = ::posix_spawnp(&process, pointers[0], &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    const bool ended = spawned == 0 && ::waitpid(process, &status, 0) == process;
    const std::string text = read_file(output);
    std::filesystem::remove(output);
    if (!ended || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        throw std::runtime_error(arguments.front() + " failed: " + text);
}

} // namespace whisperstore::bench
