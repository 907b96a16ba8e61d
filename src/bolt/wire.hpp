#pragma once
// One TCP connection, with TLS or without: messages in, bytes out, in the hands of one caller at a time.

#include "core/job.hpp"
#include "core/socket_watch.hpp"
#include "protocol/bolt/chunks.hpp"
#include "protocol/http/tls_session.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace whisperstore::bolt {

/// The connection broke, or could not be made.
struct Lost
{
    std::string reason;
    bool untrusted = false; ///< TLS could not be agreed on: another try would not help
};

/// What a caller waits for.
struct Goal
{
    enum class Kind : std::uint8_t
    {
        connected,
        secured,   ///< TLS is agreed on
        sent,      ///< all of output() left this process
        bytes,     ///< so many raw bytes
        messages,  ///< so many complete messages
        summaries, ///< so many that are no records, or `enough` bytes of records: whoever drops them takes them in
                   ///< gulps
    };
    Kind kind = Kind::messages;
    std::size_t count = 1;
};

/// There is no thread behind it: whoever waits lends its event loop to watch the socket, and nobody reads while nobody
/// waits, which is what holds a server back. At rest it belongs to no executor. Always held by a shared_ptr.
class Wire : public std::enable_shared_from_this<Wire>
{
public:
    /// Throws Lost, and StorageError timeout or cancelled.
    static awaitable<std::shared_ptr<Wire>> connect(boost::asio::ip::tcp::endpoint endpoint, std::size_t message_limit,
                                                    OperationContext context);
    Wire(int socket, std::size_t message_limit);
    ~Wire() = default;
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    awaitable<void> start_tls(std::unique_ptr<http::TlsSession> tls, OperationContext context);

    /// Where the next bytes for the server are appended.
    std::string& output() noexcept { return output_; }
    /// Sends what is there, and returns once the goal is reached. Throws Lost, Malformed, and StorageError timeout and
    /// cancelled: then nothing is lost, and what comes later can still be waited for.
    awaitable<void> until(Goal goal, OperationContext context);
    /// Sends what the system takes at once; whether that was all. Throws Lost.
    bool send_now();
    /// Takes in what has come, without waiting. Throws Lost, Malformed.
    void receive_now();

    MessageReader& reader() noexcept { return reader_; }
    /// Bytes handed to the system so far: what of a request may have reached the server.
    std::uint64_t sent() const noexcept { return sent_; }
    /// A server that sends nothing for longer, although it is waited for, is dead.
    void set_receive_timeout(std::chrono::seconds limit) noexcept { receive_timeout_ = limit; }

private:
    class Wait;
    class Watcher;
    struct Socket
    {
        explicit Socket(int opened) noexcept : descriptor(opened) {}
        ~Socket();
        Socket(const Socket&) = delete;
        Socket& operator=(const Socket&) = delete;
        const int descriptor;
    };

    void enlist(const std::shared_ptr<Wait>& wait);
    void abandon(const Wait& wait) noexcept;
    void watch();
    void stop_watching() noexcept;
    void on_ready(bool reading, std::uint64_t watched);
    void on_watch_lost(std::uint64_t watched) noexcept;
    bool advance(Goal goal, bool reading);
    bool is_reached(Goal goal) const noexcept;
    bool receive();
    void flush();
    void send(std::string& bytes);
    bool wants_room() const;

    const Socket socket_; // closed after the watch has let it go
    std::unique_ptr<http::TlsSession> tls_;
    std::string output_;
    std::string received_; // ciphertext on its way into tls_
    MessageReader reader_;
    std::size_t read_size_;
    std::uint64_t sent_ = 0;
    bool connected_ = false;
    bool secured_ = false;
    std::optional<std::chrono::seconds> receive_timeout_;
    std::chrono::steady_clock::time_point last_received_{};

    // Between a caller and the event loop. Everything above is the loop's while waiter_ is set, else the caller's.
    std::mutex mutex_;
    std::shared_ptr<Wait> waiter_;
    SocketWatch watched_;
    std::uint64_t watch_ = 0; // numbers the watches, so that late calls of earlier ones are told
    bool reading_ = false;
    bool writing_ = false;
};

} // namespace whisperstore::bolt
