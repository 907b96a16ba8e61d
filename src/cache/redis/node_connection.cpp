#include "cache/redis/node_connection.hpp"

#include "cache/redis/script.hpp"
#include "cache/redis/tls_context.hpp"
#include "protocol/redis/server_error.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
// Boost.Redis, compiled here and nowhere else.
#include <boost/redis/connection.hpp>
#include <boost/redis/src.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace whisperstore::redis {

namespace {

namespace boost_redis = boost::redis;
using Connection = boost_redis::basic_connection<asio::io_context::executor_type>;
using Event = boost_redis::any_adapter::parse_event;

constexpr auto shortest_pause = std::chrono::milliseconds(50);
constexpr auto longest_pause = std::chrono::milliseconds(1'000);

void add_node(ReplyBuilder& builder, const boost_redis::resp3::node_view& node)
{
    using Type = boost_redis::resp3::type;
    if (boost_redis::resp3::is_aggregate(node.data_type))
        return builder.add_list(node.depth);
    Reply reply;
    switch (node.data_type) {
    case Type::null:
        break;
    case Type::simple_error:
    case Type::blob_error:
        reply.kind = Reply::Kind::error;
        reply.text = node.value;
        break;
    case Type::number:
        reply.kind = Reply::Kind::integer;
        std::from_chars(node.value.data(), node.value.data() + node.value.size(), reply.integer);
        break;
    case Type::boolean:
        reply.kind = Reply::Kind::integer;
        reply.integer = node.value == "t" ? 1 : 0;
        break;
    default:
        reply.kind = Reply::Kind::text;
        reply.text = node.value;
    }
    builder.add(node.depth, std::move(reply));
}

/// Commands sent together, and whose answers are to come.
struct Batch
{
    enum class Role : std::uint8_t
    {
        prologue, ///< CLIENT CACHING, ASKING
        answer,
        wait, ///< WAIT: for all writes before it
    };
    struct Expected
    {
        std::shared_ptr<Call> call;
        Role role;
    };

    boost_redis::request request;
    std::vector<Expected> expected;
    std::size_t next = 0;
    ReplyBuilder builder;
    std::vector<std::pair<std::shared_ptr<Call>, Reply>> held; ///< writes that wait for replicas
    bool waits = false;
};

void push(boost_redis::request& request, const std::vector<std::string>& words)
{
    if (words.size() == 1)
        request.push(words.front());
    else
        request.push_range(words.front(), words.begin() + 1, words.end());
}

} // namespace

class NodeConnection::Impl : public std::enable_shared_from_this<Impl>
{
public:
    Impl(EventLoop& loop, std::shared_ptr<const Options> options, HostPort node, bool replica, Events events)
        : executor_(loop.executor()),
          options_(std::move(options)),
          node_(std::move(node)),
          name_(options_->unix_socket.empty() ? node_.to_string() : options_->unix_socket),
          replica_(replica),
          events_(std::move(events)),
          pause_(executor_)
    {
    }

    void start() { asio::co_spawn(executor_, run(shared_from_this()), asio::detached); }
    void close();
    void send(std::shared_ptr<Call> call);
    void flush();

    State state() const noexcept { return state_; }
    const std::string& name() const noexcept { return name_; }
    const HostPort& node() const noexcept { return node_; }
    const StorageError& failure() const noexcept { return failure_; }
    std::uint64_t times_ready() const noexcept { return times_ready_; }
    std::shared_ptr<const Traffic> traffic() const noexcept { return traffic_; }

private:
    static awaitable<void> run(std::shared_ptr<Impl> self);
    boost_redis::config configuration() const;
    void set_up(const std::shared_ptr<Connection>& connection);
    void set_up_ended(const std::shared_ptr<Connection>& connection, const std::vector<Reply>& replies,
                      std::size_t essential, boost::system::error_code error);
    void drain_pushes(const std::shared_ptr<Connection>& connection);
    void pushed(const Reply& push);
    void add(Batch& batch, const std::shared_ptr<Call>& call) const;
    void answered(Batch& batch);
    void ended(Batch& batch);
    void count_traffic(const Connection& connection) noexcept;
    void fail(StorageErrc code, const std::string& reason);
    void change(State state);

    const asio::io_context::executor_type executor_;
    const std::shared_ptr<const Options> options_;
    const HostPort node_;
    const std::string name_;
    const bool replica_;
    Events events_;

