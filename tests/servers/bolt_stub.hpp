#pragma once
// A small Bolt server whose answers a test writes: what a cluster does cannot be had from one real server.

#include "protocol/bolt/conversation.hpp"
#include "protocol/bolt/version.hpp"

#include <whisperstore/bolt/value.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::test {

struct BoltRequest
{
    bolt::RequestKind kind = bolt::RequestKind::reset;
    bolt::List fields;
    std::size_t connection = 0; ///< which, from 1, in the order they were accepted
    std::size_t read = 0;       ///< which gulp of the connection it came in, from 1: equal where it came together

    /// Of RUN.
    std::string cypher() const;
    /// Its last map: of HELLO, LOGON, RUN, BEGIN, PULL, ROUTE.
    const bolt::Map& extra() const;
};

/// What the server does about one request.
struct BoltReply
{
    std::vector<bolt::List> records = {}; ///< before the rest, for PULL
    bolt::ResponseKind kind = bolt::ResponseKind::success;
    bolt::Map metadata = {};
    bool close_before = false; ///< closes without an answer
    bool close_after = false;
    bool silent = false;                ///< no answer, ever, until RESET or the end
    std::chrono::milliseconds delay{0}; ///< before the answer; signs of life are sent meanwhile, each 20 ms

    static BoltReply failure(std::string_view code, std::string_view message = "made up");
};

/// The routing table a ROUTE is answered with.
struct BoltTable
{
    std::vector<std::uint16_t> writers;
    std::vector<std::uint16_t> readers;
    std::vector<std::uint16_t> routers;
    std::int64_t ttl = 300;
    std::string database = "neo4j";
    bolt::Map reply() const;
};

struct BoltStubOptions
{
    std::vector<bolt::Version> versions = {{5, 8}}; ///< it speaks
    bool manifest = true;                           ///< knows the manifest form of the handshake
    std::string raw_handshake = {};                 ///< answers this instead
    bolt::Map hints = {};
    std::uint16_t port = 0; ///< 0: a free one
};

/// On 127.0.0.1, on a thread of its own until it goes. Keeps the rules of the protocol (FAILED, IGNORED, RESET),
/// answers what the script does not, and notes where a client does not keep them.
///
/// Without a script RUN has the column "n", PULL the record 1 and the end, COMMIT and auto-commit queries a bookmark
/// "bookmark:1", "bookmark:2", ...
class BoltStub
{
public:
    /// Runs on the stub's thread, one request at a time; nothing: as without it.
    using Script = std::function<std::optional<BoltReply>(const BoltRequest&)>;
    explicit BoltStub(Script script = {}, BoltStubOptions options = {});
    ~BoltStub();
    BoltStub(const BoltStub&) = delete;
    BoltStub& operator=(const BoltStub&) = delete;

    std::uint16_t port() const noexcept;
    /// `bolt://127.0.0.1:PORT`
    std::string url(std::string_view scheme = "bolt") const;

    std::size_t accepted() const; ///< connections so far
    std::size_t open() const;     ///< connections now
    std::vector<BoltRequest> requests() const;
    std::size_t count(bolt::RequestKind kind) const;
    /// The last one of its kind; fails the test where there is none.
    BoltRequest last(bolt::RequestKind kind) const;
    /// What clients did that the protocol does not allow.
    std::vector<std::string> violations() const;

    void set_script(Script script);
    void close_connections();
    /// Closes the port, too: connecting is refused from now on.
    void stop();

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace whisperstore::test
