#include "vector/chroma/local/supervisor.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace whisperstore::chroma {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds looked_at_every{20};
constexpr milliseconds watched_every{200};
constexpr milliseconds heartbeat_limit{1'000};
constexpr std::size_t response_limit = std::size_t(256) << 20U;
constexpr std::chrono::seconds attempt_timeout{120};

} // namespace

std::shared_ptr<http::Client> local_client(std::uint16_t port)
{
    http::ClientConfig config;
    config.backend = "local_chromadb";
    config.nodes.push_back(HostPort{"127.0.0.1", port});
    config.response_limit = response_limit;
    config.attempt_timeout = attempt_timeout;
    config.max_waiting = 4096;
    config.accept_gzip = false;
    return std::make_shared<http::Client>(std::move(config));
}

class Supervisor::Waiter final : public Job
{
public:
    Incarnation incarnation;

    void give(const Incarnation& found)
    {
        if (!begin())
            return;
        incarnation = found;
        complete();
    }
    void refuse(const StorageError& error)
    {
        if (begin())
            complete(std::make_exception_ptr(error));
    }
};

Supervisor::Supervisor(SupervisorSettings settings, std::shared_ptr<void> lock)
    : settings_(std::move(settings)), lock_(std::move(lock)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
{
    if (wake_ < 0)
        throw std::system_error(errno, std::generic_category(), "eventfd");
    thread_ = std::thread([this] { run(); });
}

Supervisor::~Supervisor()
{
    end(Order::kill);
    ::close(wake_);
}

void Supervisor::stop()
{
    end(Order::stop);
    lock_.reset();
}

void Supervisor::end(Order how)
{
    {
        const std::lock_guard lock(mutex_);
        order_ = std::max(order_, how);
        const std::uint64_t one = 1;
        static_cast<void>(!::write(wake_, &one, sizeof one)); // full: it is awake already
    }
    changed_.notify_all();
    if (thread_.joinable())
        thread_.join();
}

Supervisor::Order Supervisor::order() const
{
    const std::lock_guard lock(mutex_);
    return order_;
}

std::optional<Incarnation> Supervisor::current() const
{
    const std::lock_guard lock(mutex_);
    return serving_;
}

awaitable<Incarnation> Supervisor::running(std::shared_ptr<Supervisor> self, OperationContext context)
{
    if (std::optional<Incarnation> now = self->current())
        co_return std::move(*now);
    auto waiter = std::make_shared<Waiter>();
    std::function<void(std::shared_ptr<Job>)> submit = [self, waiter](const std::shared_ptr<Job>&) {
        self->wait_in_line(waiter);
    };
    co_await Job::wait(waiter, std::move(submit), std::move(context));
    co_return waiter->incarnation;
}

void Supervisor::wait_in_line(std::shared_ptr<Waiter> waiter)
{
    {
        const std::lock_guard lock(mutex_);
        if (order_ != Order::none)
            throw StorageError(StorageErrc::closed, "not open: call initialize() first");
        if (serving_)
            return waiter->give(*serving_);
        waiting_.push_back(std::move(waiter));
        wanted_ = true;
    }
    changed_.notify_all();
}

void Supervisor::serve(Incarnation incarnation)
{
    std::list<std::shared_ptr<Waiter>> waiting;
    {
        const std::lock_guard lock(mutex_);
        serving_ = incarnation;
        waiting.swap(waiting_);
    }
    for (const auto& waiter : waiting)
        waiter->give(incarnation);
}

void Supervisor::refuse(const std::string& why)
{
    std::list<std::shared_ptr<Waiter>> waiting;
    bool closing = false;
    {
        const std::lock_guard lock(mutex_);
        waiting.swap(waiting_);
        closing = order_ != Order::none;
        wanted_ = false;
    }
    ErrorDetails details;
    details.retryable = !closing;
    const StorageError error(closing ? StorageErrc::closed : StorageErrc::unavailable, why, std::move(details));
    for (const auto& waiter : waiting)
        waiter->refuse(error);
}

void Supervisor::run()
{
    int failures = 0;
    milliseconds pause = settings_.first_pause;
    while (order() == Order::none) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return wanted_ || order_ != Order::none; });
        }
        if (order() != Order::none)
            break;
        const auto begun = Clock::now();
        bool answered = false;
        try {
            answered = run_once();
        } catch (const std::exception& error) {
            failure_ = error.what();
        }
        if (order() != Order::none)
            break;
        failures = answered ? 0 : failures + 1;
        if (answered && Clock::now() - begun >= settings_.healthy_after)
            pause = settings_.first_pause;
        if (failures >= settings_.most_failures) {
            refuse("the Chroma server " + settings_.program.string() + " does not start (" + failure_ + ")");
            failures = 0;
        }
        rest(nullptr, pause);
        pause = std::min(settings_.longest_pause, pause * 2);
    }
    refuse("the manager was closed");
}

bool Supervisor::run_once()
{
    const std::uint16_t port = free_port();
    const std::vector<std::string> command{
        settings_.program.string(),  "run", "--host", "127.0.0.1", "--port", std::to_string(port), "--path",
        settings_.directory.string()};
    // It writes several lines for each request otherwise.
    Child child(command, settings_.directory, {"RUST_LOG=error", "NO_COLOR=1", "ANONYMIZED_TELEMETRY=False"});
    const bool ready = become_ready(child, port);
    if (ready) {
        const Incarnation incarnation{++number_, port, child.id(), local_client(port)};
        if (settings_.on_serving)
            settings_.on_serving(incarnation);
        serve(incarnation);
        watch(child);
    }
    std::optional<Incarnation> last;
    {
        const std::lock_guard lock(mutex_);
        last.swap(serving_);
    }
    if (last)
        last->client->close();
    finish(child);
    return ready;
}

bool Supervisor::become_ready(Child& child, std::uint16_t port)
{
    const auto end = Clock::now() + settings_.start_limit;
    while (order() == Order::none) {
        child.read_output();
        if (child.has_ended()) {
            failure_ = "it ended with " + child.end() + ": " + child.last_words();
            return false;
        }
        // Another server may have got the port.
        if (listens_on(child.id(), port) && answers(port, "/api/v2/heartbeat", heartbeat_limit))
            return true;
        if (Clock::now() >= end) {
            failure_ = "it does not answer after " + std::to_string(settings_.start_limit.count()) +
                       " ms: " + child.last_words();
            return false;
        }
        rest(nullptr, looked_at_every);
    }
    return false;
}

void Supervisor::watch(Child& child)
{
    while (order() == Order::none && !child.has_ended()) {
        rest(&child, watched_every);
        child.read_output();
    }
}

/// Ends it where it runs.
void Supervisor::finish(Child& child)
{
    if (child.has_ended())
        return;
    child.ask_to_end();
    const auto end = Clock::now() + settings_.stop_limit;
    while (!child.has_ended() && Clock::now() < end && order() != Order::kill) {
        rest(&child, looked_at_every);
        child.read_output();
    }
}

void Supervisor::rest(const Child* child, milliseconds time)
{
    if (order() == Order::stop && !child)
        return;
    // Once there is an order the eventfd stays readable; it has been seen.
    pollfd waits[2] = {{order() == Order::none ? wake_ : -1, POLLIN, 0}, {child ? child->output() : -1, POLLIN, 0}};
    ::poll(waits, 2, static_cast<int>(time.count()));
    // A pipe whose writers are gone is always ready: the end of the child follows within moments.
    if ((waits[1].revents & POLLHUP) != 0 && (waits[1].revents & POLLIN) == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

} // namespace whisperstore::chroma
