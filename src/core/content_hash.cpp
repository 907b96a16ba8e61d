#include "core/content_hash.hpp"

#include <whisperstore/core/error.hpp>

#include <openssl/evp.h>

#include <bit>
#include <cmath>
#include <cstring>

namespace whisperstore {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are hashed as they are in memory");

void check(bool ok)
{
    if (!ok)
        throw StorageError(StorageErrc::resource_exhausted, "SHA-256 is not available in this OpenSSL");
}

} // namespace

struct ContentHash::Digest
{
    Digest() : algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context(EVP_MD_CTX_new())
    {
        if (!algorithm || !context) {
            free();
            check(false);
        }
    }
    ~Digest() { free(); }
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;
    void free() noexcept
    {
        EVP_MD_CTX_free(context);
        EVP_MD_free(algorithm);
    }

    EVP_MD* algorithm; // looked up once, which costs more than the hash of a short row
    EVP_MD_CTX* context;
};

ContentHash::ContentHash() : digest_(std::make_unique<Digest>()) {}
ContentHash::~ContentHash() = default;
ContentHash::ContentHash(ContentHash&&) noexcept = default;
ContentHash& ContentHash::operator=(ContentHash&&) noexcept = default;

void ContentHash::add(const ValueView& value)
{
    const auto number = [this](char kind, const auto& content) {
        static_assert(sizeof(content) == 8);
        row_.push_back(kind);
        piece(&content, sizeof content);
        bytes_ += sizeof content;
    };
    const auto sized = [this](char kind, const void* data, std::uint64_t size) {
        row_.push_back(kind);
        piece(&size, sizeof size);
        if (size > 0)
            piece(data, size);
        bytes_ += size;
    };
    switch (value.kind()) {
    case ValueKind::null:
        row_.push_back('n');
        break;
    case ValueKind::boolean:
        number('i', std::int64_t(value.as_bool() ? 1 : 0));
        break;
    case ValueKind::integer:
        number('i', value.as_int());
        break;
    case ValueKind::real:
        if (std::isnan(value.as_real()))
            sized('t', "NaN", 3);
        else
            number('r', value.as_real());
        break;
    case ValueKind::text:
        sized('t', value.as_text().data(), value.as_text().size());
        break;
    case ValueKind::blob:
        sized('b', value.as_blob().data(), value.as_blob().size());
        break;
    }
}

void ContentHash::end_row()
{
    std::array<unsigned char, 32> hash{};
    unsigned int size = 0;
    check(EVP_DigestInit_ex(digest_->context, digest_->algorithm, nullptr) == 1 &&
          EVP_DigestUpdate(digest_->context, row_.data(), row_.size()) == 1 &&
          EVP_DigestFinal_ex(digest_->context, hash.data(), &size) == 1 && size == hash.size());
    std::array<std::uint64_t, 4> words{};
    std::memcpy(words.data(), hash.data(), hash.size());
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::uint64_t with_carry = sum_[i] + carry;
        carry = with_carry < carry ? 1 : 0;
        sum_[i] = with_carry + words[i];
        carry += sum_[i] < words[i] ? 1 : 0;
    }
    ++rows_;
    row_.clear();
}

std::string ContentHash::hex() const
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (std::size_t word = sum_.size(); word-- > 0;)
        for (int shift = 60; shift >= 0; shift -= 4)
            out.push_back(digits[(sum_[word] >> shift) & 15U]);
    return out;
}

} // namespace whisperstore
