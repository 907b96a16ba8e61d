#pragma once
// The bytes of a Bolt connection without a driver: recorded once, sent again by blocking sockets.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore::bench {

/// What a driver sent.
struct BoltRecording
{
    std::string opening;               ///< until it could ask: handshake, HELLO, LOGON
    std::vector<std::string> requests; ///< of each question
    std::size_t messages = 0;          ///< that answer each of them
};

/// Listens on a port of 127.0.0.1, passes everything on to the server, and writes down one connection.
class BoltRecorder
{
public:
    explicit BoltRecorder(std::uint16_t server_port);
    ~BoltRecorder();
    BoltRecorder(const BoltRecorder&) = delete;
    BoltRecorder& operator=(const BoltRecorder&) = delete;

    std::uint16_t port() const noexcept;
    /// What went to the server so far.
    std::string sent() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// One connection that sends recorded questions.
class RawBolt
{
public:
    /// It takes a while: the server's answers to the opening are over when it is silent.
    RawBolt(std::uint16_t port, const BoltRecording& recording);
    ~RawBolt();
    RawBolt(RawBolt&&) noexcept;
    RawBolt& operator=(RawBolt&&) = delete;
    RawBolt(const RawBolt&) = delete;
    RawBolt& operator=(const RawBolt&) = delete;

    /// Sends one and reads its answer to the end. Throws std::runtime_error for a failure of the server.
    void ask(std::size_t number);

private:
    int descriptor_;
    const BoltRecording* recording_;
    std::string buffer_;
};

} // namespace whisperstore::bench
