// PackStream from a server. The first byte is the dialect; what is read and can be written comes back the same.

#include "core/text.hpp"
#include "fuzz/fuzz_target.hpp"
#include "protocol/bolt/failure.hpp"
#include "protocol/bolt/packstream.hpp"
#include "protocol/bolt/responses.hpp"
#include "protocol/bolt/routing_table.hpp"
#include "protocol/bolt/server_error.hpp"
#include "protocol/bolt/version.hpp"

#include <chrono>
#include <optional>

namespace whisperstore::fuzz {

namespace {

using namespace bolt;

/// Runs `read`; nothing where it is refused, which must say why.
template <typename Read>
auto read_or_refuse(const Read& read) -> std::optional<decltype(read())>
{
    try {
        return read();
    } catch (const Malformed& malformed) {
        require(!malformed.text.empty(), "a refusal says what is wrong");
        return std::nullopt;
    }
}

void check_value(std::string_view bytes, Dialect dialect)
{
    const auto value = read_or_refuse([&] { return Unpacker(bytes, dialect).value(); });
    if (!value)
        return;
    std::string packed;
    const bool written = accepts([&] { Packer(packed).value(*value, dialect); });
    if (!written)
        return; // graph structures, or a text that is no UTF-8
    require(packed.size() <= bytes.size(), "the shortest form is not longer than what was read");
    // Not the values themselves: a map may have a name twice, and is not equal to itself then.
    Unpacker again(packed, dialect);
    std::string twice;
    Packer(twice).value(again.value(), dialect);
    require(twice == packed && again.done(), "what is written is read as the same");
}

void check_messages(std::string_view bytes, Dialect dialect)
{
    static_cast<void>(read_or_refuse([&] { return read_record(bytes, dialect); }));
    const auto metadata = read_or_refuse([&] { return read_metadata(bytes, dialect); });
    if (metadata) {
        static_cast<void>(read_greeting(*metadata));
        static_cast<void>(read_summary(*metadata));
        const StorageError error = server_error(read_failure(*metadata), RequestKind::commit);
        require(error.message().find('\n') == std::string::npos && text::is_valid_utf8(error.message()),
                "an error is one line of UTF-8");
        const auto table =
            read_or_refuse([&] { return RoutingTable::read(*metadata, std::chrono::steady_clock::now()); });
        if (table) {
            require(table->routers.empty() || table->knows(table->routers.front()), "a table knows its routers");
            require(table->servers(AccessMode::read).size() == table->readers.size(), "readers take reads");
        }
    }
}

void check_handshake(std::string_view bytes)
{
    const auto whole = read_or_refuse([&] {
        Handshake handshake;
        const bool done = handshake.read(bytes) == Handshake::Step::done;
        require(!done || (is_spoken(handshake.version()) && handshake.used() <= bytes.size()),
                "a version that is agreed on is one of ours");
        return done ? std::optional(handshake.version()) : std::nullopt;
    });
    if (!whole || !*whole)
        return;
    // Brought byte by byte it ends alike.
    Handshake handshake;
    std::size_t size = 0;
    while (handshake.read(bytes.substr(0, size)) == Handshake::Step::more)
        require(++size <= bytes.size(), "pieces and whole end alike");
    require(handshake.version() == **whole, "pieces and whole agree on the same version");
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    if (size == 0)
        return 0;
    const bolt::Dialect dialect{(data[0] & 1U) != 0, (data[0] & 2U) != 0};
    const std::string_view bytes = fuzz::as_text(data + 1, size - 1);
    fuzz::check_value(bytes, dialect);
    fuzz::check_messages(bytes, dialect);
    fuzz::check_handshake(bytes);
    return 0;
}
