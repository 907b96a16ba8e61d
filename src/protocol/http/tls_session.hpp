#pragma once
// TLS without I/O: OpenSSL between two buffers. So a connection can rest in the pool between two callers with different
// executors, which a stream that holds an executor cannot.

#include <whisperstore/core/tls_config.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace whisperstore::http {

/// Certificates and rules of a client's connections. Immutable and thread safe.
class TlsContext
{
public:
    /// Throws StorageError invalid_argument where a file of the configuration cannot be used; the message names it.
    explicit TlsContext(const TlsConfig& config);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

private:
    friend class TlsSession;
    struct State;
    std::unique_ptr<State> state_;
};

/// The client's side of one connection. TLS 1.2 or newer. Throws Failure untrusted while it is set up, lost later.
class TlsSession
{
public:
    /// \param host a name, sent and checked (RFC 6066), or an IP address, checked only
    TlsSession(const TlsContext& context, const std::string& host);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    /// One step; true when it is done. Between steps output() is to be sent and what the server sends to be fed.
    bool handshake();
    /// Bytes from the server.
    void feed(std::string_view bytes);
    /// Bytes for the server; the caller removes what it sent.
    std::string& output() noexcept { return output_; }
    /// Encrypts all of `plain` into output().
    void write(std::string_view plain);

    enum class Read
    {
        data,
        nothing, ///< it needs to be fed
        end      ///< the server said farewell
    };
    /// Decrypts some bytes and appends them.
    Read read(std::string& plain);

private:
    struct State;
    void drain();
    [[noreturn]] void fail(std::string_view what) const;

    std::unique_ptr<State> state_;
    std::string output_;
};

} // namespace whisperstore::http
