// The parts of backups that need no store: retention, encryption, compression.
#include "backup/backup_key.hpp"
#include "backup/component_cipher.hpp"
#include "backup/component_compression.hpp"
#include "support/run.hpp"

#include <whisperstore/backup/backup_retention.hpp>

#include <algorithm>
#include <functional>
#include <random>

namespace whisperstore::backup {
namespace {

using test::error_of;
using Bytes = std::vector<std::byte>;

class Collected final : public ByteSink
{
public:
    void write(std::span<const std::byte> piece) override { bytes.insert(bytes.end(), piece.begin(), piece.end()); }
    void finish() override { finished = true; }
    Bytes bytes;
    bool finished = false;
};

Bytes random_bytes(std::size_t size, unsigned seed = 1)
{
    std::minstd_rand random(seed);
    Bytes bytes(size);
    for (std::byte& one : bytes)
        one = static_cast<std::byte>(random() >> 8);
    return bytes;
}

/// In pieces of sizes that fit nothing.
void feed(ByteSink& sink, const Bytes& bytes, std::size_t piece)
{
    for (std::size_t at = 0; at < bytes.size(); at += piece)
        sink.write(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    sink.finish();
}

SecretKey key_of(unsigned char first)
{
    SecretKey key;
    key.data()[0] = first;
    return key;
}

Bytes encrypt(const Bytes& content, unsigned char key = 1, std::size_t piece = 4099)
{
    Collected out;
    EncryptSink sink(out, key_of(key));
    feed(sink, content, piece);
    return out.bytes;
}

Bytes decrypt(const Bytes& sealed, unsigned char key = 1, std::size_t piece = 5003)
{
    Collected out;
    DecryptSink sink(out, key_of(key), "file");
    feed(sink, sealed, piece);
    EXPECT_TRUE(out.finished);
    return out.bytes;
}

constexpr std::size_t sealed_chunk = cipher_chunk_bytes + cipher_tag_bytes;

TEST(BackupCipher, ContentOfAnySizeComesBack)
{
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, cipher_chunk_bytes - 1, cipher_chunk_bytes,
                                   cipher_chunk_bytes + 1, 3 * cipher_chunk_bytes, 200000UL}) {
        const Bytes content = random_bytes(size);
        const Bytes sealed = encrypt(content);
        EXPECT_EQ(sealed.size(), size + cipher_tag_bytes * std::max<std::size_t>(1, (size + cipher_chunk_bytes - 1) /
                                                                                        cipher_chunk_bytes));
        EXPECT_EQ(decrypt(sealed), content) << size;
        EXPECT_EQ(decrypt(encrypt(content, 1, 1 + size), 1, 1 + size), content) << size;
    }
}

TEST(BackupCipher, ChunksThatWereChangedMovedDoubledOrRemovedAreFound)
{
    const Bytes content = random_bytes(4 * cipher_chunk_bytes);
    const Bytes sealed = encrypt(content);
    const auto chunk = [&](std::size_t i) { return sealed.begin() + static_cast<std::ptrdiff_t>(i * sealed_chunk); };
    std::vector<Bytes> attacks;
    for (const std::size_t at : {0UL, sealed_chunk - 1, sealed_chunk, sealed.size() - 1}) {
        attacks.push_back(sealed);
        attacks.back()[at] ^= std::byte{1};
    }
    attacks.push_back(sealed); // exchanged
    std::swap_ranges(attacks.back().begin(), attacks.back().begin() + sealed_chunk,
                     attacks.back().begin() + sealed_chunk);
    attacks.push_back(sealed); // doubled
    attacks.back().insert(attacks.back().begin(), chunk(0), chunk(1));
    attacks.emplace_back(sealed.begin(), chunk(3)); // cut off between chunks
    attacks.emplace_back(sealed.begin(), chunk(3) + 100);
    attacks.emplace_back(chunk(1), sealed.end()); // the first is gone
    attacks.emplace_back();
    attacks.push_back(sealed); // something behind it
    attacks.back().push_back(std::byte{0});
    attacks.push_back(encrypt(content, 2)); // another key
    for (std::size_t i = 0; i < attacks.size(); ++i)
        EXPECT_EQ(error_of([&] { decrypt(attacks[i]); }).errc(), StorageErrc::corrupt) << i;
}

TEST(BackupCipher, KeysDependOnEverything)
{
    BackupEncryption parameters = new_encryption();
    EXPECT_NE(parameters.salt, new_encryption().salt);
    parameters.scrypt_n = 16;
    const BackupKey key(parameters, "secret");
    EXPECT_EQ(key.authenticate("manifest"), BackupKey(parameters, "secret").authenticate("manifest"));
    EXPECT_NE(key.authenticate("manifest"), key.authenticate("manifesT"));
    EXPECT_NE(key.authenticate("manifest"), BackupKey(parameters, "secreT").authenticate("manifest"));
    const auto same = [](const SecretKey& a, const SecretKey& b) {
        return std::equal(a.data(), a.data() + SecretKey::size, b.data());
    };
    EXPECT_TRUE(same(key.for_component("graph"), key.for_component("graph")));
    EXPECT_FALSE(same(key.for_component("graph"), key.for_component("cache")));
    BackupEncryption salted = parameters;
    salted.salt.front() = salted.salt.front() == '0' ? '1' : '0';
    EXPECT_NE(key.authenticate("manifest"), BackupKey(salted, "secret").authenticate("manifest"));
}

TEST(BackupCipher, ParametersThatWouldTakeAllMemoryAreRefused)
{
    const BackupEncryption sound = new_encryption();
    const auto refused = [&](const std::function<void(BackupEncryption&)>& change) {
        BackupEncryption parameters = sound;
        change(parameters);
        EXPECT_STORAGE_ERROR(BackupKey(parameters, "x"), corrupt);
    };
    refused([](BackupEncryption& p) { p.scrypt_n = std::uint64_t{1} << 40; });
    refused([](BackupEncryption& p) { p.scrypt_n = 1000; });
    refused([](BackupEncryption& p) { p.scrypt_n = 0; });
    refused([](BackupEncryption& p) { p.scrypt_r = 1000000; });
    refused([](BackupEncryption& p) { p.scrypt_p = 0; });
    refused([](BackupEncryption& p) { p.salt.clear(); });
}

// ---- compression

Bytes compress(const Bytes& content)
{
    Collected out;
    CompressSink sink(out);
    feed(sink, content, 70001);
    return out.bytes;
}

Bytes decompress(const Bytes& packed, std::size_t piece, std::uint64_t promised)
{
    Collected out;
    LimitSink limit(out, promised, "file");
    DecompressSink sink(limit, "file");
    feed(sink, packed, piece);
    return out.bytes;
}

TEST(BackupCompression, ContentOfAnySizeComesBack)
{
    for (const std::size_t size : {0UL, 1UL, 100000UL, 3000000UL}) {
        Bytes content = random_bytes(size);
        content.resize(size * 3); // zeros compress well
        const Bytes packed = compress(content);
        EXPECT_LE(packed.size(), size + size / 10 + 100);
        EXPECT_EQ(decompress(packed, 1009, content.size()), content);
        EXPECT_EQ(decompress(packed, packed.size() + 1, content.size()), content);
    }
}

TEST(BackupCompression, WhatIsNoWholeFrameIsRefused)
{
    const Bytes content = random_bytes(100000);
    const Bytes packed = compress(content);
    const auto refused = [&](const Bytes& bytes, std::uint64_t promised) {
        EXPECT_STORAGE_ERROR(decompress(bytes, 1009, promised), corrupt);
    };
    refused(Bytes(packed.begin(), packed.end() - 1), content.size());
    refused(Bytes(), content.size());
    Bytes longer = packed;
    longer.push_back(std::byte{0});
    refused(longer, content.size());
    Bytes changed = packed;
    changed[changed.size() / 2] ^= std::byte{4};
    refused(changed, content.size());
    refused(packed, content.size() - 1); // grows beyond what was promised
    refused(packed, content.size() + 1);
    refused(compress(Bytes(50000000)), 1000);
}

// ---- retention

std::vector<Timestamp> times(const std::vector<const char*>& texts)
{
    std::vector<Timestamp> list;
    for (const char* text : texts)
        list.push_back(parse_timestamp(text));
    return list;
}

TEST(BackupRetention, RulesAddUp)
{
    const std::vector<Timestamp> made = times({"2026-03-10T12:00:00Z", "2026-03-10T06:00:00Z", "2026-03-09T23:59:59Z",
                                               "2026-03-09T00:00:00Z", "2026-03-08T12:00:00Z", "2026-03-01T12:00:00Z",
                                               "2026-02-28T12:00:00Z", "2026-02-01T12:00:00Z", "2025-12-31T12:00:00Z"});
    const auto kept = [&](const RetentionRules& rules) {
        std::string text;
        for (const bool one : kept_by(rules, made))
            text.push_back(one ? 'k' : '.');
        return text;
    };
    RetentionRules rules;
    EXPECT_TRUE(rules.keeps_nothing());
    EXPECT_EQ(kept(rules), ".........");
    rules.last = 2;
    EXPECT_EQ(kept(rules), "kk.......");
    rules.last = 100;
    EXPECT_EQ(kept(rules), "kkkkkkkkk");
    rules = RetentionRules{0, 3, 0, 0};
    EXPECT_EQ(kept(rules), "k.k.k....");
    rules = RetentionRules{0, 0, 3, 0}; // 9 March 2026 is a Monday, so is 23 February
    EXPECT_EQ(kept(rules), "k...kk...");
    rules = RetentionRules{0, 0, 0, 3};
    EXPECT_EQ(kept(rules), "k.....k.k");
    rules = RetentionRules{2, 2, 2, 2};
    EXPECT_EQ(kept(rules), "kkk.k.k..");
    EXPECT_TRUE(kept_by(rules, {}).empty());
}

} // namespace
} // namespace whisperstore::backup
