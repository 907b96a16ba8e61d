#pragma once
// What a Redis server's errors mean.

#include <whisperstore/core/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace whisperstore::redis {

/// What is to be done about an error; https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
enum class Remedy : std::uint8_t
{
    none,          ///< it is the caller's
    moved,         ///< the slot has another owner: `slot`, `node`
    ask,           ///< this once at `node`, after ASKING
    wait,          ///< the same again in a moment: TRYAGAIN, LOADING, BUSY, MASTERDOWN
    look_again,    ///< in a moment, with a fresh map of the slots: CLUSTERDOWN, READONLY
    send_script,   ///< NOSCRIPT
    connect_again, ///< this connection is not accepted (any more): NOAUTH
};

struct ServerError
{
    Remedy remedy = Remedy::none;
    std::string prefix = {}; ///< the first word: "MOVED", "WRONGTYPE", "ERR"
    int slot = -1;
    std::string node = {}; ///< host:port; the host may be empty: that of the node which answered

    static ServerError parse(std::string_view message);
};

/// The error for the caller, `prefix` its native code.
StorageError to_storage_error(const ServerError& error, std::string_view message);

} // namespace whisperstore::redis
