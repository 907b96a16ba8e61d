#pragma once
// A server process of ours.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace whisperstore::chroma {

/// A program that runs until it ends, is ended, or the thread that started it goes: then the kernel kills it, also when
/// this process was killed. For one thread, that one.
class Child
{
public:
    /// \param directory it runs there; files it makes are its user's alone
    /// \param environment in addition to that of this process, NAME=VALUE
    /// Throws std::system_error where no process can be made. A program that cannot be run is one that ends at once.
    Child(const std::vector<std::string>& command, const std::filesystem::path& directory,
          const std::vector<std::string>& environment);
    /// Ends it at once.
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    pid_t id() const noexcept { return process_; }
    /// What it prints can be read from here; taken by read_output().
    int output() const noexcept { return output_; }
    void read_output();
    /// The end of what it printed, some lines.
    std::string last_words() const;

    /// Whether it has ended, and how: "exit code 1", "signal 9".
    bool has_ended();
    const std::string& end() const noexcept { return end_; }

    void ask_to_end() noexcept;
    void kill() noexcept;

private:
    pid_t process_ = -1;
    int output_ = -1;
    bool ended_ = false;
    std::string end_;
    std::string printed_;
};

/// Whether it is this process that listens on a port of 127.0.0.1, and not another that has got the port.
bool listens_on(pid_t process, std::uint16_t port);
/// Whether a process has a text among its arguments.
bool has_argument(pid_t process, std::string_view argument);

/// A port of 127.0.0.1 that nobody uses now. Throws std::system_error.
std::uint16_t free_port();

/// Whether a server on 127.0.0.1 answers a GET with 200 within the time. Blocks.
bool answers(std::uint16_t port, std::string_view target, std::chrono::milliseconds limit);

} // namespace whisperstore::chroma
