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
std::unique_ptr<sqlite::FileLock> lock_folder(const fs::path& folder)
{
    try {
        return std::make_unique<sqlite::FileLock>(folder / ".lock", "Chroma's folder", backend_name);
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

class LocalServer final : public Server
{
public:
    explicit LocalServer(const VectorDatabaseConfig& config)
        : folder_(fs::absolute(config.persist_directory)), command_(config.chroma_command)
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
        const std::shared_ptr<Supervisor> supervisor = current();
        std::uint64_t incarnation = 0;
        for (int attempt = 1;; ++attempt) {
            const Incarnation server = co_await Supervisor::running(supervisor, context);
            if (server.number != incarnation)
                attempt = 1;
            incarnation = server.number;
            std::optional<StorageError> failure;
            try {
                co_return co_await server.client->send(request, context);
            } catch (const StorageError& error) {
                failure = error;
            }
            // It has died, which its supervisor may see a moment later: what may be sent twice goes to the next one.
            const bool gone = failure->errc() == StorageErrc::closed ||
                              (failure->errc() == StorageErrc::unavailable && failure->retryable());
            if (!gone || request.effect == http::Effect::write || attempt == attempts_on_one)
                throw StorageError(*failure);
            const auto executor = co_await asio::this_coro::executor;
            asio::steady_timer timer(executor, between_attempts);
            co_await timer.async_wait(asio::use_awaitable);
            context.check_deadline(backend_name, "send");
        }
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
    std::string advice() const override { return "see the server's last words"; }

private:
    void open_now()
    {
        const std::lock_guard opening(opening_mutex_);
        if (current_if_open())
            return;
        sqlite::make_private_directory(folder_, backend_name);
        SupervisorSettings settings;
        settings.program = program_of(command_);
        settings.directory = fs::canonical(folder_);
        auto lock = lock_folder(settings.directory);
        auto supervisor = std::make_shared<Supervisor>(std::move(settings));
        const std::lock_guard guard(mutex_);
        lock_ = std::move(lock);
        supervisor_ = std::move(supervisor);
    }

    void close_now()
    {
        const std::lock_guard opening(opening_mutex_);
        std::shared_ptr<Supervisor> supervisor;
        {
            const std::lock_guard guard(mutex_);
            supervisor = std::move(supervisor_);
        }
        if (supervisor)
            supervisor->stop();
        lock_.reset();
    }

    std::shared_ptr<Supervisor> current_if_open() const
    {
        const std::lock_guard guard(mutex_);
        return supervisor_;
    }
    std::shared_ptr<Supervisor> current() const
    {
        auto supervisor = current_if_open();
        if (!supervisor)
            throw StorageError(StorageErrc::closed, "not open: call initialize() first");
        return supervisor;
    }

    const fs::path folder_;
    const std::string command_;
    std::mutex opening_mutex_;
    mutable std::mutex mutex_;
    // The lock goes last: no other owner before the server has ended.
    std::unique_ptr<sqlite::FileLock> lock_;
    std::shared_ptr<Supervisor> supervisor_;
};

} // namespace

std::shared_ptr<Server> local_server(const VectorDatabaseConfig& config)
{
    if (config.persist_directory.empty())
        throw StorageError(StorageErrc::invalid_argument, "persist_directory is empty: a local Chroma needs a folder",
                           ErrorDetails{std::string(backend_name)});
    if (config.read_only)
        throw StorageError(StorageErrc::unsupported,
                           "a local Chroma cannot be opened to be read only: one process at a time uses its folder",
                           ErrorDetails{std::string(backend_name)});
    return std::make_shared<LocalServer>(config);
}

} // namespace whisperstore::chroma
