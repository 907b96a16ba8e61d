#include "vector/chroma/local/local_server.hpp"

#include "protocol/http/status.hpp"
#include "sqlite/file_lock.hpp"
#include "sqlite/files.hpp"
#include "sqlite/store.hpp"
#include "vector/chroma/local/supervisor.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <unistd.h>
#include <utility>

namespace whisperstore::chroma {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view backend_name = "local_chromadb";
constexpr std::chrono::milliseconds between_attempts{20};
constexpr int attempts_on_one = 100;

std::optional<fs::path> executable(const fs::path& path)
{
    std::error_code error;
    if (::access(path.c_str(), X_OK) == 0 && !fs::is_directory(path, error))
        return fs::absolute(path);
    return std::nullopt;
}

/// A name without slashes is looked for where the shell would.
std::optional<fs::path> find_program(const std::string& command)
{
    if (command.find('/') != std::string::npos)
        return executable(expand_home(command));
    const char* path = std::getenv("PATH");
    std::istringstream folders(path ? path : "/usr/local/bin:/usr/bin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');)
        if (auto found = executable(fs::path(folder.empty() ? "." : folder) / command))
            return found;
    return std::nullopt;
}

fs::path program_of(const std::string& configured)
{
    const std::string command = configured.empty() ? "chroma" : configured;
    if (auto found = find_program(command))
        return *found;
    throw StorageError(StorageErrc::not_found,
                       "there is no program '" + command +
                           "': install Chroma (python3 -m venv ~/chroma && ~/chroma/bin/pip install chromadb) and set "
                           "CHROMADB_COMMAND to ~/chroma/bin/chroma");
}

/// Chroma has no second reader, which the lock's own message speaks of.
std::shared_ptr<sqlite::FileLock> lock_folder(const fs::path& folder)
{
    try {
        return std::make_shared<sqlite::FileLock>(folder / ".lock", "Chroma's folder", backend_name);
    } catch (const StorageError& error) {
        const std::string& message = error.message();
        const std::size_t advice = message.rfind(": stop it");
        if (advice == std::string::npos)
            throw;
        throw StorageError(
            error.errc(), message.substr(0, advice) + ": stop that first",
            ErrorDetails{error.backend(), error.operation(), error.native_code(), error.outcome(), error.retryable()});
    }
}

/// Where the server of a folder's owner listens, for those who only read.
class ServerNote
{
public:
    explicit ServerNote(fs::path folder) : folder_(std::move(folder)) {}

    void write(const Incarnation& server) const
    {
        const fs::path made = folder_ / ".server.new";
        {
            std::ofstream file(made);
            file << server.port << ' ' << server.process << '\n';
        }
        std::error_code ignored; // readers wait for it in vain then, and say so
        fs::rename(made, path(), ignored);
    }

    /// Nothing where it is of a server that has gone: another program may have its port.
    std::optional<std::uint16_t> read() const
    {
        std::ifstream file(path());
        std::uint16_t port = 0;
        pid_t process = 0;
        if (!(file >> port >> process) || !has_argument(process, folder_.string()) || !listens_on(process, port))
            return std::nullopt;
        return port;
    }

private:
    fs::path path() const { return folder_ / ".server"; }
    fs::path folder_;
};

class LocalServer final : public Server
{
public:
    explicit LocalServer(const VectorDatabaseConfig& config)
        : folder_(fs::absolute(config.persist_directory)),
          command_(config.chroma_command),
          read_only_(config.read_only),
          note_(folder_)
    {
    }

    awaitable<void> open(OperationContext context) override
    {
        std::function<void()> work = [this] { open_now(); };
        co_await sqlite::run_on_thread(std::move(work), std::move(context));
    }

    awaitable<void> close() override
    {
        std::function<void()> work = [this] { close_now(); };
        co_await sqlite::run_on_thread(std::move(work), OperationContext());
    }

    awaitable<http::Response> send(http::Request request, OperationContext context) override
    {
        std::optional<StorageError> failure;
        std::uint64_t last = 0;
        for (int attempt = 1; attempt <= attempts_on_one; ++attempt) {
            if (attempt > 1) {
                const auto executor = co_await asio::this_coro::executor;
                asio::steady_timer timer(executor, between_attempts);
                co_await timer.async_wait(asio::use_awaitable);
                context.check_deadline(backend_name, "send");
            }
            const std::optional<Incarnation> server = co_await running(context);
            if (!server) {
                failure = no_owner();
                continue;
            }
            if (server->number != last)
                attempt = 1;
            last = server->number;
            try {
                co_return co_await server->client->send(request, context);
            } catch (const StorageError& error) {
                failure = error;
            }
            // It has died, which is seen a moment later: what may be sent twice goes to the next one.
            const bool gone = failure->errc() == StorageErrc::closed ||
                              (failure->errc() == StorageErrc::unavailable && failure->retryable());
            if (!gone || request.effect == http::Effect::write)
                break;
        }
        throw StorageError(*failure);
    }

    StorageError refusal(const http::Response& response, const http::Request& request) const override
    {
        std::string operation = request.method;
        operation.append(" ").append(request.target.substr(0, request.target.find('?')));
        return http::status_error(response, request.effect, operation).within(backend_name, operation);
    }

    std::string_view backend() const noexcept override { return backend_name; }
    std::vector<std::string> endpoints() const override { return std::vector<std::string>(1, folder_.string()); }
    bool exclusive() const noexcept override { return true; }
    std::string advice() const override { return "is the folder's owner at work?"; }

private:
    void open_now()
    {
        const std::lock_guard opening(opening_mutex_);
        if (is_open())
            return;
        if (!read_only_)
            sqlite::make_private_directory(folder_, backend_name);
        else if (!fs::is_directory(folder_))
            throw StorageError(StorageErrc::not_found, "the folder " + folder_.string() + " does not exist");
        auto supervisor = try_to_own();
        const std::lock_guard guard(mutex_);
        supervisor_ = std::move(supervisor);
        open_ = true;
    }

    /// Nothing where somebody else does, which a reader can live with.
    std::shared_ptr<Supervisor> try_to_own()
    {
        SupervisorSettings settings;
        settings.directory = fs::canonical(folder_);
        std::shared_ptr<sqlite::FileLock> lock;
        try {
            lock = lock_folder(settings.directory);
        } catch (const StorageError& error) {
            if (!read_only_ || error.errc() != StorageErrc::unavailable)
                throw;
            return nullptr;
        }
        settings.program = program_of(command_);
        settings.on_serving = [note = ServerNote(settings.directory)](const Incarnation& server) {
            note.write(server);
        };
        return std::make_shared<Supervisor>(std::move(settings), std::move(lock));
    }

    void close_now()
    {
        const std::lock_guard opening(opening_mutex_);
        std::shared_ptr<Supervisor> supervisor;
        {
            const std::lock_guard guard(mutex_);
            supervisor = std::move(supervisor_);
            open_ = false;
        }
        if (supervisor)
            supervisor->stop();
    }

    bool is_open() const
    {
        const std::lock_guard guard(mutex_);
        return open_;
    }
    std::shared_ptr<Supervisor> own() const
    {
        const std::lock_guard guard(mutex_);
        if (!open_)
            throw StorageError(StorageErrc::closed, "not open: call initialize() first");
        return supervisor_;
    }

    StorageError no_owner() const
    {
        ErrorDetails details;
        details.retryable = true;
        return StorageError(StorageErrc::unavailable,
                            "the server of the owner of " + folder_.string() + " does not answer", std::move(details));
    }

    /// The server that answers now: ours, or that of the folder's owner where that has one.
    awaitable<std::optional<Incarnation>> running(OperationContext context)
    {
        std::shared_ptr<Supervisor> supervisor = own();
        if (!supervisor) {
            const std::optional<std::uint16_t> port = note_.read();
            if (port)
                co_return borrowed(*port);
            // The owner has gone, or has not begun.
            std::function<void()> work = [this] { take_over(); };
            co_await sqlite::run_on_thread(std::move(work), context);
            supervisor = own();
        }
        if (!supervisor)
            co_return std::nullopt;
        co_return co_await Supervisor::running(supervisor, std::move(context));
    }

    void take_over()
    {
        const std::lock_guard opening(opening_mutex_);
        if (!is_open() || own())
            return;
        auto supervisor = try_to_own();
        const std::lock_guard guard(mutex_);
        supervisor_ = std::move(supervisor);
    }

    Incarnation borrowed(std::uint16_t port)
    {
        const std::lock_guard guard(mutex_);
        if (!borrowed_.client || borrowed_.port != port)
            borrowed_ = Incarnation{0, port, 0, local_client(port)};
        return borrowed_;
    }

    const fs::path folder_;
    const std::string command_;
    const bool read_only_;
    const ServerNote note_;
    std::mutex opening_mutex_;
    mutable std::mutex mutex_;
    bool open_ = false;
    std::shared_ptr<Supervisor> supervisor_; ///< null for a reader beside the owner
    Incarnation borrowed_;
};

} // namespace

std::shared_ptr<Server> local_server(const VectorDatabaseConfig& config)
{
    if (config.persist_directory.empty())
        throw StorageError(StorageErrc::invalid_argument, "persist_directory is empty: a local Chroma needs a folder",
                           ErrorDetails{std::string(backend_name)});
    return std::make_shared<LocalServer>(config);
}

} // namespace whisperstore::chroma
