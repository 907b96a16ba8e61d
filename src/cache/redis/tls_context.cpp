#include "cache/redis/tls_context.hpp"

#include <whisperstore/core/error.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/verify_mode.hpp>
#include <openssl/ssl.h>

#include <new>

namespace whisperstore::redis {

namespace {

namespace ssl = boost::asio::ssl;

void free_name(void*, void* name, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::string*>(name); }

int name_index()
{
    static const int index = ::SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_name);
    return index;
}

// Boost.Redis makes its TLS streams itself and names no host to the server (SNI): OpenSSL tells when a handshake
// begins, which is early enough.
void name_host(const SSL* session, int where, int)
{
    if ((where & SSL_CB_HANDSHAKE_START) == 0)
        return;
    auto* name = static_cast<std::string*>(::SSL_CTX_get_ex_data(::SSL_get_SSL_CTX(session), name_index()));
    if (name)
        SSL_set_tlsext_host_name(const_cast<SSL*>(session), name->c_str());
}

void require(const boost::system::error_code& error, const char* what, const std::filesystem::path& file)
{
    if (error)
        throw StorageError(StorageErrc::invalid_argument, std::string("TLS: the ") + what + " file " + file.string() +
                                                              " cannot be used: " + error.message());
}

} // namespace

ssl::context tls_context(const TlsConfig& config, const std::string& host)
{
    ssl::context context(ssl::context::tls_client);
    if (!config.enabled)
        return context;
    ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    boost::system::error_code error;
    if (config.ca_file.empty())
        context.set_default_verify_paths(error);
    else
        context.load_verify_file(config.ca_file.string(), error);
    require(error, "authority's", config.ca_file);
    if (!config.cert_file.empty()) {
        context.use_certificate_chain_file(config.cert_file.string(), error);
        require(error, "certificate", config.cert_file);
        context.use_private_key_file(config.key_file.string(), ssl::context::pem, error);
        require(error, "key", config.key_file);
    }
    context.set_verify_mode(config.verify ? ssl::verify_peer : ssl::verify_none);
    if (config.verify)
        context.set_verify_callback(ssl::host_name_verification(host));
    boost::system::error_code no_address;
    boost::asio::ip::make_address(host, no_address);
    if (no_address) {
        ::SSL_CTX_set_ex_data(context.native_handle(), name_index(), new std::string(host));
        ::SSL_CTX_set_info_callback(context.native_handle(), name_host);
    }
    return context;
}

} // namespace whisperstore::redis
