#include "protocol/http/stream.hpp"

#include "protocol/http/failure.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace whisperstore::http {

namespace {

constexpr std::size_t read_size = 32 * 1024;

Failure lost(std::string_view what, const std::error_code& code)
{
    return Failure{FailureKind::lost, std::string(what) + ": " + code.message(),
                   "errno " + std::to_string(code.value())};
}

std::error_code system_error() noexcept { return {errno, std::generic_category()}; }

bool would_wait() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

} // namespace

RestingConnection::RestingConnection(int descriptor, bool is_v6, std::unique_ptr<TlsSession> tls) noexcept
    : since(std::chrono::steady_clock::now()), descriptor_(descriptor), is_v6_(is_v6), tls_(std::move(tls))
{
}

RestingConnection::RestingConnection(RestingConnection&& other) noexcept
    : since(other.since),
      descriptor_(std::exchange(other.descriptor_, -1)),
      is_v6_(other.is_v6_),
      tls_(std::move(other.tls_))
{
}

RestingConnection& RestingConnection::operator=(RestingConnection&& other) noexcept
{
    std::swap(since, other.since);
    std::swap(descriptor_, other.descriptor_);
    std::swap(is_v6_, other.is_v6_);
    std::swap(tls_, other.tls_);
    return *this;
}

RestingConnection::~RestingConnection()
{
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

bool RestingConnection::is_usable() noexcept
{
    try {
        char first = '\0';
        const ssize_t there = ::recv(descriptor_, &first, 1, MSG_DONTWAIT | MSG_PEEK);
        if (there < 0)
            return would_wait();
        if (there == 0 || !tls_)
            return false; // closed, or it speaks unasked
        // TLS servers send session tickets after the handshake.
        std::string bytes(read_size, '\0');
        const ssize_t got = ::recv(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got <= 0)
            return false;
        tls_->feed(std::string_view(bytes.data(), static_cast<std::size_t>(got)));
        std::string plain;
        return tls_->read(plain) == TlsSession::Read::nothing && plain.empty();
    } catch (...) {
        return false; // what cannot be looked at is not used
    }
}

/// What completions of the system touch; kept by those that are still to come.
struct Stream::State
{
    explicit State(const asio::any_io_executor& strand) : socket(strand), timer(strand) {}
    asio::ip::tcp::socket socket;
    asio::steady_timer timer; // waits for everything: the deadline is its time, whatever happens cancels it
    bool is_readable = false;
    bool is_writable = false;
    bool is_connected = false;
    bool awaits_read = false;
    bool awaits_write = false;
    boost::system::error_code connect_error;
    std::string abandoned; // why, once it was
};

Stream::Stream(const asio::any_io_executor& strand) : state_(std::make_shared<State>(strand)) {}

Stream::Stream(const asio::any_io_executor& strand, RestingConnection resting)
    : state_(std::make_shared<State>(strand)), tls_(std::move(resting.tls_))
{
    const auto protocol = resting.is_v6_ ? asio::ip::tcp::v6() : asio::ip::tcp::v4();
    boost::system::error_code error;
    state_->socket.assign(protocol, resting.descriptor_, error);
    if (error)
        throw Failure{FailureKind::lost, "a resting connection cannot be used: " + error.message()};
    resting.descriptor_ = -1;
}

Stream::~Stream()
{
    // Completions under way keep the state; they find a closed socket.
    boost::system::error_code ignored;
    state_->socket.close(ignored);
    state_->timer.cancel();
}

awaitable<void> Stream::until(bool State::* one, bool State::* other, Time deadline)
{
    const std::shared_ptr<State> state = state_;
    while (!((*state).*one || (*state).*other)) {
        // Looked at before each wait: it may have come while the coroutine was elsewhere.
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none)
            throw Failure{FailureKind::cancelled, "it was cancelled by its caller"};
        if (!state->abandoned.empty())
            throw Failure{FailureKind::lost, state->abandoned};
        if (std::chrono::steady_clock::now() >= deadline)
            throw Failure{FailureKind::timed_out, "no answer in time"};
        state->timer.expires_at(deadline);
        boost::system::error_code error;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        co_await state->timer.async_wait(token);
    }
}

awaitable<void> Stream::connect(asio::ip::tcp::endpoint endpoint, Time deadline)
{
    const std::shared_ptr<State> state = state_;
    state->socket.async_connect(endpoint, [state](boost::system::error_code error) {
        state->is_connected = true;
        state->connect_error = error;
        state->timer.cancel();
    });
    co_await until(&State::is_connected, &State::is_connected, deadline);
    if (state->connect_error)
        throw lost("cannot connect", std::error_code(state->connect_error));
    boost::system::error_code ignored;
    state->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
}

