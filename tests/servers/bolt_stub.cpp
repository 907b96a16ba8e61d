#include "servers/bolt_stub.hpp"

#include "protocol/bolt/chunks.hpp"
#include "protocol/bolt/failure.hpp"
#include "protocol/bolt/packstream.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <list>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace whisperstore::test {

using namespace bolt;
using BoltVersion = bolt::Version;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::array<std::pair<std::uint8_t, RequestKind>, 13> tags = {{{0x01, RequestKind::hello},
                                                                        {0x6A, RequestKind::logon},
                                                                        {0x6B, RequestKind::logoff},
                                                                        {0x10, RequestKind::run},
                                                                        {0x3F, RequestKind::pull},
                                                                        {0x2F, RequestKind::discard},
                                                                        {0x11, RequestKind::begin},
                                                                        {0x12, RequestKind::commit},
                                                                        {0x13, RequestKind::rollback},
                                                                        {0x0F, RequestKind::reset},
                                                                        {0x02, RequestKind::goodbye},
                                                                        {0x66, RequestKind::route},
                                                                        {0x54, RequestKind::telemetry}}};

constexpr std::uint8_t tag_of(ResponseKind kind)
{
    return kind == ResponseKind::success   ? 0x70
           : kind == ResponseKind::record  ? 0x71
           : kind == ResponseKind::ignored ? 0x7E
                                           : 0x7F;
}

void require(bool holds, const char* what)
{
    if (!holds)
        throw std::system_error(errno, std::generic_category(), what);
}

class Descriptor
{
public:
    explicit Descriptor(int value = -1) noexcept : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept
    {
        std::swap(value_, other.value_);
        return *this;
    }
    ~Descriptor() { close(); }
    int get() const noexcept { return value_; }
    void close() noexcept
    {
        if (value_ >= 0)
            ::close(value_);
        value_ = -1;
    }

private:
    int value_;
};

} // namespace

std::string BoltRequest::cypher() const
{
    return kind == RequestKind::run && !fields.empty() ? fields.front().as_string() : std::string();
}

const Map& BoltRequest::extra() const
{
    static const Map none;
    return fields.empty() || !fields.back().get_if<Map>() ? none : fields.back().as_map();
}

BoltReply BoltReply::failure(std::string_view code, std::string_view message)
{
    BoltReply reply;
    reply.kind = ResponseKind::failure;
    // Both names: the version decides which one is looked at.
    reply.metadata.set("code", code).set("neo4j_code", code).set("message", message).set("gql_status", "50N42");
    return reply;
}

Map BoltTable::reply() const
{
    const auto addresses = [](const std::vector<std::uint16_t>& ports) {
        List out;
        for (const std::uint16_t port : ports)
            out.push_back("127.0.0.1:" + std::to_string(port));
        return out;
    };
    const auto entry = [&](const char* role, const std::vector<std::uint16_t>& ports) {
        return Map().set("role", role).set("addresses", addresses(ports));
    };
    List servers;
    servers.push_back(entry("WRITE", writers));
    servers.push_back(entry("READ", readers));
    servers.push_back(entry("ROUTE", routers));
    return Map().set("rt", Map().set("ttl", ttl).set("db", database).set("servers", servers));
}

/// One client.
struct BoltClient
{
    Descriptor socket;
    std::size_t number = 0;
    MessageReader reader{std::size_t(64) << 20U};
    std::string output;
    std::size_t reads = 0;
    std::optional<BoltVersion> version;
    bool awaits_choice = false; // of the manifest
    bool failed = false;
    bool silent = false;
    bool closing = false;
    std::optional<Conversation> conversation;
    // Requests behind a delayed answer wait.
    std::list<BoltRequest> waiting;
    std::optional<BoltReply> delayed;
    BoltRequest delayed_for;
    Clock::time_point due{};
    Clock::time_point last_sign{};
};

struct BoltStub::State
{
    std::shared_ptr<Script> script; // it may have a state of its own
    BoltStubOptions options;
    Descriptor listener;
    std::uint16_t port = 0;
    std::array<Descriptor, 2> wake;

    mutable std::mutex mutex;
    std::vector<BoltRequest> requests;
    std::vector<std::string> violations;
    std::size_t accepted = 0;
    std::size_t open = 0;
    bool close_all = false;
    bool stop_listening = false;
    bool ends = false;

    std::list<BoltClient> clients; // the thread's
    std::size_t bookmarks = 0;
    std::thread thread;

