#pragma once
/// \file
/// How a network backend uses TLS.

#include <filesystem>

namespace whisperstore {

/// TLS of one backend. PostgreSQL takes it as `sslmode` and its kin in the connection string instead.
struct TlsConfig
{
    bool enabled = false;
    bool verify = true;                   ///< certificate chain and host name; false only for tests
    std::filesystem::path ca_file = {};   ///< PEM; empty: the system's authorities
    std::filesystem::path cert_file = {}; ///< PEM client certificate; empty: none
    std::filesystem::path key_file = {};  ///< PEM key of the client certificate
    friend bool operator==(const TlsConfig&, const TlsConfig&) = default;
};

} // namespace whisperstore
