#pragma once
// What a cache archive holds, in a form in which two of them can be compared: on the disk, as there may be many
// channels.

#include "core/content_hash.hpp"
#include "migration/element_index.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::migration {

struct CachedChannel
{
    bool warm = false;
    std::string messages; ///< their SHA-256 one after the other, the oldest first

    /// Whether these are the newest messages of the other channel, or all of them.
    bool is_newest_part_of(const CachedChannel& other) const;
    std::uint64_t count() const noexcept;
};

/// One thread at a time; blocks.
class CachedChannels
{
public:
    /// Reads an archive.
    CachedChannels(const std::filesystem::path& archive, const std::filesystem::path& index);

    const ContentHash& channels() const noexcept { return channels_; }
    const ContentHash& messages() const noexcept { return messages_; }

    std::optional<CachedChannel> find(std::string_view id);
    /// Each channel, in the order of the ids, until `look` returns false.
    void each(const std::function<bool(const std::string& id, const CachedChannel& channel)>& look);
    /// Ids behind this one, `most` at most, in their order.
    std::vector<std::string> ids(std::string_view after, std::size_t most);

private:
    ElementIndex by_id_;
    ContentHash channels_;
    ContentHash messages_;
};

} // namespace whisperstore::migration
