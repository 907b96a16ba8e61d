#include "database/postgresql/archive/copy_rows.hpp"

#include <whisperstore/core/error.hpp>

#include <bit>

namespace whisperstore::postgresql {

namespace {

constexpr std::string_view signature("PGCOPY\n\xFF\r\n\0", 11);

[[noreturn]] void malformed()
{
    throw StorageError(StorageErrc::corrupt, "the server sent a COPY that is not in the binary format of COPY");
}

std::string_view take(std::string_view& message, std::size_t size)
{
    if (message.size() < size)
        malformed();
    const std::string_view taken = message.substr(0, size);
    message.remove_prefix(size);
    return taken;
}

template <typename Signed, typename Unsigned>
Signed take_number(std::string_view& message)
{
    Unsigned value = 0;
    for (const char byte : take(message, sizeof(Unsigned)))
        value = static_cast<Unsigned>((value << 8U) | static_cast<unsigned char>(byte));
    return std::bit_cast<Signed>(value);
}

void skip_header(std::string_view& message)
{
    constexpr std::uint32_t critical = 0xFFFF0000;
    if (take(message, signature.size()) != signature)
        malformed();
    if ((take_number<std::uint32_t, std::uint32_t>(message) & critical) != 0)
        malformed();
    take(message, take_number<std::uint32_t, std::uint32_t>(message));
}

} // namespace

void CopyRows::read(std::string_view messages, RowsBuilder& rows)
{
    if (!begun_) {
        skip_header(messages);
        begun_ = true;
    }
    while (!messages.empty()) {
        const auto fields = take_number<std::int16_t, std::uint16_t>(messages);
        if (fields == -1) {
            at_end_ = true;
            if (!messages.empty())
                malformed();
            return;
        }
        if (at_end_ || fields < 0 || static_cast<std::size_t>(fields) != types_.size())
            malformed();
        for (const Oid type : types_) {
            const auto size = take_number<std::int32_t, std::uint32_t>(messages);
            if (size == -1)
                rows.add_null();
            else if (size < 0)
                malformed();
            else
                decode(rows, take(messages, static_cast<std::size_t>(size)), type, true);
        }
    }
}

} // namespace whisperstore::postgresql
