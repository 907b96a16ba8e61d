#include "cache/redis/client.hpp"

#include "cache/event.hpp"
#include "protocol/redis/server_error.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <iterator>
#include <utility>

namespace whisperstore::redis {

namespace {

constexpr auto retry_interval = std::chrono::milliseconds(20);
constexpr auto topology_pause = std::chrono::milliseconds(100);
constexpr auto topology_limit = std::chrono::milliseconds(1'000);
constexpr int most_redirections = 8;

StorageError closed_error() { return StorageError(StorageErrc::closed, "the cache was closed during the call"); }

StorageError unavailable(const std::string& reason)
{
    ErrorDetails details;
    details.retryable = true;
    return StorageError(StorageErrc::unavailable, reason, std::move(details));
}

} // namespace

Client::Client(std::shared_ptr<const Options> options, Events events)
    : options_(std::move(options)),
      events_(std::move(events)),
      doorbell_(loop_),
      retry_timer_(loop_.executor()),
      topology_timer_(loop_.executor())
{
}

// ---- from any thread

awaitable<void> Client::open(std::shared_ptr<Client> self, OperationContext context)
{
    const auto opening = std::make_shared<Call>(Command());
    std::function<void(std::shared_ptr<Job>)> submit = [self](std::shared_ptr<Job> job) {
        asio::post(self->loop_.executor(), [self, job = std::move(job)] {
            if (!job->begin())
                return;
            const auto call = std::static_pointer_cast<Call>(job);
            if (self->stopped_)
                return call->fail(closed_error());
            self->listen();
            self->openings_.push_back(call);
            if (!self->options_->cluster)
                self->node(self->options_->endpoints().front(), false);
            else
                self->look_for_topology();
            self->check_openings();
        });
    };
    opening->aborted = [self](std::shared_ptr<Call> call) {
        asio::post(self->loop_.executor(), [self, call = std::move(call)] {
            std::erase(self->openings_, call);
            call->fail(abort_error(call->abort_reason(), "connecting"));
        });
    };
    co_await Job::wait(opening, std::move(submit), std::move(context));
}

void Client::close()
{
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(closed_, true))
            return;
    }
    if (loop_.is_here())
        return close_here();
    std::promise<void> done;
    asio::post(loop_.executor(), [this, &done] {
        close_here();
        done.set_value();
    });
    done.get_future().wait();
}

awaitable<Reply> Client::execute(std::shared_ptr<Client> self, std::shared_ptr<Call> call, OperationContext context)
{
    call->give_up_at = Clock::now() + self->options_->patience;
    if (context.deadline)
        call->give_up_at = std::min(call->give_up_at, *context.deadline);
    call->aborted = [weak = self->weak_from_this()](std::shared_ptr<Call> aborted) {
        const auto client = weak.lock();
        if (client)
            asio::post(client->loop_.executor(), [client, aborted = std::move(aborted)] { client->abort(aborted); });
    };
    std::function<void(std::shared_ptr<Job>)> submit = [client = self.get()](std::shared_ptr<Job> job) {
        client->submit(std::static_pointer_cast<Call>(std::move(job)));
    };
    co_await Job::wait(call, std::move(submit), std::move(context));
    co_return std::move(call->reply);
}

awaitable<void> Client::execute_all(std::shared_ptr<Client> self, std::vector<std::shared_ptr<Call>> calls,
                                    OperationContext context)
{
    const auto done = std::make_shared<Event>();
    const auto left = std::make_shared<std::atomic<std::size_t>>(calls.size());
    for (const auto& call : calls) {
        call->give_up_at = Clock::now() + self->options_->patience;
        if (context.deadline)
            call->give_up_at = std::min(call->give_up_at, *context.deadline);
        call->ended = [done, left] {
            if (--*left == 0)
                done->happen();
        };
        self->submit(call);
    }
    co_await Event::wait(done, "calls to Redis", std::move(context));
    for (const auto& call : calls)
        if (call->failure)
            throw *call->failure;
}

void Client::submit(std::shared_ptr<Call> call)
{
    {
        const std::lock_guard lock(mutex_);
        if (closed_)
            throw StorageError(StorageErrc::closed, "the cache is closed: call initialize() first");
        queue_.push_back(std::move(call));
        if (queue_.size() > 1)
            return; // drain() is on its way
    }
    doorbell_.ring();
}

std::vector<NodeStatus> Client::status() const
{
    const std::lock_guard lock(mutex_);
    return status_;
}

std::vector<std::string> Client::masters() const
{
    const std::lock_guard lock(mutex_);
    return masters_;
}

// ---- calls

void Client::listen()
{
    doorbell_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (!self || error)
            return;
        self->doorbell_.hear();
        self->drain();
        self->listen();
    });
}

