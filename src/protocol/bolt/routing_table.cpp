#include "protocol/bolt/routing_table.hpp"

#include "protocol/bolt/failure.hpp"
#include "protocol/bolt/responses.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>

namespace whisperstore::bolt {

namespace {

const List& list_in(const Map& map, std::string_view name)
{
    const Value* value = map.find(name);
    const auto* list = value ? value->get_if<List>() : nullptr;
    if (!list)
        throw Malformed{"the server's routing table has no list of " + std::string(name)};
    return *list;
}

HostPort address_of(const Value& value)
{
    const auto* text = value.get_if<std::string>();
    try {
        if (text)
            return with_port(HostPort::parse(*text));
    } catch (const StorageError&) {
        // as if it were none
    }
    throw Malformed{"the server's routing table has an address that is none"};
}

} // namespace

HostPort with_port(HostPort address)
{
    if (!address.port)
        address.port = default_port;
    return address;
}

RoutingTable RoutingTable::read(const Map& rt, Time now)
{
    RoutingTable out;
    out.database = find_text(rt, "db");
    constexpr std::int64_t longest = 24 * 60 * 60;
    const std::int64_t ttl = find_int(rt, "ttl").value_or(0);
    out.expires = now + std::chrono::seconds(std::clamp<std::int64_t>(ttl, 0, longest));
    for (const Value& server : list_in(rt, "servers")) {
        const auto* entry = server.get_if<Map>();
        if (!entry)
            throw Malformed{"the server's routing table has an entry that is no map"};
        const std::string_view role = find_text(*entry, "role");
        std::vector<HostPort>* const list = role == "ROUTE"   ? &out.routers
                                            : role == "READ"  ? &out.readers
                                            : role == "WRITE" ? &out.writers
                                                              : nullptr;
        if (!list)
            continue; // a role of later servers
        for (const Value& address : list_in(*entry, "addresses"))
            list->push_back(address_of(address));
    }
    return out;
}

bool RoutingTable::is_fresh(AccessMode mode, Time now) const noexcept
{
    return now < expires && !routers.empty() && !servers(mode).empty();
}

bool RoutingTable::knows(const HostPort& server) const noexcept
{
    const auto has = [&](const std::vector<HostPort>& list) {
        return std::find(list.begin(), list.end(), server) != list.end();
    };
    return has(routers) || has(readers) || has(writers);
}

void RoutingTable::forget(const HostPort& server)
{
    std::erase(routers, server);
    std::erase(readers, server);
    std::erase(writers, server);
}

void RoutingTable::forget_writer(const HostPort& server) { std::erase(writers, server); }

} // namespace whisperstore::bolt
