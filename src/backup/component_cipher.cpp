#include "backup/component_cipher.hpp"

#include <whisperstore/core/error.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace whisperstore::backup {

namespace {

constexpr std::size_t nonce_bytes = 12;

void check(bool ok)
{
    if (!ok)
        throw StorageError(StorageErrc::resource_exhausted, "AES-256-GCM is not available in this OpenSSL");
}

unsigned char* raw(std::vector<std::byte>& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

/// The number of the chunk, big-endian, and whether it is the last one. The key is used for one file only, so no two
/// chunks have the same.
std::array<unsigned char, nonce_bytes> nonce_of(std::uint64_t number, bool last)
{
    std::array<unsigned char, nonce_bytes> nonce{};
    for (std::size_t i = 0; i < sizeof(number); ++i)
        nonce[nonce_bytes - 2 - i] = static_cast<unsigned char>(number >> (8 * i));
    nonce.back() = last ? 1 : 0;
    return nonce;
}

} // namespace

class CipherContext
{
public:
    CipherContext(const SecretKey& key, bool encrypts)
        : context_(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free), encrypts_(encrypts ? 1 : 0)
    {
        check(context_ &&
              EVP_CipherInit_ex(context_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr, encrypts_) == 1);
    }

    void begin(std::uint64_t number, bool last)
    {
        const auto nonce = nonce_of(number, last);
        check(EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce.data(), encrypts_) == 1);
    }
    void run(unsigned char* out, const unsigned char* in, std::size_t size)
    {
        int written = 0;
        check(EVP_CipherUpdate(context_.get(), out, &written, in, static_cast<int>(size)) == 1 &&
              static_cast<std::size_t>(written) == size);
    }
    /// False when a tag that was set does not fit.
    bool end()
    {
        std::array<unsigned char, cipher_tag_bytes> none{};
        int written = 0;
        return EVP_CipherFinal_ex(context_.get(), none.data(), &written) == 1;
    }
    void get_tag(unsigned char* tag)
    {
        check(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_GCM_GET_TAG, cipher_tag_bytes, tag) == 1);
    }
    void set_tag(unsigned char* tag)
    {
        check(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_GCM_SET_TAG, cipher_tag_bytes, tag) == 1);
    }

private:
    std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context_;
    const int encrypts_;
};

EncryptSink::EncryptSink(ByteSink& next, const SecretKey& key)
    : next_(next), context_(std::make_unique<CipherContext>(key, true))
{
    chunk_.reserve(cipher_chunk_bytes);
}
EncryptSink::~EncryptSink() = default;

void EncryptSink::write(std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        if (chunk_.size() == cipher_chunk_bytes)
            seal(false); // more is to come, so it is not the last
        const std::size_t count = std::min(bytes.size(), cipher_chunk_bytes - chunk_.size());
        chunk_.insert(chunk_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
        bytes = bytes.subspan(count);
    }
}

void EncryptSink::finish()
{
    seal(true);
    next_.finish();
}

void EncryptSink::seal(bool last)
{
    sealed_.resize(chunk_.size() + cipher_tag_bytes);
    context_->begin(number_++, last);
    if (!chunk_.empty())
        context_->run(raw(sealed_), raw(chunk_), chunk_.size());
    check(context_->end());
    context_->get_tag(raw(sealed_) + chunk_.size());
    chunk_.clear();
    next_.write(sealed_);
}

DecryptSink::DecryptSink(ByteSink& next, const SecretKey& key, std::string name)
    : next_(next), context_(std::make_unique<CipherContext>(key, false)), name_(std::move(name))
{
    sealed_.reserve(cipher_chunk_bytes + cipher_tag_bytes);
}
DecryptSink::~DecryptSink() = default;

void DecryptSink::write(std::span<const std::byte> bytes)
{
    constexpr std::size_t whole = cipher_chunk_bytes + cipher_tag_bytes;
    while (!bytes.empty()) {
        if (sealed_.size() == whole)
            open(false);
        const std::size_t count = std::min(bytes.size(), whole - sealed_.size());
        sealed_.insert(sealed_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
        bytes = bytes.subspan(count);
    }
}

void DecryptSink::finish()
{
    open(true);
    next_.finish();
}

void DecryptSink::open(bool last)
{
    const std::size_t size = sealed_.size() < cipher_tag_bytes ? 0 : sealed_.size() - cipher_tag_bytes;
    chunk_.resize(size);
    bool genuine = sealed_.size() >= cipher_tag_bytes;
    if (genuine) {
        context_->begin(number_, last);
        context_->set_tag(raw(sealed_) + size);
        if (size > 0)
            context_->run(raw(chunk_), raw(sealed_), size);
        genuine = context_->end();
    }
    if (!genuine)
        throw StorageError(StorageErrc::corrupt,
                           name_ + " cannot be decrypted: it was changed, cut off or damaged in chunk " +
                               std::to_string(number_));
    ++number_;
    sealed_.clear();
    next_.write(chunk_);
}

} // namespace whisperstore::backup
