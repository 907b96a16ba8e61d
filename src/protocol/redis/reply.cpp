#include "protocol/redis/reply.hpp"

#include <whisperstore/core/error.hpp>

#include <charconv>
#include <utility>

namespace whisperstore::redis {

const Reply* Reply::find(std::string_view key) const noexcept
{
    if (kind != Kind::list)
        return nullptr;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2)
        if (items[i].kind == Kind::text && items[i].text == key)
            return &items[i + 1];
    return nullptr;
}

std::int64_t Reply::number() const
{
    if (kind == Kind::integer)
        return integer;
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    if (kind == Kind::text) {
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        if (error == std::errc() && stop == end)
            return value;
    }
    throw StorageError(StorageErrc::corrupt, "the server answered with something else where a number was expected");
}

Reply& ReplyBuilder::place(std::size_t depth)
{
    if (!std::exchange(begun_, true) || depth == 0)
        return root_;
    // The open list of each level is the last one of the level above.
    Reply* list = &root_;
    for (std::size_t level = 1; level < depth; ++level)
        list = &list->items.back();
    return list->items.emplace_back();
}

void ReplyBuilder::add_list(std::size_t depth) { place(depth).kind = Reply::Kind::list; }

void ReplyBuilder::add(std::size_t depth, Reply value) { place(depth) = std::move(value); }

Reply ReplyBuilder::take()
{
    begun_ = false;
    return std::exchange(root_, Reply());
}

} // namespace whisperstore::redis
