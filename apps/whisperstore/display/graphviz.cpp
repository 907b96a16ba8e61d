#include "display/graphviz.hpp"

#include <whisperstore/core/error.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace whisperstore::cli {

namespace {

using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

[[noreturn]] void fail(StorageErrc code, const std::string& message) { throw StorageError(code, message); }

/// A file without a name, for a child's standard streams: unlike pipes, whoever fills it never waits.
File temporary_file()
{
    File file(std::tmpfile(), &std::fclose);
    if (!file)
        fail(StorageErrc::resource_exhausted, std::string("no temporary file can be made: ") + std::strerror(errno));
    return file;
}

std::string content_of(std::FILE* file)
{
    std::rewind(file);
    std::string content;
    std::array<char, 16384> block{};
    for (std::size_t read = block.size(); read == block.size();) {
        read = std::fread(block.data(), 1, block.size(), file);
        content.append(block.data(), read);
    }
    return content;
}

/// Runs `dot -Tsvg` and returns its exit code.
int run_dot(std::FILE* in, std::FILE* out, std::FILE* errors)
{
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ::fileno(in), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, ::fileno(out), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, ::fileno(errors), STDERR_FILENO);
    std::string program = "dot";
    std::string format = "-Tsvg";
    const std::array<char*, 3> arguments{program.data(), format.data(), nullptr};
    pid_t child = 0;
    const int error = ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        fail(StorageErrc::unsupported,
             std::string("the program dot, which draws the picture, cannot be run (") + std::strerror(error) +
                 "): install Graphviz (apt install graphviz), or use --format dot and draw it elsewhere");
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            fail(StorageErrc::unavailable, std::string("the program dot was lost: ") + std::strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

std::string render_svg(const std::string& dot)
{
    const File in = temporary_file();
    const File out = temporary_file();
    const File errors = temporary_file();
    if (std::fwrite(dot.data(), 1, dot.size(), in.get()) != dot.size() || std::fflush(in.get()) != 0)
        fail(StorageErrc::resource_exhausted, "the graph cannot be written to a temporary file");
    ::lseek(::fileno(in.get()), 0, SEEK_SET);
    if (run_dot(in.get(), out.get(), errors.get()) != 0)
        fail(StorageErrc::unavailable, "the program dot failed: " + content_of(errors.get()));
    return content_of(out.get());
}

} // namespace whisperstore::cli
