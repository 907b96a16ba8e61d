#pragma once
// Which version two sides speak (neo4j.com/docs/bolt/current/bolt/handshake). Pure.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::bolt {

struct Version
{
    std::uint8_t major = 0;
    std::uint8_t minor = 0;
    friend auto operator<=>(const Version&, const Version&) = default;
    std::string to_string() const { return std::to_string(major) + "." + std::to_string(minor); }
};

inline constexpr Version oldest_version{4, 4};
inline constexpr Version newest_version{5, 8};

/// Whether this driver speaks it: 4.4 and 5.0 to 5.8.
bool is_spoken(Version version) noexcept;

/// What opens a conversation: the magic number and four offers, the manifest first, then 5.8 to 5.0, then 4.4.
std::string opening();

/// The server's side of it, read as it comes.
class Handshake
{
public:
    enum class Step : std::uint8_t
    {
        more, ///< bytes are missing
        done, ///< version() is agreed on; reply() is to be sent before anything else
    };
    /// \param bytes all that came so far. Throws Malformed where the server speaks none of ours, or no Bolt at all.
    Step read(std::string_view bytes);
    Version version() const noexcept { return version_; }
    /// What the manifest form has the client say; else empty.
    const std::string& reply() const noexcept { return reply_; }
    /// Bytes of the answer.
    std::size_t used() const noexcept { return used_; }

private:
    Step read_manifest(std::string_view bytes);
    Version version_;
    std::string reply_;
    std::size_t used_ = 0;
};

} // namespace whisperstore::bolt
