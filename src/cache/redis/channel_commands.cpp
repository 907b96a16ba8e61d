#include "cache/redis/channel_commands.hpp"

#include "cache/message_json.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <utility>

namespace whisperstore::redis {

ChannelCommands::ChannelCommands(const Options& options)
    : keys_(options.key_prefix),
      max_messages_(std::to_string(options.max_messages)),
      timeout_(std::to_string(options.timeout.count()))
{
}

Command ChannelCommands::on_channel(const Script& script, const std::string& channel, Command::Effect effect,
                                    std::optional<std::int64_t> timeout) const
{
    const std::size_t bucket = ChannelKeys::bucket_of(channel);
    const std::string& tag = keys_.tag(bucket);
    Command command;
    command.script = &script;
    command.slot = keys_.slot(bucket);
    command.effect = effect;
    command.words = {"4",           tag + "c" + channel,
                     tag + "r",     tag + "e",
                     tag + "a",     channel,
                     max_messages_, timeout ? std::to_string(*timeout) : timeout_};
    return command;
}

Command ChannelCommands::get(const std::string& channel, std::size_t limit, std::optional<std::int64_t> exclude,
                             bool has_history, bool tracked) const
{
    const std::size_t bucket = ChannelKeys::bucket_of(channel);
    Command command;
    command.script = &scripts_.get;
    command.slot = keys_.slot(bucket);
    command.track = tracked;
    // More than any channel has; Lua's numbers end at 2^53.
    constexpr std::size_t all = 1'000'000'000;
    command.words = {"1",
                     keys_.tag(bucket) + "c" + channel,
                     std::to_string(std::min(limit, all)),
                     exclude ? sortable(*exclude) : "",
                     has_history ? "1" : "0",
                     tracked ? "1" : "0"};
    return command;
}

Command ChannelCommands::add(const UniversalMessage& message) const
{
    Command command = on_channel(scripts_.add, message.channel_id, Command::Effect::repeatable_write);
    command.words.push_back(sortable(message.timestamp));
    command.words.push_back(sortable(message.message_id));
    command.words.push_back(encode_message(message));
    return command;
}

Command ChannelCommands::remove(const std::string& channel, std::int64_t message_id) const
{
    Command command = on_channel(scripts_.remove, channel, Command::Effect::write);
    command.words.push_back(sortable(message_id));
    return command;
}

Command ChannelCommands::clear(const std::string& channel, bool tell_what_it_held) const
{
    Command command = on_channel(scripts_.clear, channel, Command::Effect::repeatable_write);
    command.words.emplace_back(tell_what_it_held ? "1" : "0");
    return command;
}

Command ChannelCommands::begin(const std::string& channel, const std::string& reading) const
{
    Command command = on_channel(scripts_.begin, channel, Command::Effect::repeatable_write);
    command.words.push_back(reading);
    return command;
}

Command ChannelCommands::fill(const std::string& channel, const std::string& reading, const Messages& history) const
{
    Command command = on_channel(scripts_.fill, channel, Command::Effect::repeatable_write);
    command.words.push_back(reading);
    for (const CachedMessage& message : history) {
        command.words.push_back(sortable(message->timestamp));
        command.words.push_back(sortable(message->message_id));
        command.words.push_back(encode_message(*message));
    }
    return command;
}

Command ChannelCommands::stats(std::size_t bucket) const
{
    const std::string& tag = keys_.tag(bucket);
    Command command;
    command.script = &scripts_.stats;
    command.slot = keys_.slot(bucket);
    command.effect = Command::Effect::repeatable_write; // it tidies up
    command.words = {"4", tag + "c", tag + "r", tag + "e", tag + "a"};
    return command;
}

Command ChannelCommands::most_active(std::size_t bucket, std::size_t most) const
{
    Command command;
    command.slot = keys_.slot(bucket);
    command.words = {"ZREVRANGE", keys_.tag(bucket) + "a", "0", std::to_string(most - 1), "WITHSCORES"};
    return command;
}

Command ChannelCommands::scan(std::size_t bucket, const std::string& cursor) const
{
    Command command;
    command.slot = keys_.slot(bucket);
    command.words = {"HSCAN", keys_.tag(bucket) + "r", cursor, "COUNT", "512"};
    return command;
}

Command ChannelCommands::dump(const std::string& channel) const
{
    return on_channel(scripts_.dump, channel, Command::Effect::read);
}

Command ChannelCommands::restore(const std::string& channel, bool warm, std::int64_t timeout,
                                 const Messages& messages) const
{
    Command command = on_channel(scripts_.load, channel, Command::Effect::repeatable_write, timeout);
    command.words.emplace_back(warm ? "1" : "0");
    for (const CachedMessage& message : messages) {
        command.words.push_back(sortable(message->timestamp));
        command.words.push_back(sortable(message->message_id));
        command.words.push_back(encode_message(*message));
    }
    return command;
}

void ChannelCommands::add_messages(const std::string& channel, Reply& reply, Messages& into)
{
    for (Reply& item : reply.items)
        add_message(channel, item, into);
}

void ChannelCommands::add_message(const std::string& channel, Reply& item, Messages& into)
{
    if (item.kind == Reply::Kind::list)
        return add_messages(channel, item, into);
    if (item.kind != Reply::Kind::text)
        throw StorageError(StorageErrc::corrupt,
                           "channel '" + channel + "' in Redis lacks a message of its order; clear the channel");
    into.push_back(decoder_->decode(channel, std::move(item.text)));
}

ChannelCommands::Messages ChannelCommands::messages(const std::string& channel, Reply& reply, std::size_t first)
{
    Messages messages;
    for (std::size_t i = first; i < reply.items.size(); ++i)
        add_message(channel, reply.items[i], messages);
    return messages;
}

} // namespace whisperstore::redis
