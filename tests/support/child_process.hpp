#pragma once

#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

namespace whisperstore::test {

/// A program that was started; killed when the object goes.
class ChildProcess
{
public:
    /// \param arguments the program's path first. Its standard input and output are pipes.
    explicit ChildProcess(const std::vector<std::string>& arguments);
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    pid_t id() const noexcept { return process_; }
    /// The next line it prints, without its end. \throws std::runtime_error when none comes in time.
    std::string read_line(std::chrono::seconds limit = std::chrono::seconds(60));
    /// All it prints until it ends or closes its output.
    std::string read_rest(std::chrono::seconds limit = std::chrono::seconds(60));
    void write_line(const std::string& line);
    /// SIGKILL, and waits for its end.
    void kill() noexcept;
    /// Closes its input and waits for its end. Its exit code, or minus the signal that ended it.
    int wait();

private:
    bool read_some(std::chrono::steady_clock::time_point until);

    pid_t process_ = 0;
    int status_ = 0;
    int input_ = -1;
    int output_ = -1;
    std::string read_; // and not taken yet
};

} // namespace whisperstore::test