void Client::drain()
{
    Calls calls;
    {
        const std::lock_guard lock(mutex_);
        calls.swap(queue_);
    }
    flush_comes_ = true;
    for (const auto& call : calls) {
        if (!call->begin())
            continue;
        call->place = outstanding_.insert(outstanding_.end(), call);
        dispatch(call);
    }
    flush();
}

void Client::abort(const std::shared_ptr<Call>& call)
{
    if (call->over())
        return;
    call->maybe_applied = call->maybe_applied || call->sent;
    fail(call, abort_error(call->abort_reason(), "a call to Redis"));
}

void Client::close_here()
{
    stopped_ = true;
    for (const auto& opening : std::exchange(openings_, {}))
        opening->fail(closed_error());
    drain();
    while (!outstanding_.empty()) {
        const auto call = outstanding_.front();
        call->maybe_applied = call->maybe_applied || call->sent;
        fail(call, closed_error());
    }
    waiting_.clear();
    parked_.clear();
    doorbell_.stop();
    retry_timer_.cancel();
    topology_timer_.cancel();
    for (const auto& [name, node] : std::exchange(nodes_, {}))
        node->close();
}

void Client::succeed(const std::shared_ptr<Call>& call, Reply reply)
{
    outstanding_.erase(call->place);
    if (call->observer)
        call->observer(reply);
    call->settle(std::move(reply));
    answered_.push_back(call);
    if (!std::exchange(delivery_posted_, true))
        asio::post(loop_.executor(), [self = shared_from_this()] { self->deliver(); });
}

void Client::deliver()
{
    delivery_posted_ = false;
    std::vector<std::shared_ptr<Job>> answered(std::make_move_iterator(answered_.begin()),
                                               std::make_move_iterator(answered_.end()));
    answered_.clear();
    Job::complete_together(std::move(answered));
}

void Client::fail(const std::shared_ptr<Call>& call, StorageError error)
{
    if (call->over())
        return;
    outstanding_.erase(call->place);
    if (call->maybe_applied && call->command.effect != Command::Effect::read && error.outcome() == Outcome::not_applied)
        error = error.with_outcome(Outcome::unknown);
    call->fail(error);
}

Client::Node Client::node(const std::string& name, bool replica)
{
    if (const auto found = nodes_.find(name); found != nodes_.end())
        return found->second;
    NodeConnection::Events events;
    const auto weak = weak_from_this();
    events.changed = [weak, name] {
        const auto self = weak.lock();
        if (!self)
            return;
        self->note_availability(); // before a call can fail for it
        asio::post(self->loop_.executor(), [self, name] { self->changed(name); });
    };
    // Looked up by name: the connection does not own itself, and an answer of one that was dropped is still one.
    events.answered = [weak, name](std::shared_ptr<Call> call, Reply reply) {
        if (const auto self = weak.lock()) {
            const auto found = self->nodes_.find(name);
            self->answered(found == self->nodes_.end() ? nullptr : found->second, call, std::move(reply));
        }
    };
    events.unanswered = [weak](std::shared_ptr<Call> call, bool sent) {
        if (const auto self = weak.lock())
            self->unanswered(call, sent);
    };
    events.invalidated = [weak](const std::string* key) {
        if (const auto self = weak.lock(); self && self->events_.invalidated)
            self->events_.invalidated(key);
    };
    HostPort address = options_->unix_socket.empty() ? HostPort::parse(name) : HostPort{};
    auto made = std::make_shared<NodeConnection>(loop_, options_, std::move(address), replica, std::move(events));
    nodes_.emplace(name, made);
    made->start();
    return made;
}

Client::Node Client::target(const Call& call)
{
    if (!options_->cluster)
        return node(options_->endpoints().front(), false);
    if (!call.ask_node.empty())
        return node(call.ask_node, false);
    if (!call.command.node.empty())
        return node(call.command.node, false);
    const SlotMap::Shard* shard = slots_.owner(call.command.slot);
    if (!shard)
        return nullptr;
    if (options_->read_replicas && call.command.effect == Command::Effect::read && call.redirections == 0)
        for (std::size_t i = 0; i < shard->replicas.size(); ++i) {
            const Node replica = node(shard->replicas[(next_source_++) % shard->replicas.size()], true);
            if (replica->state() == NodeConnection::State::ready)
                return replica;
        }
    return shard->master.empty() ? nullptr : node(shard->master, false);
}

