#include "raw_bolt.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace whisperstore::bench {

namespace {

constexpr int silence_milliseconds = 500;
constexpr std::size_t block_bytes = std::size_t(64) << 10U;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

sockaddr_in loopback(std::uint16_t port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int connect_to(std::uint16_t port)
{
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback(port);
    if (descriptor < 0 || ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        fail("nobody answers");
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

void send_all(int descriptor, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0)
            fail("the connection was lost");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

/// Adds what there is; false at the end.
bool receive(int descriptor, std::string& bytes)
{
    std::array<char, block_bytes> block{};
    const ssize_t received = ::recv(descriptor, block.data(), block.size(), 0);
    if (received <= 0)
        return false;
    bytes.append(block.data(), static_cast<std::size_t>(received));
    return true;
}

} // namespace

// ---- recording

struct BoltRecorder::State
{
    int listener = -1;
    std::uint16_t port = 0;
    std::mutex mutex;
    std::string sent;
    std::atomic<bool> ended{false};
    std::thread thread;

    void pass_on(std::uint16_t server_port)
    {
        const int client = ::accept(listener, nullptr, nullptr);
        if (client < 0)
            return;
        const int server = connect_to(server_port);
        std::array<pollfd, 2> both{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
        while (!ended && ::poll(both.data(), both.size(), 100) >= 0) {
            std::string bytes;
            if (both[0].revents != 0) {
                if (!receive(client, bytes))
                    break;
                {
                    const std::lock_guard lock(mutex);
                    sent.append(bytes);
                }
                send_all(server, bytes);
            } else if (both[1].revents != 0) {
                if (!receive(server, bytes))
                    break;
                send_all(client, bytes);
            }
        }
        ::close(client);
        ::close(server);
    }
};

BoltRecorder::BoltRecorder(std::uint16_t server_port) : state_(std::make_unique<State>())
{
    state_->listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(state_->listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(state_->listener, 1) != 0 ||
        ::getsockname(state_->listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        fail("no port to listen on");
    state_->port = ntohs(address.sin_port);
    state_->thread = std::thread([state = state_.get(), server_port] { state->pass_on(server_port); });
}

BoltRecorder::~BoltRecorder()
{
    state_->ended = true;
    ::shutdown(state_->listener, SHUT_RDWR); // where nobody has come
    state_->thread.join();
    ::close(state_->listener);
}

std::uint16_t BoltRecorder::port() const noexcept { return state_->port; }

std::string BoltRecorder::sent() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->sent;
}

// ---- replaying

RawBolt::RawBolt(std::uint16_t port, const BoltRecording& recording)
    : descriptor_(connect_to(port)), recording_(&recording)
{
    send_all(descriptor_, recording.opening);
    pollfd answer{descriptor_, POLLIN, 0};
    while (::poll(&answer, 1, silence_milliseconds) > 0)
        if (!receive(descriptor_, buffer_))
            throw std::runtime_error("the server did not take the recorded opening");
    buffer_.clear();
}

RawBolt::RawBolt(RawBolt&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), recording_(other.recording_)
{
}

RawBolt::~RawBolt()
{
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

// A message is chunks of a size of two bytes and as many more, and ends with one of none; its second byte says what it
// is (0x7F a failure).
void RawBolt::ask(std::size_t number)
{
    send_all(descriptor_, recording_->requests[number % recording_->requests.size()]);
    buffer_.clear();
    std::size_t at = 0;
    bool begins = true;
    for (std::size_t left = recording_->messages; left > 0;) {
        while (buffer_.size() < at + 4 && !(buffer_.size() == at + 2 && !begins))
            if (!receive(descriptor_, buffer_))
                throw std::runtime_error("the server closed the connection");
        const auto byte = [&](std::size_t place) { return static_cast<unsigned char>(buffer_[place]); };
        const std::size_t size = static_cast<std::size_t>(byte(at)) << 8U | byte(at + 1);
        if (size == 0) {
            at += 2;
            --left;
            begins = true;
            continue;
        }
        if (begins && byte(at + 3) == 0x7F)
            throw std::runtime_error("the server refused a recorded request");
        begins = false;
        while (buffer_.size() < at + 2 + size + 2)
            if (!receive(descriptor_, buffer_))
                throw std::runtime_error("the server closed the connection");
        at += 2 + size;
    }
}

} // namespace whisperstore::bench
