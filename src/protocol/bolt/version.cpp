#include "protocol/bolt/version.hpp"

#include "protocol/bolt/failure.hpp"

#include <algorithm>
#include <optional>

namespace whisperstore::bolt {

using namespace std::string_view_literals;

namespace {

std::uint8_t byte_at(std::string_view bytes, std::size_t at) noexcept { return static_cast<std::uint8_t>(bytes[at]); }

/// A base-128 number, least significant part first; nothing where it is not complete.
std::optional<std::uint64_t> read_number(std::string_view bytes, std::size_t& at)
{
    std::uint64_t value = 0;
    for (unsigned shift = 0; at < bytes.size(); shift += 7) {
        if (shift > 56)
            throw Malformed{"the server's list of versions has a number too large to be one"};
        const std::uint8_t next = byte_at(bytes, at++);
        value |= std::uint64_t(next & 0x7FU) << shift;
        if ((next & 0x80U) == 0)
            return value;
    }
    return std::nullopt;
}

} // namespace

bool is_spoken(Version version) noexcept
{
    return version == Version{4, 4} || (version.major == 5 && version.minor <= newest_version.minor);
}

std::string opening()
{
    return std::string("\x60\x60\xB0\x17"
                       "\x00\x00\x01\xFF"
                       "\x00\x08\x08\x05"
                       "\x00\x00\x04\x04"
                       "\x00\x00\x00\x00"sv);
}

Handshake::Step Handshake::read(std::string_view bytes)
{
    if (bytes.size() < 4)
        return Step::more;
    const std::string_view answer = bytes.substr(0, 4);
    if (answer == "HTTP"sv)
        throw Malformed{"an HTTP server answers there: give the Bolt port, which is 7687 by default"};
    if (answer == "\x00\x00\x00\x00"sv)
        throw Malformed{"the server speaks no version of Bolt that this driver does (4.4, 5.0 to 5.8)"};
    if (answer == "\x00\x00\x01\xFF"sv)
        return read_manifest(bytes);
    version_ = Version{byte_at(bytes, 3), byte_at(bytes, 2)};
    if (byte_at(bytes, 0) != 0 || byte_at(bytes, 1) != 0 || !is_spoken(version_))
        throw Malformed{"the server did not choose one of the versions it was offered; is it a Bolt server?"};
    used_ = 4;
    return Step::done;
}

/// A count, so many ranges as in an offer, and a set of capabilities, none of which is ours.
Handshake::Step Handshake::read_manifest(std::string_view bytes)
{
    constexpr std::uint64_t most_ranges = 256;
    std::size_t at = 4;
    const auto count = read_number(bytes, at);
    if (!count)
        return Step::more;
    if (*count > most_ranges)
        throw Malformed{"the server's list of versions is too long to be one"};
    if (bytes.size() - at < *count * 4)
        return Step::more;
    std::optional<Version> best;
    for (std::uint64_t i = 0; i < *count; ++i, at += 4) {
        const std::uint8_t newest = byte_at(bytes, at + 2);
        const std::uint8_t back = std::min(byte_at(bytes, at + 1), newest);
        for (std::uint8_t minor = newest;; --minor) {
            const Version offered{byte_at(bytes, at + 3), minor};
            if (is_spoken(offered) && (!best || offered > *best))
                best = offered;
            if (minor == newest - back)
                break;
        }
    }
    if (!read_number(bytes, at))
        return Step::more;
    if (!best)
        throw Malformed{"the server speaks no version of Bolt that this driver does (4.4, 5.0 to 5.8)"};
    version_ = *best;
    used_ = at;
    reply_ = {'\0', '\0', static_cast<char>(best->minor), static_cast<char>(best->major), '\0'};
    return Step::done;
}

} // namespace whisperstore::bolt
