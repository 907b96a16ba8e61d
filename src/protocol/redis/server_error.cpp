#include "protocol/redis/server_error.hpp"

#include <charconv>
#include <utility>

namespace whisperstore::redis {

namespace {

struct Meaning
{
    std::string_view prefix;
    Remedy remedy;
    StorageErrc code;
    std::string_view advice;
};

// In Lua's own errors the prefix of what a command answered comes first, too.
constexpr Meaning meanings[] = {
    {"MOVED", Remedy::moved, StorageErrc::unavailable, ""},
    {"ASK", Remedy::ask, StorageErrc::unavailable, ""},
    {"TRYAGAIN", Remedy::wait, StorageErrc::unavailable, "; the slot is being moved, try again"},
    {"LOADING", Remedy::wait, StorageErrc::unavailable, "; it is reading its data, try again later"},
    {"BUSY", Remedy::wait, StorageErrc::unavailable, ""},
    {"MASTERDOWN", Remedy::look_again, StorageErrc::unavailable, ""},
    {"CLUSTERDOWN", Remedy::look_again, StorageErrc::unavailable, "; the cluster does not serve this slot now"},
    {"READONLY", Remedy::look_again, StorageErrc::unavailable, "; the server is a replica, connect to its master"},
    {"NOSCRIPT", Remedy::send_script, StorageErrc::unavailable, ""},
    {"UNKILLABLE", Remedy::wait, StorageErrc::unavailable, ""},
    {"NOAUTH", Remedy::connect_again, StorageErrc::authentication, "; set REDIS_PASSWORD"},
    {"WRONGPASS", Remedy::none, StorageErrc::authentication, "; check REDIS_USERNAME and REDIS_PASSWORD"},
    {"NOPERM", Remedy::none, StorageErrc::permission, "; the user's access list has to allow this command and key"},
    {"DENIED", Remedy::none, StorageErrc::permission, ""},
    {"OOM", Remedy::none, StorageErrc::resource_exhausted,
     "; raise the server's maxmemory, or let it evict (maxmemory-policy allkeys-lru)"},
    {"MISCONF", Remedy::none, StorageErrc::unavailable, ""},
    {"NOTREPLICATED", Remedy::none, StorageErrc::unavailable, "; the master has it, a failover may lose it"},
    {"NOREPLICAS", Remedy::wait, StorageErrc::unavailable, ""},
    {"WRONGTYPE", Remedy::none, StorageErrc::corrupt,
     "; something else wrote this key, choose another REDIS_KEY_PREFIX"},
    {"CORRUPT", Remedy::none, StorageErrc::corrupt, "; clear this channel"},
    {"VERSION", Remedy::none, StorageErrc::version_mismatch,
     "; a newer whisperstore wrote this channel: upgrade this one, or clear the channel"},
};

} // namespace

ServerError ServerError::parse(std::string_view message)
{
    ServerError error;
    const std::size_t end = message.find(' ');
    error.prefix = std::string(message.substr(0, end));
    for (const Meaning& meaning : meanings)
        if (meaning.prefix == error.prefix)
            error.remedy = meaning.remedy;
    // The user's password is not known yet, or no longer: "ERR AUTH <password> called without any password configured".
    if (error.remedy != Remedy::moved && error.remedy != Remedy::ask)
        return error;
    // MOVED <slot> <host>:<port>
    const std::size_t middle = message.find(' ', end + 1);
    if (end == std::string_view::npos || middle == std::string_view::npos) {
        error.remedy = Remedy::look_again;
        return error;
    }
    const std::string_view slot = message.substr(end + 1, middle - end - 1);
    std::from_chars(slot.data(), slot.data() + slot.size(), error.slot);
    error.node = std::string(message.substr(middle + 1));
    if (error.slot < 0 || error.slot >= 16384 || error.node.rfind(':') == std::string::npos)
        error.remedy = Remedy::look_again;
    return error;
}

StorageError to_storage_error(const ServerError& error, std::string_view message)
{
    StorageErrc code = StorageErrc::unavailable;
    std::string_view advice;
    bool known = false;
    for (const Meaning& meaning : meanings)
        if (meaning.prefix == error.prefix) {
            known = true;
            code = meaning.code;
            advice = meaning.advice;
        }
    ErrorDetails details;
    details.native_code = error.prefix;
    details.retryable = known && is_transient(code);
    if (error.prefix == "NOTREPLICATED")
        details.outcome = Outcome::applied;
    if (!known)
        code = StorageErrc::unsupported; // "ERR unknown command": the server is too old, or a proxy
    std::string text = "the server answered: ";
    text.append(message).append(advice);
    return StorageError(code, std::move(text), std::move(details));
}

} // namespace whisperstore::redis
