#include "postgresql_server.hpp"

#include <arpa/inet.h>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <netinet/in.h>
#include <pwd.h>
#include <random>
#include <spawn.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace whisperstore::bench {

namespace {

constexpr const char* server_user = "postgres";

std::string read_file(const std::filesystem::path& path)
{
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A port that nobody listens on.
int free_port()
{
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(socket);
    if (!bound)
        throw std::runtime_error("there is no free port");
    return ntohs(address.sin_port);
}

/// The folder of the newest server's programs.
std::filesystem::path find_programs()
{
    std::filesystem::path newest;
    int version = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
        const int found = std::atoi(entry.path().filename().c_str());
        if (found > version && std::filesystem::exists(entry.path() / "bin/initdb")) {
            version = found;
            newest = entry.path() / "bin";
        }
    }
    if (newest.empty())
        throw std::runtime_error(
            "no PostgreSQL server in /usr/lib/postgresql: install the Debian package postgresql, or "
            "name a server in WHISPERSTORE_BENCH_POSTGRESQL_URL");
    return newest;
}

/// The server does not run as root, so that its user must reach the folder.
void give_to_server(const std::filesystem::path& path)
{
    if (::geteuid() != 0)
        return;
    const passwd* user = ::getpwnam(server_user);
    if (user == nullptr || ::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0)
        throw std::runtime_error("the folder " + path.string() + " cannot be given to the user " + server_user);
}

std::string random_word()
{
    std::random_device random;
    std::string word;
    for (int i = 0; i < 24; ++i)
        word += static_cast<char>('a' + random() % 26);
    return word;
}

} // namespace

void run_program(const std::vector<std::string>& arguments, bool as_server)
{
    std::vector<std::string> command;
    if (as_server && ::geteuid() == 0)
        command = {"runuser", "-u", server_user, "--"};
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

PostgresqlServer::PostgresqlServer(const std::filesystem::path& folder)
{
    if (const char* given = std::getenv("WHISPERSTORE_BENCH_POSTGRESQL_URL")) {
        url_ = given;
        return;
    }
    programs_ = find_programs();
    folder_ = folder;
    give_to_server(folder_);
    const std::string password = random_word();
    const std::filesystem::path password_file = folder_ / "password";
    std::ofstream(password_file) << password << '\n';
    give_to_server(password_file);
    const std::filesystem::path data = folder_ / "data";
    run_program({programs_ / "initdb", "-D", data, "-U", server_user, "--auth=scram-sha-256",
                 "--pwfile=" + password_file.string(), "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"},
                true);
    std::filesystem::remove(password_file);
    const int port = free_port();
    std::ofstream(data / "postgresql.conf", std::ios::app)
        << "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nshared_buffers = '128MB'\n"
        << "max_wal_size = '4GB'\njit = off\nport = " << port << '\n';
    run_program({programs_ / "pg_ctl", "-D", data, "-l", data / "log", "-w", "start"}, true);
    url_ = "postgresql://postgres:" + password + "@127.0.0.1:" + std::to_string(port) + "/postgres";
}

PostgresqlServer::~PostgresqlServer()
{
    if (folder_.empty())
        return;
    try {
        run_program({programs_ / "pg_ctl", "-D", folder_ / "data", "-m", "immediate", "-w", "stop"}, true);
    } catch (const std::exception& error) {
        std::fputs(error.what(), stderr);
    }
}

} // namespace whisperstore::bench
