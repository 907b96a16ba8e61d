#include "servers/chaos_proxy.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <future>
#include <mutex>
#include <set>
#include <thread>

namespace whisperstore::test {

namespace asio = boost::asio;
using asio::ip::tcp;
using Cut = ChaosRule::Cut;

/// Everything on the proxy's thread, except what the mutex guards.
struct ChaosProxy::State
{
    State(std::uint16_t server_port, const std::string& address, std::uint16_t port)
        : servers{server_port},
          acceptor(io, tcp::endpoint(asio::ip::make_address(address), port)),
          endpoint(acceptor.local_endpoint())
    {
    }

    tcp::endpoint next_server()
    {
        const std::lock_guard lock(mutex);
        return {asio::ip::make_address("127.0.0.1"), servers[turn++ % servers.size()]};
    }

    /// A pair of sockets and what went through them.
    struct Connection
    {
        explicit Connection(asio::io_context& io, tcp::socket accepted) : client(std::move(accepted)), server(io) {}
        tcp::socket client;
        tcp::socket server;
        std::uint64_t requested = 0;
        std::uint64_t answered = 0;
        std::size_t number = 0;

        void cut(Cut how)
        {
            for (tcp::socket* socket : {&client, &server}) {
                boost::system::error_code ignored;
                if (how == Cut::reset)
                    socket->set_option(asio::socket_base::linger(true, 0), ignored);
                else
                    socket->shutdown(tcp::socket::shutdown_both, ignored);
                socket->close(ignored);
            }
        }
    };

    asio::awaitable<void> accept()
    {
        while (true) {
            boost::system::error_code error;
            auto token = asio::redirect_error(asio::use_awaitable, error);
            tcp::socket socket = co_await acceptor.async_accept(token);
            if (error)
                co_return;
            auto connection = std::make_shared<Connection>(io, std::move(socket));
            {
                const std::lock_guard lock(mutex);
                connection->number = count++;
                newest_request = newest_answer = 0;
            }
            if (rule_of(*connection).refuse) {
                connection->cut(Cut::reset);
                continue;
            }
            asio::co_spawn(io, carry(connection), asio::detached);
        }
    }

    ChaosRule rule_of(const Connection& connection) const
    {
        const std::lock_guard lock(mutex);
        return connection.number - since < rule.connections ? rule : ChaosRule();
    }

    /// Registers the connection while it is open.
    struct Registration
    {
        Registration(State& owner, Connection& carried) : state(owner), connection(carried)
        {
            const std::lock_guard lock(state.mutex);
            state.connections.insert(&connection);
        }
        ~Registration()
        {
            const std::lock_guard lock(state.mutex);
            state.connections.erase(&connection);
        }
        State& state;
        Connection& connection;
    };

    asio::awaitable<void> carry(std::shared_ptr<Connection> connection)
    {
        const Registration registration(*this, *connection);
        boost::system::error_code error;
        boost::system::error_code ignored;
        connection->client.set_option(tcp::no_delay(true), ignored);
        auto token = asio::redirect_error(asio::use_awaitable, error);
        co_await connection->server.async_connect(next_server(), token);
        if (error) {
            connection->cut(Cut::reset);
            co_return;
        }
        connection->server.set_option(tcp::no_delay(true), ignored);
        using Time = asio::steady_timer::time_point;
        asio::steady_timer ended(io, Time::max());
        asio::co_spawn(io, forward(connection, true), [&ended](std::exception_ptr) { ended.expires_at(Time::min()); });
        co_await forward(connection, false);
        co_await ended.async_wait(token);
        connection->cut(Cut::close);
    }