awaitable<void> Stream::start_tls(std::unique_ptr<TlsSession> tls, Time deadline)
{
    tls_ = std::move(tls);
    while (true) {
        const bool done = tls_->handshake();
        while (!flush())
            co_await wait(false, true, deadline);
        if (done)
            co_return;
        received_.clear();
        Read got = receive(received_);
        while (got == Read::nothing) {
            co_await wait(true, false, deadline);
            got = receive(received_);
        }
        if (got != Read::data)
            throw Failure{FailureKind::lost, "the server closed the connection while TLS was being agreed on"};
        tls_->feed(received_);
    }
}

std::size_t Stream::send(std::string_view bytes)
{
    const ssize_t sent =
        ::send(state_->socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        return static_cast<std::size_t>(sent);
    if (!would_wait())
        throw lost("the connection broke", system_error());
    return 0;
}

Stream::Read Stream::receive(std::string& bytes)
{
    const std::size_t before = bytes.size();
    bytes.resize(before + read_size);
    const ssize_t got = ::recv(state_->socket.native_handle(), bytes.data() + before, read_size, MSG_DONTWAIT);
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got > 0)
        return Read::data;
    if (got == 0)
        return Read::end;
    if (!would_wait())
        throw lost("the connection broke", system_error());
    return Read::nothing;
}

std::size_t Stream::write_some(std::string_view bytes)
{
    if (!tls_)
        return send(bytes);
    constexpr std::size_t most = 64 * 1024; // encrypted at once, and so kept until it is sent
    if (!flush())
        return 0;
    const std::string_view piece = bytes.substr(0, most);
    tls_->write(piece);
    flush();
    return piece.size();
}

bool Stream::flush()
{
    if (!tls_)
        return true;
    std::string& output = tls_->output();
    std::size_t sent = 0;
    while (sent < output.size()) {
        const std::size_t more = send(std::string_view(output).substr(sent));
        if (more == 0)
            break;
        sent += more;
    }
    output.erase(0, sent);
    return output.empty();
}

Stream::Read Stream::read_some(std::string& bytes)
{
    if (!tls_)
        return receive(bytes);
    while (true) {
        switch (tls_->read(bytes)) {
        case TlsSession::Read::data:
            return Read::data;
        case TlsSession::Read::end:
            return Read::end;
        case TlsSession::Read::nothing:
            break;
        }
        received_.clear();
        const Read got = receive(received_);
        if (got != Read::data)
            return got == Read::end ? Read::cut_short : got;
        tls_->feed(received_);
    }
}

awaitable<void> Stream::wait(bool readable, bool writable, Time deadline)
{
    const std::shared_ptr<State> state = state_;
    if (readable && !state->awaits_read) {
        state->awaits_read = true;
        state->is_readable = false;
        state->socket.async_wait(asio::ip::tcp::socket::wait_read, [state](boost::system::error_code) {
            state->awaits_read = false; // an error shows when it is read
            state->is_readable = true;
            state->timer.cancel();
        });
    }
    if (writable && !state->awaits_write) {
        state->awaits_write = true;
        state->is_writable = false;
        state->socket.async_wait(asio::ip::tcp::socket::wait_write, [state](boost::system::error_code) {
            state->awaits_write = false;
            state->is_writable = true;
            state->timer.cancel();
        });
    }
    bool State::* const one = readable ? &State::is_readable : &State::is_writable;
    bool State::* const other = writable ? &State::is_writable : &State::is_readable;
    co_await until(one, other, deadline);
}

awaitable<void> Stream::pause(Time deadline)
{
    co_await asio::post(asio::use_awaitable);
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none)
        throw Failure{FailureKind::cancelled, "it was cancelled by its caller"};
    if (std::chrono::steady_clock::now() >= deadline)
        throw Failure{FailureKind::timed_out, "no answer in time"};
}

std::function<void(std::string reason)> Stream::abandoner() const
{
    return [weak = std::weak_ptr<State>(state_)](std::string reason) {
        const std::shared_ptr<State> state = weak.lock();
        if (!state)
            return;
        asio::post(state->timer.get_executor(), [weak, reason = std::move(reason)] {
            if (const std::shared_ptr<State> there = weak.lock()) {
                there->abandoned = reason;
                there->timer.cancel();
            }
        });
    };
}

std::optional<RestingConnection> Stream::rest() &&
{
    boost::system::error_code error;
    const auto local = state_->socket.local_endpoint(error);
    if (error)
        return std::nullopt;
    const int descriptor = state_->socket.release(error);
    if (error)
        return std::nullopt;
    return RestingConnection(descriptor, local.address().is_v6(), std::move(tls_));
}

} // namespace whisperstore::http
