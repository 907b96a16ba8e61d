#pragma once
// Which node of a Redis Cluster owns which slot.

#include "protocol/redis/reply.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::redis {

constexpr std::size_t slot_count = 16384;

/// CRC16 (XMODEM) of the key, or of what stands between its first `{` and the next `}` if that is not empty.
std::uint16_t key_slot(std::string_view key) noexcept;

/// Nodes are named host:port. Not thread safe.
class SlotMap
{
public:
    /// Nobody owns anything.
    static SlotMap none() { return SlotMap(); }

    struct Shard
    {
        std::string master; ///< empty: none now
        std::vector<std::string> replicas = {};
    };

    /// From CLUSTER SHARDS (Redis 7). `asked`: the host of the node that answered, for those that do not know their
    /// own. With `tls` its TLS ports. \throws StorageError corrupt
    static SlotMap of_shards(const Reply& reply, std::string_view asked, bool tls);
    /// From CLUSTER SLOTS, where the ports are of the kind the connection has.
    static SlotMap of_slots(const Reply& reply, std::string_view asked);

    /// Null: nobody owns it.
    const Shard* owner(std::uint16_t slot) const noexcept;
    /// What a MOVED says.
    void move(std::uint16_t slot, const std::string& master);
    /// All masters and replicas, each once.
    std::vector<std::string> nodes() const;
    /// Those that own slots, each once, sorted.
    std::vector<std::string> masters() const;
    bool empty() const noexcept { return shards_.empty(); }
    std::size_t covered() const noexcept;

private:
    static constexpr std::uint16_t nobody = 0xffff;
    SlotMap() { owners_.fill(nobody); }
    void assign(std::int64_t first, std::int64_t last, std::size_t shard);

    std::vector<Shard> shards_;
    std::array<std::uint16_t, slot_count> owners_;
};

} // namespace whisperstore::redis
