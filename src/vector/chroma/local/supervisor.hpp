#pragma once
// Keeps one `chroma run` alive.

#include "core/job.hpp"
#include "protocol/http/client.hpp"
#include "vector/chroma/local/child.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace whisperstore::chroma {

/// A run of the server. Each has a port, and so a client, of its own.
struct Incarnation
{
    std::uint64_t number = 0; ///< from 1
    std::uint16_t port = 0;
    pid_t process = 0;
    std::shared_ptr<http::Client> client;
};

/// Of a server on 127.0.0.1.
std::shared_ptr<http::Client> local_client(std::uint16_t port);

struct SupervisorSettings
{
    std::filesystem::path program;
    std::filesystem::path directory; ///< absolute
    /// Called on the supervisor's thread when a server begins to serve.
    std::function<void(const Incarnation&)> on_serving = {};
    std::chrono::milliseconds start_limit{60'000};
    std::chrono::milliseconds first_pause{100}; ///< before it is started again
    std::chrono::milliseconds longest_pause{10'000};
    std::chrono::milliseconds healthy_after{1'000}; ///< it runs so long: the next pause is a first one
    int most_failures = 3;                          ///< starts in a row that fail: those who wait are told then
    std::chrono::milliseconds stop_limit{10'000};
};

/// Starts the server when it is first needed, on a thread that also ends it (the kernel kills a child whose thread has
/// gone), and again when it has died. Thread safe.
class Supervisor
{
public:
    /// \param lock kept until the server has ended: calls under way may outlive the manager
    Supervisor(SupervisorSettings settings, std::shared_ptr<void> lock);
    /// As stop(), but at once: what was acknowledged survives that.
    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    /// The server that answers now, or as soon as one does.
    /// Throws StorageError unavailable with its last words where it does not start; timeout, cancelled; closed.
    static awaitable<Incarnation> running(std::shared_ptr<Supervisor> self, OperationContext context);
    /// The one that answers now.
    std::optional<Incarnation> current() const;

    /// Ends the server and waits for that. Blocks.
    void stop();

private:
    class Waiter;
    enum class Order : std::uint8_t
    {
        none,
        stop, ///< in order
        kill
    };

    void wait_in_line(std::shared_ptr<Waiter> waiter);
    void run();
    /// One run of the server, from its start to its end. Returns whether it ever answered.
    bool run_once();
    bool become_ready(Child& child, std::uint16_t port);
    void watch(Child& child);
    void finish(Child& child);
    /// Until `time` has passed, the child has printed something or there is an order.
    void rest(const Child* child, std::chrono::milliseconds time);
    void serve(Incarnation incarnation);
    void refuse(const std::string& why);
    Order order() const;
    void end(Order how);

    const SupervisorSettings settings_;
    std::shared_ptr<void> lock_;
    mutable std::mutex mutex_;
    std::list<std::shared_ptr<Waiter>> waiting_;
    std::optional<Incarnation> serving_;
    std::uint64_t number_ = 0;
    std::string failure_; ///< why the last start failed
    Order order_ = Order::none;
    bool wanted_ = false; ///< somebody waits, or it ran before
    std::condition_variable changed_;
    int wake_ = -1; ///< eventfd
    std::thread thread_;
};

} // namespace whisperstore::chroma
