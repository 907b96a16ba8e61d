#include "protocol/redis/slot_map.hpp"

#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <utility>

namespace whisperstore::redis {

namespace {

constexpr std::array<std::uint16_t, 256> crc_table = [] {
    std::array<std::uint16_t, 256> table{};
    for (unsigned value = 0; value < 256; ++value) {
        unsigned crc = value << 8U;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ 0x1021U : crc << 1U;
        table[value] = static_cast<std::uint16_t>(crc & 0xffffU);
    }
    return table;
}();

[[noreturn]] void refuse(const char* what)
{
    throw StorageError(StorageErrc::corrupt, std::string("the server's map of the cluster cannot be read: ") + what);
}

std::string node_name(const std::string& host, std::int64_t port)
{
    if (port <= 0 || port > 65535)
        refuse("a node has no port");
    return HostPort{host, static_cast<std::uint16_t>(port)}.to_string();
}

/// Nodes that do not know how they are reached say nothing, or "?".
std::string host_of(const Reply* host, std::string_view asked)
{
    if (!host || host->kind != Reply::Kind::text || host->text.empty() || host->text == "?")
        return std::string(asked);
    return host->text;
}

} // namespace

std::uint16_t key_slot(std::string_view key) noexcept
{
    if (const std::size_t open = key.find('{'); open != std::string_view::npos)
        if (const std::size_t close = key.find('}', open + 1); close != std::string_view::npos && close != open + 1)
            key = key.substr(open + 1, close - open - 1);
    unsigned crc = 0;
    for (const char character : key)
        crc = ((crc << 8U) ^ crc_table[((crc >> 8U) ^ static_cast<unsigned char>(character)) & 0xffU]) & 0xffffU;
    return static_cast<std::uint16_t>(crc % slot_count);
}

void SlotMap::assign(std::int64_t first, std::int64_t last, std::size_t shard)
{
    if (first < 0 || last < first || last >= static_cast<std::int64_t>(slot_count))
        refuse("a range of slots is impossible");
    for (std::int64_t slot = first; slot <= last; ++slot)
        owners_[static_cast<std::size_t>(slot)] = static_cast<std::uint16_t>(shard);
}

SlotMap SlotMap::of_shards(const Reply& reply, std::string_view asked, bool tls)
{
    if (reply.kind != Reply::Kind::list)
        refuse("it is no list");
    SlotMap map;
    for (const Reply& entry : reply.items) {
        const Reply* slots = entry.find("slots");
        const Reply* nodes = entry.find("nodes");
        if (!slots || !nodes)
            refuse("a shard has no slots or nodes");
        Shard shard;
        for (const Reply& node : nodes->items) {
            const Reply* role = node.find("role");
            const Reply* health = node.find("health");
            const Reply* port = node.find(tls ? "tls-port" : "port");
            const Reply* endpoint = node.find("endpoint");
            if (!port)
                port = node.find("port");
            if (!role || !port)
                refuse("a node has no role or port");
            const bool master = role->text == "master";
            // Of a shard that failed over both may say master; the failed one is the old.
            if (health && health->text == "fail")
                continue;
            const Reply* host =
                endpoint && endpoint->text != "?" && !endpoint->text.empty() ? endpoint : node.find("ip");
            std::string name = node_name(host_of(host, asked), port->number());
            if (master)
                shard.master = std::move(name);
            else
                shard.replicas.push_back(std::move(name));
        }
        if (slots->items.empty())
            continue;
        map.shards_.push_back(std::move(shard));
        for (std::size_t i = 0; i + 1 < slots->items.size(); i += 2)
            map.assign(slots->items[i].number(), slots->items[i + 1].number(), map.shards_.size() - 1);
    }
    return map;
}

SlotMap SlotMap::of_slots(const Reply& reply, std::string_view asked)
{
    if (reply.kind != Reply::Kind::list)
        refuse("it is no list");
    SlotMap map;
    for (const Reply& entry : reply.items) {
        if (entry.items.size() < 3)
            refuse("a range has no node");
        Shard shard;
        for (std::size_t i = 2; i < entry.items.size(); ++i) {
            const Reply& node = entry.items[i];
            if (node.items.size() < 2)
                refuse("a node has no port");
            std::string name = node_name(host_of(node.items.data(), asked), node.items[1].number());
            if (i == 2)
                shard.master = std::move(name);
            else
                shard.replicas.push_back(std::move(name));
        }
        map.shards_.push_back(std::move(shard));
        map.assign(entry.items[0].number(), entry.items[1].number(), map.shards_.size() - 1);
    }
    return map;
}

const SlotMap::Shard* SlotMap::owner(std::uint16_t slot) const noexcept
{
    const std::uint16_t shard = owners_[slot % slot_count];
    return shard == nobody ? nullptr : &shards_[shard];
}

void SlotMap::move(std::uint16_t slot, const std::string& master)
{
    auto shard = std::find_if(shards_.begin(), shards_.end(), [&](const Shard& one) { return one.master == master; });
    if (shard == shards_.end()) {
        shards_.push_back(Shard{master});
        shard = shards_.end() - 1;
    }
    owners_[slot % slot_count] = static_cast<std::uint16_t>(shard - shards_.begin());
}

namespace {

std::vector<std::string> each_once(std::vector<std::string> names)
{
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

} // namespace

std::vector<std::string> SlotMap::nodes() const
{
    std::vector<std::string> names;
    for (const Shard& shard : shards_) {
        if (!shard.master.empty())
            names.push_back(shard.master);
        names.insert(names.end(), shard.replicas.begin(), shard.replicas.end());
    }
    return each_once(std::move(names));
}

std::vector<std::string> SlotMap::masters() const
{
    std::vector<std::string> names;
    std::uint16_t last = nobody;
    for (const std::uint16_t owner : owners_)
        if (owner != nobody && std::exchange(last, owner) != owner && !shards_[owner].master.empty())
            names.push_back(shards_[owner].master);
    return each_once(std::move(names));
}

std::size_t SlotMap::covered() const noexcept
{
    return static_cast<std::size_t>(
        std::count_if(owners_.begin(), owners_.end(), [](std::uint16_t owner) { return owner != nobody; }));
}

} // namespace whisperstore::redis