    asio::awaitable<void> forward(std::shared_ptr<Connection> connection, bool request)
    {
        tcp::socket& from = request ? connection->client : connection->server;
        tcp::socket& to = request ? connection->server : connection->client;
        std::uint64_t& carried = request ? connection->requested : connection->answered;
        std::array<char, 16 * 1024> buffer;
        bool swallowing = false;
        while (true) {
            boost::system::error_code error;
            auto token = asio::redirect_error(asio::use_awaitable, error);
            const std::size_t got = co_await from.async_read_some(asio::buffer(buffer), token);
            if (error)
                break;
            if (swallowing)
                continue;
            const ChaosRule now = rule_of(*connection);
            if (const auto delay = now.delay + (request ? std::chrono::milliseconds(0) : now.answer_delay);
                delay.count() > 0) {
                asio::steady_timer timer(io, delay);
                co_await timer.async_wait(token);
            }
            const auto limit = request ? now.cut_request_at : now.cut_answer_at;
            const std::size_t most =
                limit ? static_cast<std::size_t>(std::min<std::uint64_t>(got, *limit - std::min(*limit, carried)))
                      : got;
            // Counted first: who sees the bytes may ask at once how many they were.
            carried += most;
            note(*connection);
            co_await asio::async_write(to, asio::buffer(buffer.data(), most), token);
            if (error)
                break;
            if (!limit || carried < *limit)
                continue;
            if (now.cut == Cut::half_close)
                break;
            if (now.cut == Cut::black_hole) {
                swallowing = true;
                continue;
            }
            connection->cut(now.cut);
            co_return;
        }
        boost::system::error_code ignored;
        to.shutdown(tcp::socket::shutdown_send, ignored);
    }

    void note(const Connection& connection)
    {
        const std::lock_guard lock(mutex);
        if (connection.number + 1 == count) {
            newest_request = connection.requested;
            newest_answer = connection.answered;
        }
    }

    mutable std::mutex mutex; // of all below
    ChaosRule rule;
    std::size_t since = 0; // the first connection the rule's number counts
    std::size_t count = 0;
    std::uint64_t newest_request = 0;
    std::uint64_t newest_answer = 0;
    std::set<Connection*> connections;
    std::vector<std::uint16_t> servers;
    std::size_t turn = 0;

    // Ends before the above, and with it the coroutines that use them.
    asio::io_context io{1};
    // It also waits for commands while it neither listens nor carries anything.
    asio::executor_work_guard<asio::io_context::executor_type> stays = asio::make_work_guard(io);
    tcp::acceptor acceptor;
    const tcp::endpoint endpoint;
    std::thread thread;
};

ChaosProxy::ChaosProxy(std::uint16_t server_port) : ChaosProxy(server_port, "127.0.0.1", 0) {}

ChaosProxy::ChaosProxy(std::uint16_t server_port, const std::string& address, std::uint16_t port)
    : state_(std::make_shared<State>(server_port, address, port))
{
    asio::co_spawn(state_->io, state_->accept(), asio::detached);
    state_->thread = std::thread([io = &state_->io] { io->run(); });
}

ChaosProxy::~ChaosProxy()
{
    state_->io.stop();
    state_->thread.join();
}

std::uint16_t ChaosProxy::port() const noexcept { return state_->endpoint.port(); }

void ChaosProxy::set_rule(ChaosRule rule)
{
    const std::lock_guard lock(state_->mutex);
    state_->rule = rule;
    state_->since = state_->count;
    for (const State::Connection* connection : state_->connections)
        state_->since = std::min(state_->since, connection->number);
}

void ChaosProxy::set_servers(std::vector<std::uint16_t> ports)
{
    const std::lock_guard lock(state_->mutex);
    state_->servers = std::move(ports);
}

void ChaosProxy::set_listening(bool listens)
{
    std::promise<void> done;
    asio::post(state_->io, [&, state = state_.get()] {
        try {
            if (!listens) {
                state->acceptor.close();
            } else if (!state->acceptor.is_open()) {
                state->acceptor = tcp::acceptor(state->io, state->endpoint);
                asio::co_spawn(state->io, state->accept(), asio::detached);
            }
            done.set_value();
        } catch (...) {
            done.set_exception(std::current_exception());
        }
    });
    done.get_future().get();
}

void ChaosProxy::cut_all(ChaosRule::Cut cut)
{
    std::promise<void> done;
    asio::post(state_->io, [&] {
        std::set<State::Connection*> open;
        {
            const std::lock_guard lock(state_->mutex);
            open = state_->connections;
        }
        for (State::Connection* connection : open)
            connection->cut(cut);
        done.set_value();
    });
    done.get_future().get();
}

std::size_t ChaosProxy::accepted() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->count;
}

std::size_t ChaosProxy::open() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->connections.size();
}

std::uint64_t ChaosProxy::request_bytes() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->newest_request;
}

std::uint64_t ChaosProxy::answer_bytes() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->newest_answer;
}

} // namespace whisperstore::test
