#pragma once
// A TCP proxy that breaks connections where a test wants it to.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore::test {

/// What happens to a connection. Positions count the bytes of one direction of one connection.
struct ChaosRule
{
    enum class Cut : std::uint8_t
    {
        close,      ///< both sides are closed
        reset,      ///< both sides are reset (RST)
        half_close, ///< this direction ends, the other goes on
        black_hole, ///< this direction is swallowed from here on, nothing is closed
    };

    std::optional<std::uint64_t> cut_request_at = {}; ///< after so many bytes towards the server
    std::optional<std::uint64_t> cut_answer_at = {};  ///< after so many bytes towards the client
    Cut cut = Cut::close;
    std::chrono::milliseconds delay{0};        ///< before each piece, in both directions
    std::chrono::milliseconds answer_delay{0}; ///< before each piece towards the client
    bool refuse = false;                       ///< new connections are reset at once
    std::size_t connections = std::size_t(-1); ///< it holds for so many, later ones pass unharmed
};

/// Between clients and a server on 127.0.0.1, on a thread of its own until it goes. Thread safe.
class ChaosProxy
{
public:
    explicit ChaosProxy(std::uint16_t server_port);
    /// Listens there; port 0: on any.
    ChaosProxy(std::uint16_t server_port, const std::string& address, std::uint16_t port);
    ~ChaosProxy();
    ChaosProxy(const ChaosProxy&) = delete;
    ChaosProxy& operator=(const ChaosProxy&) = delete;

    /// Where clients connect, on 127.0.0.1.
    std::uint16_t port() const noexcept;

    /// For every piece of data from now on, also on open connections; positions count from their beginning.
    void set_rule(ChaosRule rule);
    /// Nothing is harmed any more.
    void clear() { set_rule(ChaosRule()); }
    /// New connections go to these servers in turn, as a service in front of a cluster sends them.
    void set_servers(std::vector<std::uint16_t> ports);
    /// Whether the port takes connections at all: false closes it, as a server that is not there.
    void set_listening(bool listens);
    /// Breaks every open connection.
    void cut_all(ChaosRule::Cut cut = ChaosRule::Cut::reset);

    std::size_t accepted() const; ///< connections so far
    std::size_t open() const;     ///< connections now
    /// Bytes that the newest connection carried towards the server and the client.
    std::uint64_t request_bytes() const;
    std::uint64_t answer_bytes() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace whisperstore::test
