#pragma once
// HTTP/1.1 as the bytes it is: a blocking socket, requests as they stand, answers read whole.

#include <whisperstore/core/connection_url.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace whisperstore::bench {

/// A connected TCP socket.
class RawSocket
{
public:
    explicit RawSocket(int descriptor) : descriptor_(descriptor) {}
    explicit RawSocket(const HostPort& node);
    ~RawSocket();
    RawSocket(RawSocket&& other) noexcept;
    RawSocket& operator=(RawSocket&&) = delete;
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;

    void send(std::string_view bytes);
    /// Appends what comes next; false: the other side has closed.
    bool receive(std::string& bytes);

private:
    int descriptor_;
};

/// A connection to a node that sends rendered requests.
class RawHttp
{
public:
    explicit RawHttp(const HostPort& node) : socket_(node) {}

    /// The whole answer, as it came; valid until the next call. Throws std::runtime_error where it ends early.
    const std::string& exchange(std::string_view request);
    /// The same, and throws where its status is not 200.
    void exchange_ok(std::string_view request);

private:
    RawSocket socket_;
    std::string answer_;
};

/// The bytes of the complete message, head and body, that `bytes` begin with; 0: more has to come.
std::size_t message_size(std::string_view bytes);

} // namespace whisperstore::bench
