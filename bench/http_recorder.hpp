#pragma once
// What a client sends to a server, byte by byte, to send it again without the client.

#include "raw_http.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace whisperstore::bench {

/// Listens on a port of 127.0.0.1, passes requests on to a node and answers back, and keeps the requests. Clients have
/// closed their connections before it ends.
class HttpRecorder
{
public:
    explicit HttpRecorder(HostPort node);
    ~HttpRecorder();
    HttpRecorder(const HttpRecorder&) = delete;
    HttpRecorder& operator=(const HttpRecorder&) = delete;

    /// Where clients connect to.
    const HostPort& address() const noexcept { return address_; }
    /// The requests since the last call, in the order in which they were answered.
    std::vector<std::string> take();

private:
    void accept_clients();
    void serve(RawSocket client);

    const HostPort node_;
    HostPort address_;
    int listener_ = -1;
    std::mutex mutex_;
    std::vector<std::string> requests_;
    std::vector<std::thread> connections_;
    std::thread acceptor_;
};

} // namespace whisperstore::bench
