#include "servers/http_stub.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <future>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <zlib.h>

namespace whisperstore::test {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

std::string StubRequest::header(std::string_view name) const
{
    for (const auto& [key, value] : headers)
        if (boost::beast::iequals(key, name))
            return value;
    return {};
}

std::string gzip(std::string_view text)
{
    z_stream stream{};
    if (::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("zlib");
    std::string out(::deflateBound(&stream, static_cast<uLong>(text.size())) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data())); // NOLINT: zlib does not write there
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return out;
}

std::string render(const StubAnswer& answer, bool head_request)
{
    if (!answer.raw.empty())
        return answer.raw;
    const std::string body = answer.gzip ? gzip(answer.body) : answer.body;
    std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " Scripted\r\n";
    const auto add = [&](std::string_view name, std::string_view value) {
        out.append(name).append(": ").append(value).append("\r\n");
    };
    for (const auto& [name, value] : answer.headers)
        add(name, value);
    if (answer.gzip)
        add("Content-Encoding", "gzip");
    if (answer.close || answer.until_close)
        add("Connection", "close");
    if (answer.chunked)
        add("Transfer-Encoding", "chunked");
    else if (!answer.until_close)
        add("Content-Length", std::to_string(answer.content_length.value_or(body.size())));
    out.append("\r\n");
    if (head_request)
        return out;
    if (!answer.chunked)
        return out.append(body);
    const std::size_t size = body.size() > 100'000 ? 65'536 : 7;
    for (std::size_t at = 0; at < body.size(); at += size) {
        const std::string piece = body.substr(at, size);
        char digits[32];
        std::snprintf(digits, sizeof digits, "%zx\r\n", piece.size());
        out.append(digits).append(piece).append("\r\n");
    }
    return out.append("0\r\n\r\n");
}

/// On the stub's thread, except what the mutex guards.
struct HttpStub::State
{
    State(Script what, StubOptions how)
        : script(std::move(what)), options(std::move(how)), acceptor(io), tls(asio::ssl::context::tls_server)
    {
        if (!options.certificate.empty()) {
            tls.use_certificate_chain_file(options.certificate);
            tls.use_private_key_file(options.certificate, asio::ssl::context::pem);
        }
        if (!options.client_ca.empty()) {
            tls.load_verify_file(options.client_ca);
            tls.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
        }
        const tcp::endpoint where(options.v6 ? asio::ip::make_address("::1") : asio::ip::make_address("127.0.0.1"),
                                  options.port);
        acceptor.open(where.protocol());
        acceptor.set_option(tcp::acceptor::reuse_address(true));
        acceptor.bind(where);
        acceptor.listen();
        port = acceptor.local_endpoint().port();
    }

    asio::awaitable<void> accept()
    {
        while (true) {
            boost::system::error_code error;
            auto token = asio::redirect_error(asio::use_awaitable, error);
            tcp::socket socket = co_await acceptor.async_accept(token);
            if (error)
                co_return;
            socket.set_option(tcp::no_delay(true));
            std::size_t id = 0;
            {
                const std::lock_guard lock(mutex);
                id = ++count;
            }
            asio::co_spawn(io, serve(std::move(socket), id), asio::detached);
        }
    }

    /// Registers the connection while it is open.
    struct Registration
    {
        Registration(State& owner, std::size_t number, tcp::socket& socket) : state(owner), id(number)
        {
            const std::lock_guard lock(state.mutex);
            state.sockets[id] = &socket;
        }
        ~Registration()
        {
            const std::lock_guard lock(state.mutex);
            state.sockets.erase(id);
        }
        State& state;
        std::size_t id;
    };

    asio::awaitable<void> serve(tcp::socket socket, std::size_t id)
    {
        try {
            if (options.certificate.empty()) {
                const Registration registration(*this, id, socket);
                co_await converse(socket, id);
            } else {
                asio::ssl::stream<tcp::socket> stream(std::move(socket), tls);
                const Registration registration(*this, id, stream.next_layer());
                co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
                co_await converse(stream, id);
                co_await stream.async_shutdown(asio::use_awaitable);
            }
        } catch (const boost::system::system_error&) {
            // The client went away, which tests make it do.
        }
    }

