#pragma once
// Archives of a conversation cache (docs/archive-format.md). All of it blocks.

#include "sqlite/connection.hpp"
#include "sqlite/files.hpp"
#include "sqlite/stopper.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore {

struct ArchivedChannel
{
    std::string id;
    bool warm = false; ///< filled from the history
    Timestamp expires{};
    std::vector<CachedMessage> messages = {}; ///< oldest first
};

/// One archive in the making, which appears whole or not at all. One thread at a time.
class CacheArchiveWriter
{
public:
    /// \throws StorageError already_exists
    CacheArchiveWriter(const std::filesystem::path& file, const std::string& backend);
    void add(const ArchivedChannel& channel);
    void finish();
    void stop() noexcept { stopper_.stop(); }

private:
    sqlite::PartialFile partial_;
    sqlite::Stopper stopper_;
    std::unique_ptr<sqlite::Connection> connection_;
    std::int64_t channels_ = 0;
};

/// One thread at a time.
class CacheArchiveReader
{
public:
    CacheArchiveReader(std::filesystem::path file, std::string backend);
    /// Opens it and checks all of it. \throws StorageError not_found, corrupt, version_mismatch
    void open();
    /// The next channels, `most` at most; none at the end.
    std::vector<ArchivedChannel> read(std::size_t most);
    void stop() noexcept { stopper_.stop(); }

private:
    ArchivedChannel read_channel(std::int64_t number);
    [[noreturn]] void damaged(const std::string& what) const;

    const std::filesystem::path file_;
    const std::string backend_;
    sqlite::Stopper stopper_;
    std::unique_ptr<sqlite::Connection> connection_;
    std::int64_t last_ = 0;
};

} // namespace whisperstore
