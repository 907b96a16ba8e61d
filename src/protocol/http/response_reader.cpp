#include "protocol/http/response_reader.hpp"

#include "protocol/http/failure.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace whisperstore::http {

namespace beast = boost::beast;

/// Keeps the head, and hands on the body.
class ResponseReader::Parser final : public beast::http::basic_parser<false>
{
public:
    using Text = beast::string_view;
    using Error = beast::error_code;

    explicit Parser(bool head_request)
    {
        eager(true);
        skip(head_request);
        header_limit(largest_head);
        body_limit(boost::none); // the exchange counts what it takes
    }

    Response response;
    std::string* body = nullptr;

private:
    void on_request_impl(beast::http::verb, Text, Text, int, Error&) override {}
    void on_response_impl(int code, Text, int, Error&) override { response.status = code; }
    void on_field_impl(beast::http::field, Text name, Text value, Error&) override
    {
        response.headers.push_back(Header{std::string(name), std::string(value)});
    }
    void on_trailer_field_impl(beast::http::field, Text, Text, Error&) override {}
    void on_header_impl(Error&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
    std::size_t on_body_impl(Text piece, Error&) override
    {
        body->append(piece.data(), piece.size());
        return piece.size();
    }
    void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text piece, Error&) override
    {
        body->append(piece.data(), piece.size());
        return piece.size();
    }
    void on_finish_impl(Error&) override {}
};

namespace {

constexpr int most_interim_answers = 16;

[[noreturn]] void malformed(const std::string& reason)
{
    throw Failure{FailureKind::malformed, "the answer is not proper HTTP: " + reason};
}

} // namespace

ResponseReader::ResponseReader(bool head_request)
    : parser_(std::make_unique<Parser>(head_request)), head_request_(head_request)
{
}

ResponseReader::~ResponseReader() = default;

std::size_t ResponseReader::feed(std::string_view input, std::string& body)
{
    std::size_t used = 0;
    while (used < input.size() && !parser_->is_done()) {
        parser_->body = &body;
        beast::error_code error;
        const std::string_view rest = input.substr(used);
        const std::size_t read = parser_->put(boost::asio::const_buffer(rest.data(), rest.size()), error);
        used += read;
        if (error && error != beast::http::error::need_more)
            malformed(error.message());
        if (parser_->is_done() && parser_->response.status < 200) {
            // 101 would change the protocol, which was not asked for.
            if (parser_->response.status < 100 || parser_->response.status == 101 || ++interim_ > most_interim_answers)
                malformed("status " + std::to_string(parser_->response.status));
            parser_ = std::make_unique<Parser>(head_request_);
            continue;
        }
        if (error || read == 0)
            break;
    }
    return used;
}

void ResponseReader::finish(bool clean)
{
    if (parser_->is_done())
        return;
    if (clean && parser_->is_header_done() && parser_->need_eof()) {
        beast::error_code error;
        parser_->put_eof(error);
        if (!error)
            return;
    }
    throw Failure{FailureKind::lost, parser_->is_header_done()
                                         ? "the connection was closed before the whole answer came"
                                         : "the connection was closed before an answer came"};
}

bool ResponseReader::head_done() const noexcept { return parser_->is_header_done() && parser_->response.status >= 200; }
bool ResponseReader::done() const noexcept { return parser_->is_done(); }
const Response& ResponseReader::head() const noexcept { return parser_->response; }
Response& ResponseReader::head() noexcept { return parser_->response; }

std::optional<std::uint64_t> ResponseReader::body_size() const
{
    if (const auto length = parser_->content_length())
        return *length;
    return std::nullopt;
}

bool ResponseReader::keep_alive() const { return parser_->is_done() && parser_->keep_alive(); }

} // namespace whisperstore::http