void Client::dispatch(const std::shared_ptr<Call>& call)
{
    if (call->over())
        return;
    if (Clock::now() >= call->give_up_at)
        return fail(call, unavailable(call->last_failure.empty() ? "the server does not answer" : call->last_failure));
    const Node node = target(*call);
    if (!node) {
        look_for_topology();
        if (all_away())
            return fail(call, nodes_.empty() ? unavailable("no node of the cluster is known")
                                             : nodes_.begin()->second->failure());
        return park(call, "no node of the cluster serves slot " + std::to_string(call->command.slot) + " now");
    }
    call->sent = false;
    switch (node->state()) {
    case NodeConnection::State::ready:
        send(node, call);
        return;
    case NodeConnection::State::connecting:
        waiting_.push_back(call);
        return;
    case NodeConnection::State::away:
    case NodeConnection::State::closed:
        break;
    }
    if (!options_->cluster || all_away())
        return fail(call, node->failure());
    call->ask_node.clear();
    look_for_topology();
    park(call, node->failure().message());
}

void Client::send(const Node& node, const std::shared_ptr<Call>& call)
{
    node->send(call);
    if (!std::exchange(flush_comes_, true))
        asio::post(loop_.executor(), [self = shared_from_this()] { self->flush(); });
}

void Client::flush()
{
    flush_comes_ = false;
    for (const auto& [name, node] : nodes_)
        node->flush();
}

void Client::dispatch_later(std::shared_ptr<Call> call)
{
    // Not from within a connection's reading.
    asio::post(loop_.executor(), [self = shared_from_this(), call = std::move(call)] { self->dispatch(call); });
}

void Client::park(const std::shared_ptr<Call>& call, std::string reason)
{
    call->last_failure = std::move(reason);
    parked_.push_back(call);
    if (std::exchange(retry_armed_, true))
        return;
    retry_timer_.expires_after(retry_interval);
    retry_timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (self && !error)
            self->retry_parked();
    });
}

void Client::retry_parked()
{
    retry_armed_ = false;
    for (const auto& call : std::exchange(parked_, {}))
        dispatch(call);
}

void Client::answered(const Node& from, const std::shared_ptr<Call>& call, Reply reply)
{
    if (call->internal)
        return std::exchange(call->internal, nullptr)(&reply);
    if (call->over())
        return;
    if (reply.is_error())
        refused(from, call, reply.text);
    else
        succeed(call, std::move(reply));
}

void Client::refused(const Node& from, const std::shared_ptr<Call>& call, const std::string& message)
{
    const ServerError error = ServerError::parse(message);
    call->ask_node.clear();
    std::string node = error.node;
    if (node.starts_with(':') && from) // the host is the one that was asked
        node = HostPort{from->node().host, HostPort::parse("x" + node).port}.to_string();
    switch (error.remedy) {
    case Remedy::moved:
    case Remedy::ask:
        if (!options_->cluster)
            return fail(call,
                        StorageError(StorageErrc::unsupported,
                                     "the server is a node of a Redis Cluster; use the cache type redis_cluster"));
        look_for_topology();
        if (error.remedy == Remedy::moved)
            slots_.move(static_cast<std::uint16_t>(error.slot), node);
        else
            call->ask_node = node;
        if (++call->redirections % most_redirections == 0)
            return park(call, "the nodes of the cluster send each other slot " + std::to_string(error.slot));
        return dispatch_later(call);
    case Remedy::send_script:
        call->full_text = true;
        return dispatch_later(call);
    case Remedy::look_again:
        look_for_topology();
        [[fallthrough]];
    case Remedy::wait:
        return park(call, to_storage_error(error, message).message());
    case Remedy::none:
    case Remedy::connect_again:
        break;
    }
    const StorageError refusal = to_storage_error(error, message);
    fail(call, from ? refusal.prefixed(from->name() + ": ") : refusal);
}

void Client::unanswered(const std::shared_ptr<Call>& call, bool sent)
{
    if (call->internal)
        return std::exchange(call->internal, nullptr)(nullptr);
    if (call->over())
        return;
    if (sent && call->command.effect == Command::Effect::write)
        return fail(call, StorageError(StorageErrc::outcome_unknown,
                                       "the connection broke before the answer came; it may have been done",
                                       ErrorDetails{.outcome = Outcome::unknown}));
    call->maybe_applied = call->maybe_applied || sent;
    call->last_failure = "the connection broke";
    dispatch_later(call);
}

// ---- connections

bool Client::all_away() const
{
    return std::all_of(nodes_.begin(), nodes_.end(),
                       [](const auto& entry) { return entry.second->state() == NodeConnection::State::away; });
}

void Client::note_availability()
{
    const bool available = std::any_of(nodes_.begin(), nodes_.end(), [](const auto& entry) {
        return entry.second->state() == NodeConnection::State::ready;
    });
    // While an attempt is under way it is not known.
    if (available == available_ || (!available && !all_away()))
        return;
    available_ = available;
    if (events_.availability)
        events_.availability(available);
}

