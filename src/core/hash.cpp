#include "core/hash.hpp"

#include <whisperstore/core/error.hpp>

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <memory>
#include <vector>

namespace whisperstore {

namespace {

class Digest
{
public:
    Digest() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free)
    {
        check(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
    }
    void add(const void* data, std::size_t size) { check(EVP_DigestUpdate(context_.get(), data, size) == 1); }
    std::string hex()
    {
        std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
        unsigned int size = 0;
        check(EVP_DigestFinal_ex(context_.get(), hash.data(), &size) == 1);
        std::string out;
        for (unsigned int i = 0; i < size; ++i) {
            out.push_back("0123456789abcdef"[hash[i] >> 4]);
            out.push_back("0123456789abcdef"[hash[i] & 15]);
        }
        return out;
    }

private:
    static void check(bool ok)
    {
        if (!ok)
            throw StorageError(StorageErrc::resource_exhausted, "SHA-256 is not available in this OpenSSL");
    }
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

} // namespace

std::string sha256_hex(std::string_view data)
{
    Digest digest;
    digest.add(data.data(), data.size());
    return digest.hex();
}

std::string sha256_hex_of_file(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw StorageError(StorageErrc::not_found, path.string() + " cannot be read");
    Digest digest;
    std::vector<char> block(1 << 16);
    while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0)
        digest.add(block.data(), static_cast<std::size_t>(file.gcount()));
    if (file.bad())
        throw StorageError(StorageErrc::unavailable, "reading " + path.string() + " failed");
    return digest.hex();
}

} // namespace whisperstore
