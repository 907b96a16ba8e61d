#include "postgresql_server.hpp"

#include "run_program.hpp"

#include <arpa/inet.h>
#include <cstdlib>
#include <fstream>
#include <netinet/in.h>
#include <pwd.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace whisperstore::bench {

namespace {

constexpr const char* server_user = "postgres";

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

} // namespace

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
                server_user);
    std::filesystem::remove(password_file);
    const int port = free_port();
    std::ofstream(data / "postgresql.conf", std::ios::app)
        << "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nshared_buffers = '128MB'\n"
        << "max_wal_size = '4GB'\njit = off\nport = " << port << '\n';
    run_program({programs_ / "pg_ctl", "-D", data, "-l", data / "log", "-w", "start"}, server_user);
    url_ = "postgresql://postgres:" + password + "@127.0.0.1:" + std::to_string(port) + "/postgres";
}

PostgresqlServer::~PostgresqlServer()
{
    if (folder_.empty())
        return;
    try {
        run_program({programs_ / "pg_ctl", "-D", folder_ / "data", "-m", "immediate", "-w", "stop"}, server_user);
    } catch (const std::exception& error) {
        std::fputs(error.what(), stderr);
    }
}

} // namespace whisperstore::bench
