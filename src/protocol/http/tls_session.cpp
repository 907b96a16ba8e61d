#include "protocol/http/tls_session.hpp"

#include "protocol/http/failure.hpp"

#include <whisperstore/core/error.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>

namespace whisperstore::http {

namespace {

/// OpenSSL's last complaint, taken from its queue.
std::string last_error()
{
    const unsigned long code = ::ERR_get_error();
    ::ERR_clear_error();
    if (code == 0)
        return "no reason given";
    const char* reason = ::ERR_reason_error_string(code);
    return reason ? reason : "error " + std::to_string(code);
}

void require_file(int result, const char* what, const std::filesystem::path& file)
{
    if (result == 1)
        return;
    throw StorageError(StorageErrc::invalid_argument,
                       std::string("TLS: the ") + what + " file " + file.string() + " cannot be used: " + last_error());
}

bool is_address(const std::string& host)
{
    ASN1_OCTET_STRING* address = ::a2i_IPADDRESS(host.c_str());
    ::ASN1_OCTET_STRING_free(address);
    return address != nullptr;
}

} // namespace

struct TlsContext::State
{
    SSL_CTX* context = nullptr;
    ~State() { ::SSL_CTX_free(context); }
};

TlsContext::TlsContext(const TlsConfig& config) : state_(std::make_unique<State>())
{
    ::ERR_clear_error();
    SSL_CTX* context = state_->context = ::SSL_CTX_new(::TLS_client_method());
    if (!context)
        throw std::bad_alloc();
    ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    ::SSL_CTX_set_verify(context, config.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    // A connection that rests keeps no buffers.
    ::SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    constexpr std::array<unsigned char, 9> protocols = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    ::SSL_CTX_set_alpn_protos(context, protocols.data(), protocols.size());
    if (config.ca_file.empty())
        ::SSL_CTX_set_default_verify_paths(context);
    else
        require_file(::SSL_CTX_load_verify_locations(context, config.ca_file.c_str(), nullptr), "authority's",
                     config.ca_file);
    if (!config.cert_file.empty()) {
        const auto& key = config.key_file.empty() ? config.cert_file : config.key_file;
        require_file(::SSL_CTX_use_certificate_chain_file(context, config.cert_file.c_str()), "certificate",
                     config.cert_file);
        require_file(::SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM), "key", key);
        require_file(::SSL_CTX_check_private_key(context), "key", key);
    }
    ::ERR_clear_error();
}

TlsContext::~TlsContext() = default;

struct TlsSession::State
{
    SSL* ssl = nullptr;
    BIO* incoming = nullptr; // both belong to ssl
    BIO* outgoing = nullptr;
    std::string host;
    bool established = false;
    ~State() { ::SSL_free(ssl); }
};

TlsSession::TlsSession(const TlsContext& context, const std::string& host) : state_(std::make_unique<State>())
{
    ::ERR_clear_error();
    State& state = *state_;
    state.host = host.substr(0, host.find('%')); // the zone of an IPv6 address is in no certificate
    state.ssl = ::SSL_new(context.state_->context);
    state.incoming = ::BIO_new(::BIO_s_mem());
    state.outgoing = ::BIO_new(::BIO_s_mem());
    if (!state.ssl || !state.incoming || !state.outgoing) {
        ::BIO_free(state.incoming);
        ::BIO_free(state.outgoing);
        throw std::bad_alloc();
    }
    ::SSL_set_bio(state.ssl, state.incoming, state.outgoing);
    ::SSL_set_connect_state(state.ssl);
    const bool set = is_address(state.host)
                         ? ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(state.ssl), state.host.c_str()) == 1
                         : ::SSL_set1_host(state.ssl, state.host.c_str()) == 1 &&
                               ::SSL_set_tlsext_host_name(state.ssl, state.host.c_str()) == 1;
    if (!set)
        throw Failure{FailureKind::untrusted,
                      "'" + state.host + "' cannot be checked in a certificate: " + last_error()};
    ::SSL_set_hostflags(state.ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
}

TlsSession::~TlsSession() = default;

void TlsSession::fail(std::string_view what) const
{
    const long verdict = ::SSL_get_verify_result(state_->ssl);
    if (!state_->established && verdict != X509_V_OK) {
        ::ERR_clear_error();
        throw Failure{FailureKind::untrusted,
                      "the certificate of " + state_->host +
                          " is not trusted: " + ::X509_verify_cert_error_string(verdict) +
                          " (name the file of its authority in the TLS settings, and the host as in the certificate)"};
    }
    throw Failure{state_->established ? FailureKind::lost : FailureKind::untrusted,
                  std::string(what) + ": " + last_error()};
}

void TlsSession::drain()
{
    for (std::size_t pending = ::BIO_ctrl_pending(state_->outgoing); pending > 0;
         pending = ::BIO_ctrl_pending(state_->outgoing)) {
        const std::size_t before = output_.size();
        output_.resize(before + pending);
        std::size_t read = 0;
        if (::BIO_read_ex(state_->outgoing, output_.data() + before, pending, &read) != 1)
            read = 0;
        output_.resize(before + read);
        if (read == 0)
            return;
    }
}

bool TlsSession::handshake()
{
    ::ERR_clear_error();
    const int result = ::SSL_do_handshake(state_->ssl);
    const int error = result == 1 ? SSL_ERROR_NONE : ::SSL_get_error(state_->ssl, result);
    drain();
    if (error == SSL_ERROR_NONE) {
        state_->established = true;
        return true;
    }
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        fail("TLS with " + state_->host + " failed");
    return false;
}

void TlsSession::feed(std::string_view bytes)
{
    std::size_t written = 0;
    if (::BIO_write_ex(state_->incoming, bytes.data(), bytes.size(), &written) != 1 || written != bytes.size())
        throw std::bad_alloc();
}

void TlsSession::write(std::string_view plain)
{
    ::ERR_clear_error();
    while (!plain.empty()) {
        std::size_t written = 0;
        if (::SSL_write_ex(state_->ssl, plain.data(), plain.size(), &written) != 1)
            fail("TLS writing failed");
        plain.remove_prefix(written);
    }
    drain();
}

TlsSession::Read TlsSession::read(std::string& plain)
{
    ::ERR_clear_error();
    constexpr std::size_t record = 16 * 1024;
    const std::size_t before = plain.size();
    plain.resize(before + record);
    std::size_t got = 0;
    const int result = ::SSL_read_ex(state_->ssl, plain.data() + before, record, &got);
    const int error = result == 1 ? SSL_ERROR_NONE : ::SSL_get_error(state_->ssl, result);
    plain.resize(before + got);
    drain(); // a key update is answered
    if (error == SSL_ERROR_NONE)
        return Read::data;
    if (error == SSL_ERROR_ZERO_RETURN)
        return Read::end;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        fail("TLS reading failed");
    return Read::nothing;
}

} // namespace whisperstore::http
