#include "bolt/wire.hpp"

#include "protocol/bolt/failure.hpp"
#include "protocol/http/failure.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace whisperstore::bolt {

namespace {

constexpr std::size_t least_read = std::size_t(4) << 10U;
constexpr std::size_t most_read = std::size_t(128) << 10U;
// Of records that nobody asks for one by one.
constexpr std::size_t enough = std::size_t(256) << 10U;

bool would_wait(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

Lost lost(std::string_view what, int error)
{
    std::string reason(what);
    reason.append(": ").append(std::error_code(error, std::generic_category()).message());
    return Lost{std::move(reason)};
}

} // namespace

/// Somebody who waits for the goal.
class Wire::Wait final : public Job
{
public:
    Wait(std::shared_ptr<Wire> wire, Goal wanted) noexcept : goal(wanted), wire_(std::move(wire)) {}
    const Goal goal;

protected:
    void on_abort() noexcept override { wire_->abandon(*this); }

private:
    const std::shared_ptr<Wire> wire_;
};

/// Waits for the socket. Destroyed without a call where its event loop ends first: then nobody waits any more.
class Wire::Watcher
{
public:
    Watcher(std::shared_ptr<Wire> wire, std::uint64_t watch, bool reading) noexcept
        : wire_(std::move(wire)), watch_(watch), reading_(reading)
    {
    }
    Watcher(Watcher&&) noexcept = default;
    Watcher& operator=(Watcher&&) = delete;
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    ~Watcher()
    {
        if (wire_)
            wire_->on_watch_lost(watch_);
    }
    void operator()(const boost::system::error_code&)
    {
        // An error of the socket is found by using it.
        const std::shared_ptr<Wire> wire = std::exchange(wire_, nullptr);
        wire->on_ready(reading_, watch_);
    }

private:
    std::shared_ptr<Wire> wire_;
    std::uint64_t watch_;
    bool reading_;
};

Wire::Socket::~Socket() { ::close(descriptor); }

Wire::Wire(int socket, std::size_t message_limit)
    : socket_(socket), reader_(message_limit), read_size_(least_read), watched_(socket)
{
}

awaitable<std::shared_ptr<Wire>> Wire::connect(boost::asio::ip::tcp::endpoint endpoint, std::size_t message_limit,
                                               OperationContext context)
{
    const int socket = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0)
        throw lost("cannot open a socket", errno);
    const auto wire = std::make_shared<Wire>(socket, message_limit);
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); // without it things are slower, no more
    if (::connect(socket, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0)
        wire->connected_ = true;
    else if (errno != EINPROGRESS)
        throw lost("cannot connect", errno);
    const Goal connected{Goal::Kind::connected, 1};
    co_await wire->until(connected, std::move(context));
    co_return wire;
}

awaitable<void> Wire::start_tls(std::unique_ptr<http::TlsSession> tls, OperationContext context)
{
    tls_ = std::move(tls);
    const Goal secured{Goal::Kind::secured, 1};
    co_await until(secured, std::move(context));
}

awaitable<void> Wire::until(Goal goal, OperationContext context)
{
    // What was just asked is not answered yet: then there is no use in looking.
    if (advance(goal, output_.empty()))
        co_return;
    const auto self = shared_from_this();
    last_received_ = std::chrono::steady_clock::now();
    while (true) {
        // Not kept here: it keeps this frame.
        auto wait = std::make_shared<Wait>(self, goal);
        std::function<void(std::shared_ptr<Job>)> submit = [this, wait](const std::shared_ptr<Job>&) { enlist(wait); };
        OperationContext limited;
        limited.deadline = context.deadline;
        if (receive_timeout_)
            limited = limited.limited_to(*receive_timeout_);
        bool waited = false;
        try {
            co_await Job::wait(std::move(wait), std::move(submit), std::move(limited));
            waited = true;
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::timeout || context.expired())
                throw;
        }
        if (waited)
            co_return;
        // Signs of life came meanwhile, or did not.
        if (std::chrono::steady_clock::now() - last_received_ >= *receive_timeout_)
            throw Lost{"the server sent nothing for " + std::to_string(receive_timeout_->count()) +
                       " s, not even the signs of life it promised"};
    }
}

void Wire::enlist(const std::shared_ptr<Wait>& wait)
{
    const std::lock_guard lock(mutex_);
    if (!wait->begin())
        return; // aborted, and told
    waiter_ = wait;
    try {
        const auto loop = event_loop_of(wait->executor());
        if (watched_.context() != context_of(loop)) {
            stop_watching();
            watched_.move_to(loop);
        }
        watch();
    } catch (const boost::system::system_error& error) {
        waiter_.reset();
        wait->complete(std::make_exception_ptr(Lost{"the socket cannot be watched: " + error.code().message()}));
    }
    if (wait->abort_reason() != AbortReason::none && waiter_) {
        // Aborted between the two: on_abort() found nobody.
        waiter_.reset();
        stop_watching();
        wait->complete(std::make_exception_ptr(abort_error(wait->abort_reason(), "waiting for the server")));
    }
}

void Wire::abandon(const Wait& wait) noexcept
{
    std::shared_ptr<Wait> abandoned;
    {
        const std::lock_guard lock(mutex_);
        if (waiter_.get() != &wait)
            return;
        abandoned = std::move(waiter_);
        waiter_.reset();
        stop_watching();
    }
    abandoned->complete(std::make_exception_ptr(abort_error(abandoned->abort_reason(), "waiting for the server")));
}

bool Wire::wants_room() const { return !output_.empty() || (tls_ && !tls_->output().empty()); }

