#include "servers/test_certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace whisperstore::test {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&::X509_free)>;
using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

void require(bool done, const char* what)
{
    if (!done)
        throw std::runtime_error(std::string("the test's certificate cannot be made: ") + what);
}

Key new_key() { return {::EVP_EC_gen("P-256"), &::EVP_PKEY_free}; }

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, decltype(&::X509_EXTENSION_free)> extension(
        ::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()), &::X509_EXTENSION_free);
    require(extension && ::X509_add_ext(certificate, extension.get(), -1) == 1, value.c_str());
}

/// Signed by `issuer`, or by itself where that is null.
Certificate new_certificate(const std::string& name, EVP_PKEY* key, X509* issuer, long serial)
{
    Certificate certificate(::X509_new(), &::X509_free);
    require(certificate != nullptr, "memory");
    ::X509_set_version(certificate.get(), 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), serial);
    constexpr long day = 24L * 60 * 60;
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), -day);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), day);
    ::X509_set_pubkey(certificate.get(), key);
    X509_NAME* subject = ::X509_get_subject_name(certificate.get());
    ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                                 -1, 0);
    ::X509_set_issuer_name(certificate.get(), issuer ? ::X509_get_subject_name(issuer) : subject);
    if (!issuer)
        add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    return certificate;
}

void write(const std::filesystem::path& path, X509* certificate, EVP_PKEY* key)
{
    const File file(std::fopen(path.c_str(), "w"), &std::fclose);
    require(file && ::PEM_write_X509(file.get(), certificate) == 1 &&
                (!key || ::PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1),
            path.c_str());
}

} // namespace

TestCertificates::TestCertificates()
{
    const Key key = new_key();
    require(key != nullptr, "key");
    const Certificate certificate = new_certificate("test authority", key.get(), nullptr, 1);
    require(::X509_sign(certificate.get(), key.get(), ::EVP_sha256()) > 0, "signature");
    write(authority(), certificate.get(), nullptr);
    write(directory_ / "authority-key.pem", certificate.get(), key.get());
    issue("server.pem", "DNS:localhost,IP:127.0.0.1,IP:::1");
}

std::filesystem::path TestCertificates::issue(const std::string& name, const std::string& names) const
{
    const File file(std::fopen((directory_ / "authority-key.pem").c_str(), "r"), &std::fclose);
    require(file != nullptr, "authority");
    const Certificate authority_certificate(::PEM_read_X509(file.get(), nullptr, nullptr, nullptr), &::X509_free);
    const Key authority_key(::PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr), &::EVP_PKEY_free);
    require(authority_certificate && authority_key, "authority");
    const Key key = new_key();
    const Certificate certificate = new_certificate(name, key.get(), authority_certificate.get(), 2);
    add_extension(certificate.get(), authority_certificate.get(), NID_subject_alt_name, names);
    require(::X509_sign(certificate.get(), authority_key.get(), ::EVP_sha256()) > 0, "signature");
    write(directory_ / name, certificate.get(), key.get());
    return directory_ / name;
}

} // namespace whisperstore::test