    static StubRequest seen(const http::request_parser<http::string_body>& parser, std::size_t id)
    {
        StubRequest request;
        request.method = std::string(parser.get().method_string());
        request.target = std::string(parser.get().target());
        for (const auto& field : parser.get())
            request.headers.emplace_back(field.name_string(), field.value());
        request.body = parser.get().body();
        request.connection = id;
        return request;
    }

    template <typename Stream>
    asio::awaitable<void> converse(Stream& stream, std::size_t id)
    {
        boost::beast::flat_buffer buffer;
        while (true) {
            http::request_parser<http::string_body> parser;
            parser.body_limit(boost::none);
            parser.eager(true);
            StubAnswer answer;
            std::optional<StubAnswer> early;
            co_await http::async_read_header(stream, buffer, parser, asio::use_awaitable);
            if (options.before_body)
                early = options.before_body(seen(parser, id));
            if (!early) {
                if (!parser.is_done())
                    co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
                StubRequest request = seen(parser, id);
                {
                    const std::lock_guard lock(mutex);
                    received.push_back(request);
                }
                answer = script(request);
            } else {
                answer = *early;
            }
            co_await send(stream, answer, parser.get().method() == http::verb::head);
            if (early || answer.close || answer.close_unasked || answer.until_close || answer.cut_at ||
                answer.content_length)
                co_return;
        }
    }

    template <typename Stream>
    asio::awaitable<void> send(Stream& stream, StubAnswer answer, bool head_request)
    {
        char ignored = 0;
        while (answer.black_hole) // until the client goes
            co_await stream.async_read_some(asio::buffer(&ignored, 1), asio::use_awaitable);
        if (answer.delay.count() > 0) {
            asio::steady_timer timer(io, answer.delay);
            co_await timer.async_wait(asio::use_awaitable);
        }
        const std::string bytes = render(answer, head_request).substr(0, answer.cut_at.value_or(std::string::npos));
        const std::size_t piece = answer.piece == 0 ? bytes.size() : answer.piece;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            const auto data = asio::buffer(bytes.data() + at, std::min(piece, bytes.size() - at));
            co_await asio::async_write(stream, data, asio::use_awaitable);
        }
    }

    const Script script;
    const StubOptions options;
    mutable std::mutex mutex; // of all below
    std::size_t count = 0;
    std::map<std::size_t, tcp::socket*> sockets;
    std::vector<StubRequest> received;

    // Ends before the above, and with it the coroutines that use them.
    asio::io_context io{1};
    // Also without a port and connections: until it is stopped.
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    tcp::acceptor acceptor;
    asio::ssl::context tls;
    std::uint16_t port = 0;
    std::thread thread;
};

HttpStub::HttpStub(Script script, StubOptions options)
    : state_(std::make_shared<State>(std::move(script), std::move(options)))
{
    asio::co_spawn(state_->io, state_->accept(), asio::detached);
    state_->thread = std::thread([io = &state_->io] { io->run(); });
}

HttpStub::HttpStub(StubAnswer answer, StubOptions options)
    : HttpStub([answer = std::move(answer)](const StubRequest&) { return answer; }, std::move(options))
{
}

HttpStub::~HttpStub()
{
    state_->io.stop();
    state_->thread.join();
}

std::uint16_t HttpStub::port() const noexcept { return state_->port; }

std::string HttpStub::url(std::string_view path) const
{
    return std::string(state_->options.certificate.empty() ? "http://" : "https://")
        .append(state_->options.v6 ? "[::1]" : "127.0.0.1")
        .append(":")
        .append(std::to_string(state_->port))
        .append(path);
}

std::size_t HttpStub::accepted() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->count;
}

std::size_t HttpStub::open() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->sockets.size();
}

std::vector<StubRequest> HttpStub::requests() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->received;
}

void HttpStub::close_connections()
{
    std::promise<void> done;
    asio::post(state_->io, [&] {
        {
            const std::lock_guard lock(state_->mutex);
            for (const auto& [id, socket] : state_->sockets) {
                boost::system::error_code ignored;
                socket->close(ignored);
            }
        }
        done.set_value();
    });
    done.get_future().get();
}

void HttpStub::stop()
{
    std::promise<void> done;
    asio::post(state_->io, [&] {
        state_->acceptor.close();
        done.set_value();
    });
    done.get_future().get();
    close_connections();
}

} // namespace whisperstore::test
