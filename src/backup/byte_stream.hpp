#pragma once
// Bytes on their way through hash, compression and encryption into a file. All of it blocks; one thread at a time.

#include "sqlite/stopper.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace whisperstore::backup {

/// Takes bytes in pieces. finish() comes once, after the last; without it what was written is of no use.
class ByteSink
{
public:
    virtual ~ByteSink() = default;
    virtual void write(std::span<const std::byte> bytes) = 0;
    virtual void finish() = 0;
};

/// The SHA-256 of what goes through.
class HashSink final : public ByteSink
{
public:
    /// \param next may be null: only the hash is wanted.
    explicit HashSink(ByteSink* next);
    ~HashSink() override;
    void write(std::span<const std::byte> bytes) override;
    void finish() override;
    const std::string& hex() const noexcept { return hex_; } ///< after finish()

private:
    struct Digest;
    ByteSink* const next_;
    const std::unique_ptr<Digest> digest_;
    std::string hex_;
};

/// A new file, 0600, durable after finish().
class FileSink final : public ByteSink
{
public:
    /// Throws StorageError already_exists, and those of file systems.
    explicit FileSink(std::filesystem::path path);
    ~FileSink() override;
    FileSink(const FileSink&) = delete;
    FileSink& operator=(const FileSink&) = delete;
    void write(std::span<const std::byte> bytes) override;
    void finish() override;
    std::uint64_t size() const noexcept { return size_; }

private:
    const std::filesystem::path path_;
    int file_ = -1;
    std::uint64_t size_ = 0;
};

/// Ends with StorageError corrupt when more bytes come than were promised: for data that grows when it is unpacked.
class LimitSink final : public ByteSink
{
public:
    LimitSink(ByteSink& next, std::uint64_t promised, std::string name);
    void write(std::span<const std::byte> bytes) override;
    void finish() override;

private:
    ByteSink& next_;
    std::uint64_t left_;
    const std::string name_;
};

/// Long work as others see it.
struct Watched
{
    sqlite::Stopper& stopper;
    std::atomic<std::uint64_t>& bytes; ///< counts what has been read
};

/// Sends a regular file (never a link) through, and finishes the sink. Throws StorageError not_found, unavailable.
void send_file(const std::filesystem::path& path, ByteSink& sink, const Watched& watched);

} // namespace whisperstore::backup
