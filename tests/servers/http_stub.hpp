#pragma once
// A small HTTP/1.1 server whose answers a test writes.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore::test {

struct StubRequest
{
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::size_t connection = 0; ///< which, from 1, in the order they were accepted

    /// The value of a header, or an empty text.
    std::string header(std::string_view name) const;
};

/// What the server sends for one request. Framing is added as the members say, and lied about on demand.
struct StubAnswer
{
    int status = 200;
    std::string body = {};
    std::vector<std::pair<std::string, std::string>> headers = {};
    bool gzip = false;                              ///< packs the body
    bool chunked = false;                           ///< in chunks of 7 bytes, or of 64 KiB for a large body
    bool until_close = false;                       ///< neither length nor chunks: the end is the end
    std::optional<std::size_t> content_length = {}; ///< another one than the body's
    std::optional<std::size_t> cut_at = {};         ///< bytes of the answer, head included, before it is cut
    std::chrono::milliseconds delay{0};             ///< before the answer
    bool black_hole = false;                        ///< no answer, ever
    bool close = false;                             ///< says `Connection: close`, and closes
    bool close_unasked = false;                     ///< closes after the answer without saying so
    std::size_t piece = 0;                          ///< sends so many bytes at a time; 0: all
    std::string raw = {};                           ///< in the place of head and body
};

struct StubOptions
{
    std::filesystem::path certificate = {}; ///< PEM with its key: TLS
    std::filesystem::path client_ca = {};   ///< PEM: clients need a certificate of this authority
    bool v6 = false;                        ///< on ::1 in the place of 127.0.0.1
    std::uint16_t port = 0;                 ///< 0: a free one
    /// Asked when the head is there but not the body: an answer now ends the connection. Its body is empty then.
    std::function<std::optional<StubAnswer>(const StubRequest&)> before_body = {};
};

/// Runs on a thread of its own until it goes. The script runs there too, one request at a time.
class HttpStub
{
public:
    using Script = std::function<StubAnswer(const StubRequest&)>;
    explicit HttpStub(Script script, StubOptions options = {});
    /// The same answer for every request.
    explicit HttpStub(StubAnswer answer, StubOptions options = {});
    ~HttpStub();
    HttpStub(const HttpStub&) = delete;
    HttpStub& operator=(const HttpStub&) = delete;

    std::uint16_t port() const noexcept;
    /// `http://127.0.0.1:PORT` + path; https and [::1] by the options.
    std::string url(std::string_view path = {}) const;

    std::size_t accepted() const; ///< connections so far
    std::size_t open() const;     ///< connections now
    std::vector<StubRequest> requests() const;
    /// Closes every connection.
    void close_connections();
    /// Closes the port, too: connecting is refused from now on.
    void stop();

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// The answer's bytes, as the stub sends them.
std::string render(const StubAnswer& answer, bool head_request = false);
std::string gzip(std::string_view text);

} // namespace whisperstore::test