    State state_ = State::connecting;
    StorageError failure_{StorageErrc::unavailable, "not connected yet"};
    std::uint64_t times_ready_ = 0;
    const std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
    boost_redis::usage counted_; ///< of this connection, in traffic_ already
    std::shared_ptr<Connection> connection_;
    std::vector<std::shared_ptr<Call>> pending_;
    asio::steady_timer pause_;
};

void NodeConnection::Impl::change(State state)
{
    state_ = state;
    if (events_.changed)
        events_.changed();
}

void NodeConnection::Impl::fail(StorageErrc code, const std::string& reason)
{
    ErrorDetails details;
    details.retryable = is_transient(code);
    failure_ = StorageError(code, name_ + ": " + reason, std::move(details));
}

boost_redis::config NodeConnection::Impl::configuration() const
{
    boost_redis::config config;
    config.use_ssl = options_->tls.enabled;
    config.addr.host = node_.host;
    config.addr.port = std::to_string(node_.port.value_or(6379));
    config.unix_socket = options_->unix_socket;
    config.resolve_timeout = options_->connect_timeout;
    config.connect_timeout = options_->connect_timeout;
    config.ssl_handshake_timeout = options_->connect_timeout;
    config.health_check_interval = options_->health_interval;
    config.reconnect_wait_interval = std::chrono::seconds(0); // each attempt is told apart
    config.read_buffer_append_size = 16 * 1024;
    // Our own greeting, whose answers can be read.
    config.use_setup = true;
    config.setup.clear();
    return config;
}

awaitable<void> NodeConnection::Impl::run(std::shared_ptr<Impl> self)
{
    std::chrono::milliseconds pause{0};
    while (self->state_ != State::closed) {
        std::shared_ptr<Connection> connection;
        try {
            connection =
                std::make_shared<Connection>(self->executor_, tls_context(self->options_->tls, self->node_.host),
                                             boost_redis::logger{boost_redis::logger::level::disabled});
        } catch (const StorageError& error) {
            self->failure_ = error;
        }
        const std::uint64_t ready_before = self->times_ready_;
        if (connection) {
            self->connection_ = connection;
            self->counted_ = boost_redis::usage();
            boost_redis::any_adapter pushes(
                [weak = std::weak_ptr<Impl>(self), builder = ReplyBuilder()](
                    Event event, const boost_redis::resp3::node_view& node, boost::system::error_code&) mutable {
                    if (event == Event::node)
                        return add_node(builder, node);
                    if (event != Event::done)
                        return;
                    const Reply push = builder.take();
                    if (const auto alive = weak.lock())
                        alive->pushed(push);
                });
            connection->set_receive_response(pushes);
            self->drain_pushes(connection);
            self->set_up(connection);
            const boost_redis::config config = self->configuration();
            const auto [error] = co_await connection->async_run(config, asio::as_tuple(asio::use_awaitable));
            connection->cancel();
            self->count_traffic(*connection);
            self->connection_.reset();
            if (self->times_ready_ != ready_before || self->failure_.errc() == StorageErrc::unavailable)
                self->fail(StorageErrc::unavailable,
                           (self->times_ready_ != ready_before ? "the connection broke: " : "cannot connect: ") +
                               error.message());
            // What was read through it is not told about any more.
            if (self->events_.invalidated)
                self->events_.invalidated(nullptr);
        }
        if (self->state_ == State::closed)
            break;
        const bool was_ready = self->times_ready_ != ready_before;
        self->change(was_ready ? State::connecting : State::away);
        pause = was_ready ? std::chrono::milliseconds(0) : std::clamp(pause * 2, shortest_pause, longest_pause);
        if (pause.count() == 0)
            continue;
        self->pause_.expires_after(pause);
        co_await self->pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

void NodeConnection::Impl::set_up(const std::shared_ptr<Connection>& connection)
{
    struct Greeting
    {
        boost_redis::request request{boost_redis::request::config{true, false, true, true}};
        std::vector<Reply> replies = {};
        ReplyBuilder builder = {};
    };
    const auto greeting = std::make_shared<Greeting>();
    std::vector<std::string> hello{"HELLO", "3"};
    if (!options_->password.empty() || !options_->username.empty()) {
        hello.emplace_back("AUTH");
        hello.push_back(options_->username.empty() ? "default" : options_->username);
        hello.push_back(options_->password);
    }
    hello.insert(hello.end(), {"SETNAME", "whisperstore"});
    push(greeting->request, hello);
    if (options_->database != 0)
        greeting->request.push("SELECT", options_->database);
    if (replica_)
        greeting->request.push("READONLY");
    if (options_->tracking)
        greeting->request.push("CLIENT", "TRACKING", "ON", "OPTIN");
    const std::size_t essential = greeting->request.get_commands();
    // So that the first of each need not be sent twice. Whether it works does not matter.
    for (const Script* script : Scripts::all().list())
        greeting->request.push("SCRIPT", "LOAD", script->text);

    boost_redis::any_adapter adapter(
        [greeting](Event event, const boost_redis::resp3::node_view& node, boost::system::error_code&) {
            if (event == Event::node)
                add_node(greeting->builder, node);
            else if (event == Event::done)
                greeting->replies.push_back(greeting->builder.take());
        });
    connection->async_exec(
        greeting->request, std::move(adapter),
        [self = shared_from_this(), connection, greeting, essential](boost::system::error_code error, std::size_t) {
            self->set_up_ended(connection, greeting->replies, essential, error);
        });
}

void NodeConnection::Impl::set_up_ended(const std::shared_ptr<Connection>& connection,
                                        const std::vector<Reply>& replies, std::size_t essential,
                                        boost::system::error_code error)
{
    if (state_ == State::closed || connection != connection_)
        return;
    for (std::size_t i = 0; i < std::min(essential, replies.size()); ++i) {
        if (!replies[i].is_error())
            continue;
        const std::string& text = replies[i].text;
        failure_ = to_storage_error(ServerError::parse(text), text).prefixed(name_ + ": ");
        connection->cancel();
        return;
    }
    if (error)
        return; // the end of the run says more
    if (options_->unix_socket.empty()) {
        // Boost.Redis leaves Nagle's algorithm on, and shows its socket by this function only.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
        boost::system::error_code ignored;
        connection->next_layer().next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
#pragma GCC diagnostic pop
    }
    ++times_ready_;
    failure_ = StorageError(StorageErrc::unavailable, name_ + ": the connection broke");
    change(State::ready);
}

void NodeConnection::Impl::drain_pushes(const std::shared_ptr<Connection>& connection)
{
    // They were looked at while they were read; this keeps Boost.Redis' queue of them empty.
    connection->async_receive([self = shared_from_this(), connection](boost::system::error_code error, std::size_t) {
        if (!error)
            self->drain_pushes(connection);
    });
}

void NodeConnection::Impl::pushed(const Reply& push)
{
    if (!events_.invalidated || push.items.size() != 2 || push.items[0].text != "invalidate")
        return;
    if (push.items[1].kind == Reply::Kind::null)
        events_.invalidated(nullptr); // FLUSHALL
    for (const Reply& key : push.items[1].items)
        events_.invalidated(&key.text);
}

void NodeConnection::Impl::send(std::shared_ptr<Call> call) { pending_.push_back(std::move(call)); }

void NodeConnection::Impl::add(Batch& batch, const std::shared_ptr<Call>& call) const
{
    const Command& command = call->command;
    call->tracked = false;
    if (call->ask_node == name_) {
        batch.request.push("ASKING");
        batch.expected.push_back({call, Batch::Role::prologue});
    } else if (command.track && options_->tracking) {
        call->tracked = true;
        batch.request.push("CLIENT", "CACHING", "YES");
        batch.expected.push_back({call, Batch::Role::prologue});
    }
    if (!command.script) {
        push(batch.request, command.words);
    } else {
        std::vector<std::string_view> words{call->full_text ? command.script->text : command.script->sha1};
        words.insert(words.end(), command.words.begin(), command.words.end());
        batch.request.push_range(call->full_text ? "EVAL" : "EVALSHA", words.begin(), words.end());
    }
    batch.expected.push_back({call, Batch::Role::answer});
    batch.waits = batch.waits || (command.effect != Command::Effect::read && options_->wait_replicas != 0);
    call->sent = true;
}

void NodeConnection::Impl::flush()
{
    if (pending_.empty())
        return;
    const std::vector<std::shared_ptr<Call>> calls = std::exchange(pending_, {});
    if (state_ != State::ready) {
        for (const auto& call : calls)
            events_.unanswered(call, false);
        return;
    }
    const auto batch = std::make_shared<Batch>();
    batch->request = boost_redis::request(boost_redis::request::config{true, false, true, true});
    for (const auto& call : calls)
        if (!call->over())
            add(*batch, call);
    if (batch->expected.empty())
        return;
    if (batch->waits) {
        batch->request.push("WAIT", options_->wait_replicas, options_->wait_timeout.count());
        batch->expected.push_back({nullptr, Batch::Role::wait});
    }
    boost_redis::any_adapter adapter([self = shared_from_this(), batch](Event event,
                                                                        const boost_redis::resp3::node_view& node,
                                                                        boost::system::error_code&) {
        if (event == Event::node)
            add_node(batch->builder, node);
        else if (event == Event::done)
            self->answered(*batch);
    });
    connection_->async_exec(
        batch->request, std::move(adapter),
        [self = shared_from_this(), connection = connection_, batch](boost::system::error_code, std::size_t) {
            if (connection == self->connection_)
                self->count_traffic(*connection);
            self->ended(*batch);
        });
}

void NodeConnection::Impl::count_traffic(const Connection& connection) noexcept
{
    const boost_redis::usage now = connection.get_usage();
    traffic_->sent.fetch_add(now.bytes_sent - counted_.bytes_sent, std::memory_order_relaxed);
    traffic_->received.fetch_add(now.response_bytes_received - counted_.response_bytes_received +
                                     now.push_bytes_received - counted_.push_bytes_received,
                                 std::memory_order_relaxed);
    counted_ = now;
}

void NodeConnection::Impl::answered(Batch& batch)
{
    Reply reply = batch.builder.take();
    const Batch::Expected expected = std::exchange(batch.expected[batch.next], {nullptr, Batch::Role::prologue});
    ++batch.next;
    switch (expected.role) {
    case Batch::Role::prologue:
        return;
    case Batch::Role::answer:
        if (batch.waits && expected.call->command.effect != Command::Effect::read && !reply.is_error())
            batch.held.emplace_back(expected.call, std::move(reply));
        else
            events_.answered(expected.call, std::move(reply));
        return;
    case Batch::Role::wait:
        break;
    }
    const bool enough =
        reply.kind == Reply::Kind::integer && reply.integer >= static_cast<std::int64_t>(options_->wait_replicas);
    for (auto& [call, answer] : std::exchange(batch.held, {})) {
        if (!enough) {
            answer = Reply();
            answer.kind = Reply::Kind::error;
            answer.text = "NOTREPLICATED " + std::to_string(reply.integer) + " of " +
                          std::to_string(options_->wait_replicas) + " replicas have the write in time";
        }
        events_.answered(call, std::move(answer));
    }
}

void NodeConnection::Impl::ended(Batch& batch)
{
    for (auto& [call, answer] : std::exchange(batch.held, {}))
        events_.unanswered(call, true);
    for (; batch.next < batch.expected.size(); ++batch.next)
        if (const Batch::Expected& expected = batch.expected[batch.next]; expected.role == Batch::Role::answer)
            events_.unanswered(expected.call, true);
}

void NodeConnection::Impl::close()
{
    if (state_ == State::closed)
        return;
    state_ = State::closed;
    events_.changed = nullptr;
    pause_.cancel();
    if (connection_)
        connection_->cancel();
    flush(); // gives back what was not sent
}

NodeConnection::NodeConnection(EventLoop& loop, std::shared_ptr<const Options> options, HostPort node, bool replica,
                               Events events)
    : impl_(std::make_shared<Impl>(loop, std::move(options), std::move(node), replica, std::move(events)))
{
}

NodeConnection::~NodeConnection() { impl_->close(); }

void NodeConnection::start() { impl_->start(); }
void NodeConnection::close() { impl_->close(); }
void NodeConnection::send(std::shared_ptr<Call> call) { impl_->send(std::move(call)); }
void NodeConnection::flush() { impl_->flush(); }
NodeConnection::State NodeConnection::state() const noexcept { return impl_->state(); }
const std::string& NodeConnection::name() const noexcept { return impl_->name(); }
const HostPort& NodeConnection::node() const noexcept { return impl_->node(); }
const StorageError& NodeConnection::failure() const noexcept { return impl_->failure(); }
std::uint64_t NodeConnection::times_ready() const noexcept { return impl_->times_ready(); }
std::shared_ptr<const Traffic> NodeConnection::traffic() const noexcept { return impl_->traffic(); }

} // namespace whisperstore::redis