    void listen();
    void run();
    void accept_one();
    void read(BoltClient& client);
    bool shake_hands(BoltClient& client);
    void take(BoltClient& client, std::string_view message);
    void handle(BoltClient& client, const BoltRequest& request);
    void answer(BoltClient& client, const BoltRequest& request, const BoltReply& reply);
    void send(BoltClient& client, ResponseKind kind, const Value* field);
    BoltReply usual(const BoltRequest& request);
    void violated(const std::string& what)
    {
        const std::lock_guard lock(mutex);
        violations.push_back(what);
    }
    void poke() const { static_cast<void>(::write(wake[1].get(), "x", 1) == 1); }
};

void BoltStub::State::listen()
{
    listener = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    require(listener.get() >= 0, "socket");
    const int on = 1;
    ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(options.port);
    require(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "bind");
    require(::listen(listener.get(), 64) == 0, "listen");
    socklen_t size = sizeof(address);
    require(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
    port = ntohs(address.sin_port);
    int ends_of_pipe[2];
    require(::pipe2(ends_of_pipe, O_CLOEXEC | O_NONBLOCK) == 0, "pipe");
    wake = {Descriptor(ends_of_pipe[0]), Descriptor(ends_of_pipe[1])};
}

void BoltStub::State::accept_one()
{
    const int accepted_socket = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted_socket < 0)
        return;
    const int on = 1;
    ::setsockopt(accepted_socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    BoltClient& client = clients.emplace_back();
    client.socket = Descriptor(accepted_socket);
    const std::lock_guard lock(mutex);
    client.number = ++accepted;
    open = clients.size();
}

void BoltStub::State::read(BoltClient& client)
{
    std::string& input = client.reader.input();
    const std::size_t before = input.size();
    input.resize(before + 65536);
    const ssize_t got = ::recv(client.socket.get(), input.data() + before, 65536, 0);
    input.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got <= 0) {
        client.closing = got == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
    ++client.reads;
    if (!client.version && !shake_hands(client))
        return;
    try {
        client.reader.scan();
        while (client.reader.ready() > 0)
            take(client, client.reader.take());
    } catch (const Malformed& malformed) {
        violated(malformed.text);
        client.closing = true;
    }
}

/// Whether messages may follow.
bool BoltStub::State::shake_hands(BoltClient& client)
{
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(client.reader.raw()[i]); };
    const auto speaks = [&](BoltVersion version) {
        return std::find(options.versions.begin(), options.versions.end(), version) != options.versions.end();
    };
    if (client.awaits_choice) {
        if (client.reader.raw().size() < 5)
            return false;
        client.version = BoltVersion{at(3), at(2)};
        if (!speaks(*client.version) || at(4) != 0)
            violated("a version was chosen that was not offered");
        client.reader.skip(5);
        client.conversation.emplace(*client.version);
        return true;
    }
    if (client.reader.raw().size() < 20)
        return false;
    if (client.reader.raw().substr(0, 4) != "\x60\x60\xB0\x17")
        violated("the magic number is missing");
    std::string answer(4, '\0');
    if (!options.raw_handshake.empty()) {
        answer = options.raw_handshake;
        client.closing = true;
    } else {
        for (std::size_t offer = 4; offer < 20; offer += 4) {
            if (at(offer + 3) == 0xFF && at(offer + 2) == 1) {
                if (!options.manifest)
                    continue;
                answer = {'\0', '\0', '\1', '\xFF', static_cast<char>(options.versions.size())};
                for (const BoltVersion version : options.versions)
                    answer.append({'\0', '\0', static_cast<char>(version.minor), static_cast<char>(version.major)});
                answer.push_back('\0');
                client.awaits_choice = true;
                break;
            }
            for (std::uint8_t back = 0; back <= at(offer + 1) && back <= at(offer + 2); ++back) {
                const BoltVersion version{at(offer + 3), static_cast<std::uint8_t>(at(offer + 2) - back)};
                if (speaks(version)) {
                    client.version = version;
                    break;
                }
            }
            if (client.version)
                break;
        }
        if (client.version) {
            answer = {'\0', '\0', static_cast<char>(client.version->minor), static_cast<char>(client.version->major)};
            client.conversation.emplace(*client.version);
        } else if (!client.awaits_choice) {
            client.closing = true;
        }
    }
    client.output += answer;
    client.reader.skip(20);
    return client.version.has_value();
}