void Client::changed(const std::string& name)
{
    const auto found = nodes_.find(name);
    if (found == nodes_.end())
        return;
    const bool ready = found->second->state() == NodeConnection::State::ready;
    publish();
    if (options_->cluster)
        look_for_topology();
    for (const auto& call : std::exchange(waiting_, {}))
        dispatch(call);
    check_openings();
    if (ready && events_.recovered)
        events_.recovered();
}

void Client::publish()
{
    std::vector<NodeStatus> status;
    for (const auto& [name, node] : nodes_) {
        NodeStatus one{name, node->state() == NodeConnection::State::ready};
        if (!one.ready)
            one.failure = node->failure().message();
        one.connected = node->times_ready();
        one.traffic = node->traffic();
        status.push_back(std::move(one));
    }
    std::vector<std::string> masters = options_->cluster ? slots_.masters() : options_->endpoints();
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    masters_ = std::move(masters);
}

void Client::check_openings()
{
    if (openings_.empty())
        return;
    const bool open =
        options_->cluster ? !slots_.empty() : std::any_of(nodes_.begin(), nodes_.end(), [](const auto& e) {
            return e.second->state() == NodeConnection::State::ready;
        });
    if (!open && (nodes_.empty() || !all_away()))
        return;
    for (const auto& opening : std::exchange(openings_, {})) {
        if (open)
            opening->succeed(Reply());
        else
            opening->fail(nodes_.begin()->second->failure());
    }
}

// ---- the map of a cluster

void Client::look_for_topology()
{
    if (!options_->cluster || stopped_)
        return;
    const auto now = Clock::now();
    if (topology_pending_ ? now - topology_asked_ < topology_limit : now - topology_asked_ < topology_pause)
        return schedule_topology();
    std::vector<Node> ready;
    for (const auto& [name, node] : nodes_)
        if (node->state() == NodeConnection::State::ready)
            ready.push_back(node);
    if (ready.empty()) {
        for (const HostPort& seed : options_->nodes)
            node(seed.to_string(), false);
        return;
    }
    ask_for_topology(ready[next_source_++ % ready.size()], true);
}

void Client::ask_for_topology(const Node& node, bool shards)
{
    if (stopped_)
        return;
    topology_asked_ = Clock::now();
    topology_pending_ = true;
    const std::uint64_t number = ++topology_number_;
    Command command;
    command.words = {"CLUSTER", shards ? "SHARDS" : "SLOTS"};
    const auto call = std::make_shared<Call>(std::move(command));
    call->internal = [weak = weak_from_this(), node, shards, number](const Reply* reply) {
        const auto self = weak.lock();
        if (!self || self->topology_number_ != number)
            return;
        self->topology_pending_ = false;
        self->schedule_topology();
        if (!reply)
            return;
        if (reply->is_error()) {
            // Before Redis 7 there are no SHARDS.
            if (shards && reply->text.starts_with("ERR"))
                asio::post(self->loop_.executor(), [self, node] { self->ask_for_topology(node, false); });
            return;
        }
        try {
            const bool tls = self->options_->tls.enabled;
            SlotMap map = shards ? SlotMap::of_shards(*reply, node->node().host, tls)
                                 : SlotMap::of_slots(*reply, node->node().host);
            asio::post(self->loop_.executor(),
                       [self, map = std::make_shared<SlotMap>(std::move(map))] { self->take_topology(*map); });
        } catch (const StorageError&) {
            // An answer that makes no sense is as good as none: another node is asked soon.
        }
    };
    send(node, call);
}

void Client::schedule_topology()
{
    // Soon while somebody waits for what it brings, else now and then.
    const bool urgent = !parked_.empty() || slots_.empty();
    topology_timer_.expires_after(urgent ? topology_pause : options_->topology_interval);
    topology_timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (self && !error)
            self->look_for_topology();
    });
}

void Client::take_topology(SlotMap map)
{
    if (stopped_ || map.covered() == 0)
        return; // it covers nothing: a node that knows nothing yet, or was thrown out
    slots_ = std::move(map);
    std::vector<std::string> known = slots_.nodes();
    for (auto entry = nodes_.begin(); entry != nodes_.end();) {
        const bool stays = std::binary_search(known.begin(), known.end(), entry->first) ||
                           entry->second->state() == NodeConnection::State::connecting;
        if (stays) {
            ++entry;
            continue;
        }
        entry->second->close();
        entry = nodes_.erase(entry);
    }
    for (const std::string& master : slots_.masters())
        node(master, false);
    publish();
    check_openings();
}

} // namespace whisperstore::redis
