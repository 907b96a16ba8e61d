#pragma once
// Keys made of a passphrase (scrypt and HKDF of OpenSSL).

#include <whisperstore/backup/backup_manifest.hpp>

#include <array>
#include <string>
#include <string_view>

namespace whisperstore::backup {

/// A key that is wiped when it goes.
class SecretKey
{
public:
    static constexpr std::size_t size = 32;

    SecretKey() = default;
    ~SecretKey();
    SecretKey(const SecretKey&) = default;
    SecretKey& operator=(const SecretKey&) = default;

    unsigned char* data() noexcept { return bytes_.data(); }
    const unsigned char* data() const noexcept { return bytes_.data(); }

private:
    std::array<unsigned char, size> bytes_{};
};

/// Parameters for a new backup, with a salt of its own.
BackupEncryption new_encryption();

/// The key of one backup, and those made of it for its parts.
class BackupKey
{
public:
    /// Takes some tenths of a second and 64 MiB, which is what makes guessing slow. Throws StorageError corrupt for
    /// parameters that no backup of ours has, so that a manifest cannot make us take all memory.
    BackupKey(const BackupEncryption& parameters, std::string_view passphrase);

    /// Of the component with this type: no two have the same, so they cannot be exchanged.
    SecretKey for_component(std::string_view type) const;
    /// Lower-case hex HMAC-SHA256 of the text of a manifest.
    std::string authenticate(std::string_view manifest) const;

private:
    SecretKey derive(std::string_view purpose) const;

    SecretKey master_;
};

/// Compares without telling by the time taken where they differ.
bool same_secret(std::string_view left, std::string_view right) noexcept;

} // namespace whisperstore::backup
