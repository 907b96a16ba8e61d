#pragma once
// A socket that is registered with one event loop after the other.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <mutex>
#include <optional>

namespace whisperstore {

/// The execution context of an executor, to be compared; null where it is empty.
const void* context_of(const boost::asio::any_io_executor& executor) noexcept;
/// The executor of the event loop itself, without the strands around it: what many wait for, or a lock guards, must not
/// wait for one caller's strand.
boost::asio::any_io_executor event_loop_of(boost::asio::any_io_executor executor);

/// Registering costs two system calls, so a socket at rest stays with the event loop that used it last. Should
/// that end first, its end takes the socket out, by a service in it. The socket stays its owner's: it is never closed.
///
/// An owner that may close the socket before leave() has a copy of the descriptor watched: the number could be another
/// socket's by then, which would be taken out in its place.
///
/// The calls need a lock of the owner's; the end of the event loop may come at any time.
class SocketWatch
{
public:
    enum class Watches
    {
        socket,
        copy,
    };
    /// \throws std::system_error when there is no descriptor left for the copy.
    explicit SocketWatch(int socket, Watches what = Watches::socket);
    ~SocketWatch();
    SocketWatch(const SocketWatch&) = delete;
    SocketWatch& operator=(const SocketWatch&) = delete;

    /// Where it is registered: the execution context, or null.
    const void* context() const;
    /// Of that context; empty where it is registered nowhere.
    boost::asio::any_io_executor executor() const;
    /// Throws boost::system::system_error.
    void move_to(const boost::asio::any_io_executor& executor);
    /// Ends what waits.
    void leave() noexcept;

    /// The handler is called on the event loop where it is registered, or destroyed when that ends. Without one it is
    /// destroyed here.
    template <typename Handler>
    void wait(bool reading, Handler handler)
    {
        using Descriptor = boost::asio::posix::stream_descriptor;
        const std::lock_guard lock(state_->mutex);
        if (state_->descriptor)
            state_->descriptor->async_wait(reading ? Descriptor::wait_read : Descriptor::wait_write,
                                           std::move(handler));
    }

private:
    class Service;
    struct State
    {
        mutable std::mutex mutex;
        std::optional<boost::asio::posix::stream_descriptor> descriptor;
        const void* context = nullptr;
    };
    static void leave(State& state, const void* only_from) noexcept;

    const int socket_;
    const bool is_copy_;
    const std::shared_ptr<State> state_ = std::make_shared<State>();
};

} // namespace whisperstore
