#pragma once
// The operations on a channel as commands, and what their answers say.

#include "cache/redis/call.hpp"
#include "cache/redis/channel_keys.hpp"
#include "cache/redis/message_codec.hpp"
#include "cache/redis/options.hpp"
#include "cache/redis/script.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore::redis {

/// Thread safe.
class ChannelCommands
{
public:
    using Messages = std::vector<CachedMessage>;

    explicit ChannelCommands(const Options& options);

    /// The newest `limit` messages; `tracked` with the time left, and told of changes.
    Command get(const std::string& channel, std::size_t limit, std::optional<std::int64_t> exclude, bool has_history,
                bool tracked) const;
    Command add(const UniversalMessage& message) const;
    Command remove(const std::string& channel, std::int64_t message_id) const;
    Command clear(const std::string& channel, bool tell_what_it_held) const;
    /// Begins the reading of a cold channel's history under a name.
    Command begin(const std::string& channel, const std::string& reading) const;
    Command fill(const std::string& channel, const std::string& reading, const Messages& history) const;
    Command stats(std::size_t bucket) const;
    Command most_active(std::size_t bucket, std::size_t most) const;
    Command scan(std::size_t bucket, const std::string& cursor) const;
    Command dump(const std::string& channel) const;
    /// `timeout`: what is left of it.
    Command restore(const std::string& channel, bool warm, std::int64_t timeout, const Messages& messages) const;

    /// The messages in an answer from `first` on, also those in lists. \throws StorageError corrupt, version_mismatch
    Messages messages(const std::string& channel, Reply& reply, std::size_t first);

    const ChannelKeys& keys() const noexcept { return keys_; }

private:
    void add_message(const std::string& channel, Reply& item, Messages& into);
    void add_messages(const std::string& channel, Reply& reply, Messages& into);
    Command on_channel(const Script& script, const std::string& channel, Command::Effect effect,
                       std::optional<std::int64_t> timeout = std::nullopt) const;

    const ChannelKeys keys_;
    const std::string max_messages_;
    const std::string timeout_;
    const Scripts& scripts_ = Scripts::all();
    const std::unique_ptr<MessageDecoder> decoder_ = std::make_unique<MessageDecoder>();
};

} // namespace whisperstore::redis
