#pragma once
// One TCP connection, with TLS or without, in the hands of one call.

#include "protocol/http/tls_session.hpp"

#include <whisperstore/core/async.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::http {

using Time = std::chrono::steady_clock::time_point;

/// A connection that nobody uses: it belongs to no executor, so whoever comes next may take it into theirs. Closed when
/// it goes.
class RestingConnection
{
public:
    RestingConnection(int descriptor, bool is_v6, std::unique_ptr<TlsSession> tls) noexcept;
    RestingConnection(RestingConnection&& other) noexcept;
    RestingConnection& operator=(RestingConnection&& other) noexcept;
    ~RestingConnection();

    /// Whether the server neither closed it nor sent anything meanwhile. Never waits.
    bool is_usable() noexcept;

    Time since{}; ///< when it was laid to rest

private:
    friend class Stream;
    int descriptor_;
    bool is_v6_;
    std::unique_ptr<TlsSession> tls_;
};

/// All calls and all completions on one strand. Functions throw Failure; what waits ends at its deadline (timed_out),
/// or when the calling coroutine is cancelled (cancelled), which the coroutine must not throw for by itself
/// (`throw_if_cancelled(false)`).
class Stream
{
public:
    explicit Stream(const asio::any_io_executor& strand);
    Stream(const asio::any_io_executor& strand, RestingConnection resting);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    awaitable<void> connect(asio::ip::tcp::endpoint endpoint, Time deadline);
    awaitable<void> start_tls(std::unique_ptr<TlsSession> tls, Time deadline);

    /// Hands bytes to the system and returns how many were taken; none: it would have to wait.
    std::size_t write_some(std::string_view bytes);
    /// Whether all that was taken left this process.
    bool flush();

    enum class Read
    {
        data,
        nothing,   ///< it would have to wait
        end,       ///< the server sends no more
        cut_short, ///< as end, but TLS says that it may be an attacker's doing
    };
    /// Appends what has come, some ten KiB at most.
    Read read_some(std::string& bytes);

    /// Until there is something to read or room to write.
    awaitable<void> wait(bool readable, bool writable, Time deadline);
    /// Lets others run.
    awaitable<void> pause(Time deadline);

    /// What any thread may call, also when the stream is gone: whatever waits here ends as `lost` by that reason.
    std::function<void(std::string reason)> abandoner() const;

    /// Takes the connection out, for another call; nothing where it cannot be.
    std::optional<RestingConnection> rest() &&;

private:
    struct State;
    awaitable<void> until(bool State::* one, bool State::* other, Time deadline);
    std::size_t send(std::string_view bytes);
    Read receive(std::string& bytes);

    std::shared_ptr<State> state_;
    std::unique_ptr<TlsSession> tls_;
    std::string received_; // ciphertext on its way into tls_
};

} // namespace whisperstore::http
