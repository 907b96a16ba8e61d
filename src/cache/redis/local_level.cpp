#include "cache/redis/local_level.hpp"

#include <algorithm>
#include <utility>

namespace whisperstore::redis {

LocalLevel::LocalLevel(std::size_t most_channels)
    : most_per_shard_(std::max<std::size_t>(1, most_channels / shard_count))
{
}

std::optional<LocalLevel::Messages> LocalLevel::find(const std::string& channel, std::size_t limit,
                                                     std::optional<std::int64_t> exclude)
{
    std::shared_ptr<const Messages> messages;
    {
        Shard& shard = shard_of(channel);
        const std::lock_guard lock(shard.mutex);
        const auto found = shard.entries.find(channel);
        if (found == shard.entries.end() || !found->second.messages)
            return std::nullopt;
        if (Clock::now() >= found->second.expires) {
            erase(shard, found);
            return std::nullopt;
        }
        shard.uses.splice(shard.uses.begin(), shard.uses, found->second.use);
        messages = found->second.messages;
    }
    Messages newest;
    newest.reserve(std::min(limit, messages->size()));
    for (auto message = messages->rbegin(); message != messages->rend() && newest.size() < limit; ++message)
        if ((*message)->message_id != exclude)
            newest.push_back(*message);
    std::reverse(newest.begin(), newest.end());
    return newest;
}

std::uint64_t LocalLevel::open(const std::string& channel, Clock::time_point expires)
{
    const std::uint64_t number = ++numbers_;
    Shard& shard = shard_of(channel);
    const std::lock_guard lock(shard.mutex);
    const auto [place, made] = shard.entries.try_emplace(channel);
    if (made) {
        shard.uses.push_front(&place->first);
        place->second.use = shard.uses.begin();
        ++size_;
    }
    place->second.number = number;
    place->second.expires = expires;
    place->second.messages = nullptr;
    if (shard.entries.size() > most_per_shard_)
        erase(shard, shard.entries.find(*shard.uses.back()));
    return number;
}

void LocalLevel::fill(const std::string& channel, std::uint64_t number, Messages messages)
{
    auto shared = std::make_shared<const Messages>(std::move(messages));
    Shard& shard = shard_of(channel);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.entries.find(channel);
    if (found != shard.entries.end() && found->second.number == number)
        found->second.messages = std::move(shared);
}

void LocalLevel::drop(std::string_view channel)
{
    Shard& shard = shard_of(channel);
    const std::lock_guard lock(shard.mutex);
    if (const auto found = shard.entries.find(channel); found != shard.entries.end())
        erase(shard, found);
}

void LocalLevel::drop_all()
{
    for (Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        size_ -= shard.entries.size();
        shard.uses.clear();
        shard.entries.clear();
    }
}

void LocalLevel::erase(Shard& shard, std::unordered_map<std::string, Entry, Hash, std::equal_to<>>::iterator entry)
{
    shard.uses.erase(entry->second.use);
    shard.entries.erase(entry);
    --size_;
}

} // namespace whisperstore::redis