void BoltStub::State::take(BoltClient& client, std::string_view message)
{
    Unpacker in(message);
    const auto structure = in.structure();
    BoltRequest request;
    const auto known =
        std::find_if(tags.begin(), tags.end(), [&](const auto& tag) { return tag.first == structure.tag; });
    if (known == tags.end())
        throw Malformed{"an unknown request"};
    request.kind = known->second;
    for (std::size_t i = 0; i < structure.fields; ++i)
        request.fields.push_back(in.value());
    request.connection = client.number;
    request.read = client.reads;
    {
        const std::lock_guard lock(mutex);
        requests.push_back(request);
    }
    if (request.kind == RequestKind::goodbye) {
        client.closing = true;
        return;
    }
    if (!client.failed && !client.silent && !client.delayed && !client.conversation->may_send(request.kind))
        violated(std::string(to_string(request.kind)) + " in the state " +
                 std::string(to_string(client.conversation->expected())));
    if (request.kind == RequestKind::reset) {
        // It overtakes: what waits is ignored.
        if (client.delayed || client.silent)
            send(client, ResponseKind::ignored, nullptr);
        client.delayed.reset();
        client.silent = false;
        for (std::size_t i = client.waiting.size(); i > 0; --i)
            send(client, ResponseKind::ignored, nullptr);
        client.waiting.clear();
        client.failed = false;
        *client.conversation = Conversation(*client.version);
        for (const RequestKind kind : {RequestKind::hello, RequestKind::logon})
            if (client.conversation->may_send(kind)) {
                client.conversation->sent(kind);
                client.conversation->received(ResponseKind::success, false);
            }
    }
    if (client.delayed || client.silent)
        client.waiting.push_back(std::move(request));
    else
        handle(client, request);
}

void BoltStub::State::handle(BoltClient& client, const BoltRequest& request)
{
    if (client.closing)
        return;
    if (client.failed)
        return send(client, ResponseKind::ignored, nullptr);
    if (client.conversation->may_send(request.kind))
        client.conversation->sent(request.kind);
    std::optional<BoltReply> reply;
    std::shared_ptr<Script> asked;
    {
        const std::lock_guard lock(mutex);
        asked = script;
    }
    if (*asked)
        reply = (*asked)(request);
    if (!reply)
        reply = usual(request);
    if (reply->close_before) {
        client.closing = true;
        client.output.clear();
        return;
    }
    if (reply->silent) {
        client.silent = true;
        return;
    }
    if (reply->delay.count() > 0) {
        client.due = Clock::now() + reply->delay;
        client.delayed = std::move(reply);
        client.delayed_for = request;
        return;
    }
    answer(client, request, *reply);
}

void BoltStub::State::answer(BoltClient& client, const BoltRequest&, const BoltReply& reply)
{
    for (const List& record : reply.records) {
        const Value field(record);
        send(client, ResponseKind::record, &field);
    }
    const Value field(reply.metadata);
    send(client, reply.kind, reply.kind == ResponseKind::ignored ? nullptr : &field);
    client.failed = reply.kind == ResponseKind::failure;
    if (client.conversation->pending() > 0) {
        const Value* more = reply.metadata.find("has_more");
        client.conversation->received(reply.kind, more && more->as_bool());
    }
    client.closing = client.closing || reply.close_after;
}

void BoltStub::State::send(BoltClient& client, ResponseKind kind, const Value* field)
{
    const Dialect dialect{*client.version >= BoltVersion{5, 0}, *client.version >= BoltVersion{5, 0}};
    MessageWriter message(client.output);
    Packer out(client.output);
    out.structure(tag_of(kind), field ? 1 : 0);
    if (field)
        out.value(*field, dialect);
    message.finish();
}

BoltReply BoltStub::State::usual(const BoltRequest& request)
{
    BoltReply reply;
    switch (request.kind) {
    case RequestKind::hello:
        reply.metadata.set("server", "Neo4j/5.26.0").set("connection_id", "bolt-" + std::to_string(request.connection));
        reply.metadata.set("hints", options.hints);
        break;
    case RequestKind::run:
        reply.metadata.set("fields", List{"n"}).set("t_first", 1);
        break;
    case RequestKind::pull:
        reply.records.push_back(List{1});
        reply.metadata.set("type", "r").set("t_last", 2).set("db", "neo4j");
        reply.metadata.set("bookmark", "bookmark:" + std::to_string(++bookmarks));
        break;
    case RequestKind::commit:
        reply.metadata.set("bookmark", "bookmark:" + std::to_string(++bookmarks));
        break;
    case RequestKind::route: {
        BoltTable table;
        table.writers = table.readers = table.routers = {port};
        reply.metadata = table.reply();
        break;
    }
    default:
        break;
    }
    return reply;
}