void Wire::watch()
{
    const bool connecting = waiter_->goal.kind == Goal::Kind::connected;
    if (!reading_ && !connecting) {
        reading_ = true;
        watched_.wait(true, Watcher(shared_from_this(), watch_, true));
    }
    if (!writing_ && (connecting || wants_room())) {
        writing_ = true;
        watched_.wait(false, Watcher(shared_from_this(), watch_, false));
    }
}

void Wire::stop_watching() noexcept
{
    ++watch_;
    reading_ = writing_ = false;
    watched_.leave();
}

void Wire::on_watch_lost(std::uint64_t watched) noexcept
{
    std::shared_ptr<Wait> unheard; // it owns the frame that waits, which may own this: not under the lock
    const std::lock_guard lock(mutex_);
    if (watched != watch_)
        return;
    stop_watching();
    unheard.swap(waiter_);
}

void Wire::on_ready(bool reading, std::uint64_t watched)
{
    std::shared_ptr<Wait> waiter;
    std::exception_ptr failure;
    {
        const std::lock_guard lock(mutex_);
        if (watched != watch_)
            return;
        (reading ? reading_ : writing_) = false;
        if (!waiter_)
            return;
        bool reached = false;
        try {
            if (waiter_->goal.kind == Goal::Kind::connected) {
                int error = 0;
                socklen_t size = sizeof(error);
                ::getsockopt(socket_.descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
                if (error != 0)
                    throw lost("cannot connect", error);
                connected_ = true;
            }
            reached = advance(waiter_->goal, reading);
            if (!reached)
                watch();
        } catch (...) {
            failure = std::current_exception();
        }
        if (!reached && !failure)
            return;
        waiter.swap(waiter_);
        if (reading_ || writing_)
            stop_watching(); // nobody may be running where it would be heard
    }
    waiter->complete_here(std::move(failure));
}

bool Wire::is_reached(Goal goal) const noexcept
{
    switch (goal.kind) {
    case Goal::Kind::connected:
        return connected_;
    case Goal::Kind::secured:
        return secured_;
    case Goal::Kind::sent:
        return !wants_room();
    case Goal::Kind::bytes:
        return reader_.raw().size() >= goal.count;
    case Goal::Kind::messages:
        return reader_.ready() >= goal.count;
    case Goal::Kind::summaries:
        return reader_.summaries() >= goal.count || (reader_.ready() > 0 && reader_.raw().size() >= enough);
    }
    return false;
}

/// Goes as far as it does without waiting; whether that is the goal.
bool Wire::advance(Goal goal, bool reading)
{
    try {
        if (goal.kind == Goal::Kind::secured && !secured_) {
            secured_ = tls_->handshake();
        } else if (connected_) {
            flush();
        }
        if (tls_)
            send(tls_->output());
        if (goal.kind == Goal::Kind::messages || goal.kind == Goal::Kind::summaries)
            reader_.scan();
        while (!is_reached(goal)) {
            if (!reading || !connected_ || !receive())
                return false;
            if (goal.kind == Goal::Kind::secured) {
                secured_ = tls_->handshake();
                send(tls_->output());
            } else if (goal.kind != Goal::Kind::bytes) {
                reader_.scan();
            }
        }
        return goal.kind != Goal::Kind::secured || tls_->output().empty();
    } catch (const http::Failure& failure) {
        throw Lost{failure.text, failure.kind == http::FailureKind::untrusted};
    }
}

void Wire::flush()
{
    if (!tls_)
        return send(output_);
    if (!output_.empty()) {
        tls_->write(output_);
        output_.clear();
    }
    send(tls_->output());
}

void Wire::send(std::string& bytes)
{
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t sent =
            ::send(socket_.descriptor, bytes.data() + done, bytes.size() - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (would_wait(errno))
                break;
            throw lost("the connection broke", errno);
        }
        done += static_cast<std::size_t>(sent);
        sent_ += static_cast<std::uint64_t>(sent);
    }
    bytes.erase(0, done);
}

/// One gulp; false where there is nothing.
bool Wire::receive()
{
    std::string& plain = reader_.input();
    if (tls_) {
        const auto got = tls_->read(plain);
        if (got == http::TlsSession::Read::data)
            return true;
        if (got == http::TlsSession::Read::end)
            throw Lost{"the server closed the connection"};
        received_.clear();
    }
    std::string& bytes = tls_ ? received_ : plain;
    const std::size_t before = bytes.size();
    bytes.resize(before + read_size_);
    const ssize_t got = ::recv(socket_.descriptor, bytes.data() + before, read_size_, MSG_DONTWAIT);
    const int error = errno;
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0)
        throw Lost{"the server closed the connection"};
    if (got < 0) {
        if (would_wait(error))
            return false;
        throw lost("the connection broke", error);
    }
    last_received_ = std::chrono::steady_clock::now();
    read_size_ = static_cast<std::size_t>(got) == read_size_ ? std::min(read_size_ * 2, most_read) : read_size_;
    if (tls_) {
        tls_->feed(received_);
        if (secured_)
            static_cast<void>(tls_->read(plain)); // an end shows at the next gulp
    }
    return true;
}

bool Wire::send_now()
{
    try {
        flush();
        return !wants_room();
    } catch (const http::Failure& failure) {
        throw Lost{failure.text};
    }
}

void Wire::receive_now()
{
    try {
        while (receive())
            reader_.scan();
        reader_.scan();
    } catch (const http::Failure& failure) {
        throw Lost{failure.text};
    }
}

} // namespace whisperstore::bolt
