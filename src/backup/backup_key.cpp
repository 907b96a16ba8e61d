#include "backup/backup_key.hpp"

#include <whisperstore/core/error.hpp>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <memory>
#include <vector>

namespace whisperstore::backup {

namespace {

constexpr std::size_t salt_bytes = 32;
constexpr std::uint64_t default_n = 1U << 16;
constexpr std::uint64_t default_r = 8;
constexpr std::uint64_t default_p = 2;
// A manifest is read before it is known to be genuine.
constexpr std::uint64_t largest_n = 1U << 20;
constexpr std::uint64_t largest_r = 16;
constexpr std::uint64_t largest_p = 16;
constexpr std::uint64_t memory_limit = (std::uint64_t{1} << 31) + (std::uint64_t{1} << 20);

void check(bool ok)
{
    if (!ok)
        throw StorageError(StorageErrc::resource_exhausted,
                           "this OpenSSL cannot make the keys of an encrypted backup (is there memory left?)");
}

std::string hex(const unsigned char* bytes, std::size_t size)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < size; ++i) {
        out.push_back(digits[bytes[i] >> 4]);
        out.push_back(digits[bytes[i] & 15]);
    }
    return out;
}

std::string unhex(std::string_view text)
{
    const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
    std::string out;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        out.push_back(static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1])));
    return out;
}

} // namespace

SecretKey::~SecretKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

BackupEncryption new_encryption()
{
    std::array<unsigned char, salt_bytes> salt{};
    check(RAND_bytes(salt.data(), static_cast<int>(salt.size())) == 1);
    return BackupEncryption{hex(salt.data(), salt.size()), default_n, default_r, default_p};
}

BackupKey::BackupKey(const BackupEncryption& parameters, std::string_view passphrase)
{
    const std::uint64_t n = parameters.scrypt_n;
    const bool sound = n >= 2 && (n & (n - 1)) == 0 && n <= largest_n && parameters.scrypt_r >= 1 &&
                       parameters.scrypt_r <= largest_r && parameters.scrypt_p >= 1 &&
                       parameters.scrypt_p <= largest_p && parameters.salt.size() == 2 * salt_bytes;
    if (!sound)
        throw StorageError(StorageErrc::corrupt, "the manifest has parameters of scrypt that no backup has");
    const std::string salt = unhex(parameters.salt);
    check(EVP_PBE_scrypt(passphrase.data(), passphrase.size(), reinterpret_cast<const unsigned char*>(salt.data()),
                         salt.size(), n, parameters.scrypt_r, parameters.scrypt_p, memory_limit, master_.data(),
                         SecretKey::size) == 1);
}

SecretKey BackupKey::derive(std::string_view purpose) const
{
    const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free);
    check(kdf != nullptr);
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf.get()),
                                                                            &EVP_KDF_CTX_free);
    check(context != nullptr);
    std::string digest = "SHA256";
    std::string info(purpose);
    SecretKey master = master_; // OpenSSL's parameters are not const
    const std::array<OSSL_PARAM, 4> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, master.data(), SecretKey::size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
    SecretKey key;
    check(EVP_KDF_derive(context.get(), key.data(), SecretKey::size, parameters.data()) == 1);
    return key;
}

SecretKey BackupKey::for_component(std::string_view type) const
{
    return derive(std::string("whisperstore backup component ").append(type));
}

std::string BackupKey::authenticate(std::string_view manifest) const
{
    const SecretKey key = derive("whisperstore backup manifest");
    std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
    unsigned int size = 0;
    check(HMAC(EVP_sha256(), key.data(), static_cast<int>(SecretKey::size),
               reinterpret_cast<const unsigned char*>(manifest.data()), manifest.size(), code.data(),
               &size) != nullptr);
    return hex(code.data(), size);
}

bool same_secret(std::string_view left, std::string_view right) noexcept
{
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

} // namespace whisperstore::backup
