#include "core/socket_watch.hpp"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace whisperstore {

namespace asio = boost::asio;

namespace {

template <typename Inner>
bool unwrap_strand(asio::any_io_executor& executor)
{
    const auto* strand = executor.target<asio::strand<Inner>>();
    if (!strand)
        return false;
    const asio::any_io_executor inner = strand->get_inner_executor();
    executor = inner;
    return true;
}

} // namespace

const void* context_of(const asio::any_io_executor& executor) noexcept
{
    return executor ? &asio::query(executor, asio::execution::context) : nullptr;
}

asio::any_io_executor event_loop_of(asio::any_io_executor executor)
{
    while (unwrap_strand<asio::any_io_executor>(executor) || unwrap_strand<asio::io_context::executor_type>(executor) ||
           unwrap_strand<asio::thread_pool::executor_type>(executor)) {
    }
    return executor;
}

/// Takes the sockets out of an event loop that ends.
class SocketWatch::Service final : public asio::execution_context::service
{
public:
    inline static asio::execution_context::id id;

    explicit Service(asio::execution_context& context) : service(context), context_(&context) {}

    void add(const std::shared_ptr<State>& state)
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(members_, [](const auto& member) { return member.expired(); });
        members_.push_back(state);
    }

private:
    void shutdown() override
    {
        std::vector<std::weak_ptr<State>> members;
        {
            const std::lock_guard lock(mutex_);
            members.swap(members_);
        }
        for (const auto& member : members)
            if (const auto state = member.lock())
                leave(*state, context_);
    }

    const void* const context_;
    std::mutex mutex_;
    std::vector<std::weak_ptr<State>> members_;
};

namespace {

int copy_of(int socket)
{
    const int copy = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        throw std::system_error(errno, std::generic_category(), "cannot watch a socket");
    return copy;
}

} // namespace

SocketWatch::SocketWatch(int socket, Watches what)
    : socket_(what == Watches::copy ? copy_of(socket) : socket), is_copy_(what == Watches::copy)
{
}

SocketWatch::~SocketWatch()
{
    leave();
    if (is_copy_)
        ::close(socket_);
}

const void* SocketWatch::context() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->context;
}

asio::any_io_executor SocketWatch::executor() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->descriptor ? asio::any_io_executor(state_->descriptor->get_executor()) : asio::any_io_executor();
}

void SocketWatch::move_to(const asio::any_io_executor& executor)
{
    leave();
    auto& context = asio::query(executor, asio::execution::context);
    asio::use_service<Service>(context).add(state_);
    const std::lock_guard lock(state_->mutex);
    state_->descriptor.emplace(executor, socket_);
    state_->context = &context;
}

void SocketWatch::leave() noexcept { leave(*state_, nullptr); }

void SocketWatch::leave(State& state, const void* only_from) noexcept
{
    const std::lock_guard lock(state.mutex);
    if (!state.descriptor || (only_from && state.context != only_from))
        return;
    state.descriptor->release();
    state.descriptor.reset();
    state.context = nullptr;
}

} // namespace whisperstore
