// Page cursors, base64, times and versions: short texts that come back from outside.

#include "fuzz/fuzz_target.hpp"

#include <whisperstore/core/json.hpp>
#include <whisperstore/core/page.hpp>
#include <whisperstore/core/time.hpp>
#include <whisperstore/core/version.hpp>

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    const std::string_view text = fuzz::as_text(data, size);

    fuzz::accepts([&] { static_cast<void>(PageCursor::parse(text).position("vectors/memories")); });
    const std::string listing(text.substr(0, size / 2));
    const std::string position(text.substr(size / 2));
    const bool made = fuzz::accepts([&] {
        const PageCursor cursor = PageCursor::make(listing, position);
        fuzz::require(PageCursor::parse(cursor.text()).position(listing) == position, "a cursor is read as it was");
    });
    fuzz::require(made == (listing.find('\n') == std::string::npos), "a listing is named by any one line");

    fuzz::accepts([&] { fuzz::require(base64_encode(base64_decode(text)) == text, "a content has one base64 text"); });
    const auto bytes = std::as_bytes(std::span(data, size));
    const Blob decoded = base64_decode(base64_encode(bytes));
    fuzz::require(std::equal(decoded.begin(), decoded.end(), bytes.begin(), bytes.end()), "what is encoded is decoded");

    if (const std::optional<Timestamp> time = try_parse_timestamp(text)) {
        std::string canonical;
        if (fuzz::accepts([&] { canonical = format_timestamp(*time); })) {
            fuzz::require(parse_timestamp(canonical) == *time, "a written time is read as it was");
            fuzz::require(canonical.size() == 27, "a time has 27 characters");
        }
    }
    fuzz::accepts([&] {
        const Version version = Version::parse(text);
        fuzz::require(!(version < version) && version == version, "a version is equal to itself");
    });
    return 0;
}
