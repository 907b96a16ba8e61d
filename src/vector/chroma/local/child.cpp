#include "vector/chroma/local/child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace whisperstore::chroma {

namespace {

constexpr std::size_t most_kept = std::size_t(16) << 10U;
constexpr std::size_t most_told = 600;

[[noreturn]] void throw_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

/// Closed when it goes.
class Descriptor
{
public:
    explicit Descriptor(int number) noexcept : number_(number) {}
    ~Descriptor()
    {
        if (number_ >= 0)
            ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const noexcept { return number_; }
    int release() noexcept { return std::exchange(number_, -1); }

private:
    int number_;
};

std::vector<char*> pointers_to(std::vector<std::string>& texts)
{
    std::vector<char*> pointers;
    for (std::string& text : texts)
        pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

/// This process's, with some replaced.
std::vector<std::string> environment_with(const std::vector<std::string>& additions)
{
    std::vector<std::string> all = additions;
    for (char** one = environ; *one; ++one) {
        const std::string_view text(*one);
        const std::string_view name = text.substr(0, text.find('=') + 1);
        if (std::ranges::none_of(additions, [&](const std::string& other) { return other.starts_with(name); }))
            all.emplace_back(text);
    }
    return all;
}

/// What the new process needs, all made before it is there: after fork() in a process of several threads only calls
/// that are safe in signal handlers may be made.
struct Start
{
    const char* program;
    char** arguments;
    char** environment;
    const char* directory;
    int null;
    int output;
    pid_t parent;
};

[[noreturn]] void become(const Start& start) noexcept
{
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    ::sigaction(SIGPIPE, &standard, nullptr);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // It may have been over before it was asked for.
    if (::getppid() != start.parent)
        ::_exit(127);
    ::setpgid(0, 0); // a Ctrl-C is for the application, which ends the server in its order
    ::umask(0077);
    if (::dup2(start.null, 0) < 0 || ::dup2(start.output, 1) < 0 || ::dup2(start.output, 2) < 0)
        ::_exit(127);
    ::close_range(3, ~0U, 0);
    if (::chdir(start.directory) == 0)
        ::execve(start.program, start.arguments, start.environment);
    constexpr std::string_view message = "the program cannot be run\n";
    static_cast<void>(!::write(2, message.data(), message.size()));
    ::_exit(127);
}

bool is_socket_of(pid_t process, const std::string& socket)
{
    std::error_code error;
    const std::filesystem::path folder = "/proc/" + std::to_string(process) + "/fd";
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        std::error_code gone;
        if (std::filesystem::read_symlink(entry->path(), gone) == socket)
            return true;
    }
    return false;
}

} // namespace

Child::Child(const std::vector<std::string>& command, const std::filesystem::path& directory,
             const std::vector<std::string>& environment)
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        throw_errno("pipe2");
    Descriptor reading(ends[0]);
    const Descriptor writing(ends[1]);
    // The child would take non-blocking output for an error.
    ::fcntl(writing.number(), F_SETFL, 0);
    const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (null.number() < 0)
        throw_errno("/dev/null");
    std::vector<std::string> arguments = command;
    std::vector<std::string> variables = environment_with(environment);
    const std::vector<char*> argument_pointers = pointers_to(arguments);
    const std::vector<char*> variable_pointers = pointers_to(variables);
    const std::string where = directory.string();
    const Start start{command.front().c_str(),
                      const_cast<char**>(argument_pointers.data()),
                      const_cast<char**>(variable_pointers.data()),
                      where.c_str(),
                      null.number(),
                      writing.number(),
                      ::getpid()};
    const pid_t process = ::fork();
    if (process < 0)
        throw_errno("fork");
    if (process == 0)
        become(start);
    process_ = process;
    output_ = reading.release();
}

Child::~Child()
{
    if (!ended_) {
        kill();
        int status = 0;
        while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
        }
    }
    ::close(output_);
}

void Child::read_output()
{
    std::array<char, 4096> buffer{};
    ssize_t size = 0;
    while ((size = ::read(output_, buffer.data(), buffer.size())) > 0) {
        printed_.append(buffer.data(), static_cast<std::size_t>(size));
        if (printed_.size() > 2 * most_kept)
            printed_.erase(0, printed_.size() - most_kept);
    }
}

std::string Child::last_words() const
{
    std::string_view text = printed_;
    text = text.substr(text.size() - std::min(text.size(), most_told));
    std::string line;
    for (const char c : text) {
        const bool space = static_cast<unsigned char>(c) <= ' ';
        if (!space)
            line.push_back(c);
        else if (!line.empty() && line.back() != ' ')
            line.push_back(' ');
    }
    return line;
}

bool Child::has_ended()
{
    if (ended_)
        return true;
    int status = 0;
    if (::waitpid(process_, &status, WNOHANG) != process_)
        return false;
    ended_ = true;
    end_ = WIFSIGNALED(status) ? "signal " : "exit code ";
    end_.append(std::to_string(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
    read_output();
    return true;
}

bool listens_on(pid_t process, std::uint16_t port)
{
    // proc(5): local_address is the address in the order of the machine and the port, in hex; state 0A is LISTEN.
    constexpr std::string_view hex_digits = "0123456789ABCDEF";
    std::string suffix = ":";
    for (int shift = 12; shift >= 0; shift -= 4)
        suffix.push_back(hex_digits[(port >> shift) & 0xFU]);
    std::ifstream sockets("/proc/net/tcp");
    for (std::string line; std::getline(sockets, line);) {
        std::istringstream fields(line);
        std::string number;
        std::string local;
        std::string remote;
        std::string state;
        std::string skipped;
        std::string inode;
        fields >> number >> local >> remote >> state >> skipped >> skipped >> skipped >> skipped >> skipped >> inode;
        if (local.ends_with(suffix) && state == "0A" && is_socket_of(process, "socket:[" + inode + "]"))
            return true;
    }
    return false;
}

bool has_argument(pid_t process, std::string_view argument)
{
    std::ifstream arguments("/proc/" + std::to_string(process) + "/cmdline");
    for (std::string one; std::getline(arguments, one, '\0');)
        if (one == argument)
            return true;
    return false;
}

void Child::ask_to_end() noexcept
{
    if (!ended_)
        ::kill(process_, SIGTERM);
}

void Child::kill() noexcept
{
    if (!ended_)
        ::kill(process_, SIGKILL);
}

namespace {

sockaddr_in loopback(std::uint16_t port) noexcept
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

} // namespace

std::uint16_t free_port()
{
    const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (socket.number() < 0 || ::bind(socket.number(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(socket.number(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw_errno("a free port");
    return ntohs(address.sin_port);
}

bool answers(std::uint16_t port, std::string_view target, std::chrono::milliseconds limit)
{
    const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket.number() < 0)
        return false;
    timeval time{};
    time.tv_sec = static_cast<time_t>(limit.count() / 1000);
    time.tv_usec = static_cast<suseconds_t>(limit.count() % 1000 * 1000);
    ::setsockopt(socket.number(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(socket.number(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    const sockaddr_in address = loopback(port);
    if (::connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return false;
    const std::string request =
        "GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    if (::send(socket.number(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        return false;
    constexpr std::string_view success = "HTTP/1.1 200";
    std::array<char, success.size()> head{};
    const ssize_t size = ::recv(socket.number(), head.data(), head.size(), MSG_WAITALL);
    return std::string_view(head.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))) == success;
}

} // namespace whisperstore::chroma
