#pragma once
// Encryption of a component: AES-256-GCM in chunks (docs/archive-format.md), so that it streams and that chunks which
// were changed, removed, moved or doubled are found.

#include "backup/backup_key.hpp"
#include "backup/byte_stream.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore::backup {

inline constexpr std::size_t cipher_chunk_bytes = 65536; ///< of content; the last chunk has what is left
inline constexpr std::size_t cipher_tag_bytes = 16;

class CipherContext;

class EncryptSink final : public ByteSink
{
public:
    EncryptSink(ByteSink& next, const SecretKey& key);
    ~EncryptSink() override;
    void write(std::span<const std::byte> bytes) override;
    void finish() override;

private:
    void seal(bool last);

    ByteSink& next_;
    const std::unique_ptr<CipherContext> context_;
    std::vector<std::byte> chunk_;
    std::vector<std::byte> sealed_;
    std::uint64_t number_ = 0;
};

/// Throws StorageError corrupt naming `name` for anything that was not written like this with this key.
class DecryptSink final : public ByteSink
{
public:
    DecryptSink(ByteSink& next, const SecretKey& key, std::string name);
    ~DecryptSink() override;
    void write(std::span<const std::byte> bytes) override;
    void finish() override;

private:
    void open(bool last);

    ByteSink& next_;
    const std::unique_ptr<CipherContext> context_;
    const std::string name_;
    std::vector<std::byte> sealed_;
    std::vector<std::byte> chunk_;
    std::uint64_t number_ = 0;
};

} // namespace whisperstore::backup
