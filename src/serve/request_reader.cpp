#include "serve/request_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

namespace whisperstore::serve {

namespace {

namespace http = boost::beast::http;

constexpr std::string_view scheme = "http://";

/// What a field says; empty: it is not there.
std::string field(const http::request<http::empty_body>& message, http::field name)
{
    const auto found = message.find(name);
    return found == message.end() ? std::string() : std::string(found->value());
}

} // namespace

class RequestReader::Parser
{
public:
    explicit Parser(std::size_t limit)
    {
        parser.header_limit(static_cast<std::uint32_t>(limit));
        parser.eager(false);
    }
    http::request_parser<http::empty_body> parser;
};

RequestReader::RequestReader(std::size_t head_limit) : limit_(head_limit), parser_(std::make_unique<Parser>(head_limit))
{
}

RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::feed(std::string_view bytes)
{
    if (state_ == State::refused)
        return state_;
    buffer_.append(bytes);
    return state_ == State::incomplete ? parse() : state_;
}

RequestReader::State RequestReader::finish()
{
    if (state_ != State::incomplete || buffer_.empty())
        return state_;
    return refuse(400, "the request ends in the middle of its head; an empty line ends it");
}

RequestReader::State RequestReader::next()
{
    if (state_ != State::complete)
        return state_;
    parser_ = std::make_unique<Parser>(limit_);
    request_ = RequestHead();
    state_ = State::incomplete;
    return parse();
}

RequestReader::State RequestReader::refuse(int status, std::string message)
{
    refusal_ = Refusal{status, std::move(message)};
    buffer_.clear();
    return state_ = State::refused;
}

RequestReader::State RequestReader::parse()
{
    if (buffer_.empty())
        return state_;
    boost::beast::error_code error;
    const std::size_t used = parser_->parser.put(boost::asio::const_buffer(buffer_.data(), buffer_.size()), error);
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return refuse(431, "the head of the request is longer than " + std::to_string(limit_) + " bytes");
    if (error == http::error::body_limit)
        return refuse(413, "requests have no body here");
    if (error == http::error::bad_version)
        return refuse(505, "HTTP/1.1 and HTTP/1.0 are spoken here");
    if (error && error != http::error::need_more)
        return refuse(400, "the request is not proper HTTP/1.1: " + error.message());
    buffer_.erase(0, used);
    if (parser_->parser.is_header_done())
        return take();
    if (buffer_.size() > limit_)
        return refuse(431, "the head of the request is longer than " + std::to_string(limit_) + " bytes");
    return state_;
}

RequestReader::State RequestReader::take()
{
    const auto& message = parser_->parser.get();
    const auto length = parser_->parser.content_length();
    // Only a connection that is closed is safe to have after a body that nobody reads.
    if (parser_->parser.chunked() || (length && *length > 0))
        return refuse(413, "requests have no body here");
    if (message.version() != 11 && message.version() != 10)
        return refuse(505, "HTTP/1.1 and HTTP/1.0 are spoken here");
    const std::size_t hosts = message.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && message.version() == 11))
        return refuse(400, hosts == 0 ? "the Host header is missing" : "there is more than one Host header");
    if (message.count(http::field::authorization) > 1)
        return refuse(400, "there is more than one Authorization header");

    request_.method = std::string(message.method_string());
    request_.authority = field(message, http::field::host);
    request_.authorization = field(message, http::field::authorization);
    const auto last_event = message.find("Last-Event-ID");
    if (last_event != message.end())
        request_.last_event_id = std::string(last_event->value());
    request_.keep_alive = message.version() == 11 && message.keep_alive();

    std::string_view target(message.target().data(), message.target().size());
    if (target.starts_with(scheme)) { // RFC 9112, section 3.2.2: to be understood, and stronger than Host
        target.remove_prefix(scheme.size());
        const std::size_t slash = std::min(target.find_first_of("/?"), target.size());
        request_.authority = std::string(target.substr(0, slash));
        target.remove_prefix(slash);
        if (!target.starts_with('/'))
            request_.path = "/";
    }
    request_.path.append(target.substr(0, target.find('?')));
    return state_ = State::complete;
}

} // namespace whisperstore::serve