void BoltStub::State::run()
{
    std::vector<pollfd> watched;
    while (true) {
        watched.clear();
        watched.push_back({wake[0].get(), POLLIN, 0});
        watched.push_back({listener.get(), POLLIN, 0});
        bool waits = false;
        for (const BoltClient& client : clients) {
            watched.push_back(
                {client.socket.get(), static_cast<short>(POLLIN | (client.output.empty() ? 0 : POLLOUT)), 0});
            waits = waits || client.delayed;
        }
        ::poll(watched.data(), watched.size(), waits ? 5 : -1);
        {
            char drained[64];
            while (::read(wake[0].get(), drained, sizeof(drained)) > 0) {
            }
            const std::lock_guard lock(mutex);
            if (ends)
                return;
            if (std::exchange(close_all, false))
                clients.clear();
            if (stop_listening)
                listener.close();
        }
        std::size_t at = 2;
        for (auto client = clients.begin(); client != clients.end() && at < watched.size(); ++at) {
            if (watched[at].revents & (POLLIN | POLLHUP | POLLERR))
                read(*client);
            if (client->delayed && Clock::now() >= client->due) {
                const BoltReply reply = *std::exchange(client->delayed, std::nullopt);
                answer(*client, client->delayed_for, reply);
                while (!client->waiting.empty() && !client->delayed && !client->silent) {
                    const BoltRequest next = std::move(client->waiting.front());
                    client->waiting.pop_front();
                    handle(*client, next);
                }
            } else if (client->delayed && Clock::now() - client->last_sign > std::chrono::milliseconds(20)) {
                client->output.append(2, '\0');
                client->last_sign = Clock::now();
            }
            if (!client->output.empty()) {
                const ssize_t sent =
                    ::send(client->socket.get(), client->output.data(), client->output.size(), MSG_NOSIGNAL);
                if (sent > 0)
                    client->output.erase(0, static_cast<std::size_t>(sent));
                else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
                    client->closing = true;
                    client->output.clear(); // nobody takes it any more
                }
            }
            if (client->closing && client->output.empty()) {
                client = clients.erase(client);
                continue;
            }
            ++client;
        }
        if (watched[1].revents & POLLIN)
            accept_one();
        const std::lock_guard lock(mutex);
        open = clients.size();
    }
}

BoltStub::BoltStub(Script script, BoltStubOptions options) : state_(std::make_shared<State>())
{
    state_->script = std::make_shared<Script>(std::move(script));
    state_->options = std::move(options);
    state_->listen();
    state_->thread = std::thread([state = state_] { state->run(); });
}

BoltStub::~BoltStub()
{
    {
        const std::lock_guard lock(state_->mutex);
        state_->ends = true;
    }
    state_->poke();
    state_->thread.join();
}

std::uint16_t BoltStub::port() const noexcept { return state_->port; }

std::string BoltStub::url(std::string_view scheme) const
{
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(port());
}

std::size_t BoltStub::accepted() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->accepted;
}

std::size_t BoltStub::open() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->open;
}

std::vector<BoltRequest> BoltStub::requests() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->requests;
}

std::size_t BoltStub::count(RequestKind kind) const
{
    const auto all = requests();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const BoltRequest& request) { return request.kind == kind; }));
}

BoltRequest BoltStub::last(RequestKind kind) const
{
    const auto all = requests();
    const auto found =
        std::find_if(all.rbegin(), all.rend(), [&](const BoltRequest& request) { return request.kind == kind; });
    if (found != all.rend())
        return *found;
    ADD_FAILURE() << "the server got no " << to_string(kind);
    return {};
}

std::vector<std::string> BoltStub::violations() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->violations;
}

void BoltStub::set_script(Script script)
{
    auto next = std::make_shared<Script>(std::move(script));
    const std::lock_guard lock(state_->mutex);
    state_->script = std::move(next);
}

void BoltStub::close_connections()
{
    {
        const std::lock_guard lock(state_->mutex);
        state_->close_all = true;
    }
    state_->poke();
}

void BoltStub::stop()
{
    {
        const std::lock_guard lock(state_->mutex);
        state_->close_all = state_->stop_listening = true;
    }
    state_->poke();
}

} // namespace whisperstore::test
