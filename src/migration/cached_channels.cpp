#include "migration/cached_channels.hpp"

#include "cache/cache_archive.hpp"
#include "cache/message_json.hpp"
#include "core/hash.hpp"

#include <utility>

namespace whisperstore::migration {

namespace {

constexpr std::size_t channels_at_once = 64;
constexpr std::size_t hash_size = 64; // digits

CachedChannel channel_in(std::string text)
{
    CachedChannel channel;
    channel.warm = text.at(0) == '1';
    text.erase(0, 1);
    channel.messages = std::move(text);
    return channel;
}

} // namespace

bool CachedChannel::is_newest_part_of(const CachedChannel& other) const
{
    return other.messages.ends_with(messages) && other.messages.empty() == messages.empty();
}

std::uint64_t CachedChannel::count() const noexcept { return messages.size() / hash_size; }

CachedChannels::CachedChannels(const std::filesystem::path& archive, const std::filesystem::path& index) : by_id_(index)
{
    CacheArchiveReader reader(archive, "migration");
    reader.open();
    while (true) {
        const std::vector<ArchivedChannel> some = reader.read(channels_at_once);
        if (some.empty())
            return;
        for (const ArchivedChannel& channel : some) {
            channels_.add(channel.id);
            channels_.add(ValueView(channel.warm));
            channels_.end_row();
            std::string stored = channel.warm ? "1" : "0";
            for (const CachedMessage& message : channel.messages) {
                const std::string text = encode_message(*message);
                stored += sha256_hex(text);
                messages_.add(channel.id);
                messages_.add(text);
                messages_.end_row();
            }
            by_id_.put(channel.id, stored);
        }
    }
}

std::optional<CachedChannel> CachedChannels::find(std::string_view id)
{
    std::optional<std::string> text = by_id_.find(id);
    return text ? std::optional(channel_in(std::move(*text))) : std::nullopt;
}

void CachedChannels::each(const std::function<bool(const std::string& id, const CachedChannel& channel)>& look)
{
    std::vector<ElementIndex::Element> some;
    do {
        some = by_id_.behind(some.empty() ? std::string() : some.back().key, channels_at_once);
        for (ElementIndex::Element& element : some)
            if (!look(element.key, channel_in(std::move(element.text))))
                return;
    } while (!some.empty());
}

std::vector<std::string> CachedChannels::ids(std::string_view after, std::size_t most)
{
    std::vector<std::string> ids;
    for (ElementIndex::Element& element : by_id_.behind(after, most))
        ids.push_back(std::move(element.key));
    return ids;
}

} // namespace whisperstore::migration
