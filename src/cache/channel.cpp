#include "cache/channel.hpp"

#include <algorithm>
#include <utility>

namespace whisperstore {

namespace {

// Removals a cold channel remembers at least before anybody reads its history.
constexpr std::size_t min_remembered_removals = 1024;

std::size_t heap_bytes(const std::string& text) noexcept
{
    static const std::size_t inline_capacity = std::string().capacity();
    return text.capacity() > inline_capacity ? text.capacity() + 1 : 0;
}

std::size_t heap_bytes(const json::value& value) noexcept;

std::size_t heap_bytes(const json::array& array) noexcept
{
    std::size_t bytes = array.capacity() * sizeof(json::value);
    for (const json::value& item : array)
        bytes += heap_bytes(item);
    return bytes;
}

std::size_t heap_bytes(const json::object& object) noexcept
{
    std::size_t bytes = object.capacity() * (sizeof(json::key_value_pair) + sizeof(std::uint32_t));
    for (const auto& item : object)
        bytes += item.key().size() + 1 + heap_bytes(item.value());
    return bytes;
}

std::size_t heap_bytes(const json::value& value) noexcept
{
    switch (value.kind()) {
    case json::kind::string:
        return value.get_string().capacity() + 1;
    case json::kind::array:
        return heap_bytes(value.get_array());
    case json::kind::object:
        return heap_bytes(value.get_object());
    default:
        return 0;
    }
}

} // namespace

std::size_t estimated_bytes(const UniversalMessage& message) noexcept
{
    // The reference counts beside the message, the entry in the deque, the slot in the id index.
    constexpr std::size_t fixed = sizeof(UniversalMessage) + 2 * sizeof(long) + 40 + 24;
    return fixed + heap_bytes(message.channel_id) + heap_bytes(message.user_id) + heap_bytes(message.username) +
           heap_bytes(message.content) + heap_bytes(message.attachments) + heap_bytes(message.metadata);
}

void Channel::add(CachedMessage message)
{
    forget_removal(message->message_id);
    if (const auto old = find(message->message_id); old != entries_.end())
        erase(old);
    insert(std::move(message));
    trim();
    live_ = true;
}

bool Channel::remove(std::int64_t message_id)
{
    // A warm channel asks for no history until it is forgotten whole, removals included.
    if (!warm_)
        remember_removal(message_id);
    const auto found = find(message_id);
    if (found == entries_.end())
        return false;
    erase(found);
    return true;
}

void Channel::fill(std::vector<CachedMessage> history)
{
    for (CachedMessage& message : history)
        if (!times_.contains(message->message_id) && !removed_.contains(message->message_id))
            insert(std::move(message));
    trim();
    removed_.clear();
    removal_order_.clear();
    fill_expected_ = false;
    warm_ = true;
    live_ = true;
}

void Channel::expect_fill(bool expected)
{
    fill_expected_ = expected;
    trim_removals();
}

std::vector<CachedMessage> Channel::newest(std::size_t limit, std::optional<std::int64_t> exclude) const
{
    std::vector<CachedMessage> messages;
    messages.reserve(std::min(limit, entries_.size()));
    for (auto entry = entries_.rbegin(); entry != entries_.rend() && messages.size() < limit; ++entry)
        if (entry->id != exclude)
            messages.push_back(entry->message);
    std::reverse(messages.begin(), messages.end());
    return messages;
}

Channel::Entries::iterator Channel::find(std::int64_t message_id)
{
    const auto time = times_.find(message_id);
    if (time == times_.end())
        return entries_.end();
    return std::lower_bound(entries_.begin(), entries_.end(), std::pair(time->second, message_id),
                            [](const Entry& entry, const std::pair<Timestamp, std::int64_t>& key) {
                                return std::pair(entry.timestamp, entry.id) < key;
                            });
}

void Channel::insert(CachedMessage message)
{
    Entry entry{message->timestamp, message->message_id, estimated_bytes(*message), nullptr};
    const auto after = std::upper_bound(entries_.begin(), entries_.end(), entry, [](const Entry& a, const Entry& b) {
        return std::pair(a.timestamp, a.id) < std::pair(b.timestamp, b.id);
    });
    entry.message = std::move(message);
    bytes_ += entry.bytes;
    times_.emplace(entry.id, entry.timestamp);
    entries_.insert(after, std::move(entry));
}

void Channel::erase(Entries::iterator at)
{
    bytes_ -= at->bytes;
    times_.erase(at->id);
    entries_.erase(at);
}

void Channel::trim()
{
    while (entries_.size() > max_messages_)
        erase(entries_.begin());
}

void Channel::remember_removal(std::int64_t message_id)
{
    if (!removed_.insert(message_id).second)
        return;
    removal_order_.push_back(message_id);
    trim_removals();
}

void Channel::trim_removals()
{
    if (fill_expected_)
        return;
    while (removal_order_.size() > std::max(min_remembered_removals, max_messages_)) {
        removed_.erase(removal_order_.front());
        removal_order_.pop_front();
    }
}

void Channel::forget_removal(std::int64_t message_id)
{
    if (removed_.erase(message_id) != 0)
        std::erase(removal_order_, message_id);
}

} // namespace whisperstore
