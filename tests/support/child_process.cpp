#include "support/child_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace whisperstore::test {

namespace {

std::array<int, 2> make_pipe()
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw std::system_error(errno, std::generic_category(), "pipe2");
    return ends;
}

} // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments)
{
    ::signal(SIGPIPE, SIG_IGN); // a child that ended early is told by write_line()
    const auto in = make_pipe();
    const auto out = make_pipe();
    input_ = in[1];
    output_ = out[0];
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const int failed = ::posix_spawn(&process_, argv.front(), &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    if (failed != 0) {
        process_ = 0;
        throw std::system_error(failed, std::generic_category(), "posix_spawn " + arguments.front());
    }
}

ChildProcess::~ChildProcess()
{
    kill();
    if (input_ >= 0)
        ::close(input_);
    ::close(output_);
}

bool ChildProcess::read_some(std::chrono::steady_clock::time_point until)
{
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd waiting{output_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) <= 0)
        throw std::runtime_error("the started program prints nothing");
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(output_, buffer.data(), buffer.size());
    if (count > 0)
        read_.append(buffer.data(), static_cast<std::size_t>(count));
    return count > 0;
}

std::string ChildProcess::read_line(std::chrono::seconds limit)
{
    const auto until = std::chrono::steady_clock::now() + limit;
    std::size_t end = 0;
    while ((end = read_.find('\n')) == std::string::npos)
        if (!read_some(until))
            throw std::runtime_error("the started program ended: " + read_);
    std::string line = read_.substr(0, end);
    read_.erase(0, end + 1);
    return line;
}

std::string ChildProcess::read_rest(std::chrono::seconds limit)
{
    const auto until = std::chrono::steady_clock::now() + limit;
    while (read_some(until)) {
    }
    return std::exchange(read_, std::string());
}

void ChildProcess::write_line(const std::string& line)
{
    const std::string text = line + "\n";
    if (::write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        throw std::system_error(errno, std::generic_category(), "writing to the started program");
}

void ChildProcess::kill() noexcept
{
    if (process_ <= 0)
        return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, &status_, 0);
    process_ = 0;
}

int ChildProcess::wait()
{
    if (input_ >= 0)
        ::close(std::exchange(input_, -1));
    if (process_ > 0)
        ::waitpid(std::exchange(process_, 0), &status_, 0);
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

} // namespace whisperstore::test
