#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/page.hpp>

namespace whisperstore {

namespace {

// Cursor text is base64url of "1\n<listing>\n<position>"; the 1 is the format version.
constexpr std::string_view prefix = "1\n";

std::string to_url_alphabet(std::string text)
{
    while (!text.empty() && text.back() == '=')
        text.pop_back();
    for (char& c : text)
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    return text;
}

std::string decode(std::string_view cursor)
{
    std::string text(cursor);
    for (char& c : text)
        c = c == '-' ? '+' : c == '_' ? '/' : c;
    text.append((4 - text.size() % 4) % 4, '=');
    const Blob bytes = base64_decode(text);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

PageCursor PageCursor::make(std::string_view listing, std::string_view position)
{
    if (listing.find('\n') != std::string_view::npos)
        throw StorageError(StorageErrc::invalid_argument, "the name of a listing is one line");
    std::string plain(prefix);
    plain.append(listing).append("\n").append(position);
    return PageCursor(to_url_alphabet(base64_encode(std::as_bytes(std::span(plain)))));
}

PageCursor PageCursor::parse(std::string_view text)
{
    try {
        const std::string plain = decode(text);
        if (plain.starts_with(prefix) && plain.find('\n', prefix.size()) != std::string::npos)
            return PageCursor(std::string(text));
    } catch (const StorageError&) {
        // reported below with the words that help
    }
    throw StorageError(StorageErrc::invalid_argument,
                       "'" + std::string(text.substr(0, 64)) + "' is not a page cursor; pass `next` of the last page");
}

std::string PageCursor::position(std::string_view listing) const
{
    const std::string plain = decode(text_);
    const std::size_t end = plain.find('\n', prefix.size());
    const std::string_view issuer = std::string_view(plain).substr(prefix.size(), end - prefix.size());
    if (issuer != listing)
        throw StorageError(StorageErrc::invalid_argument, "the page cursor belongs to '" + std::string(issuer) +
                                                              "', not to '" + std::string(listing) + "'");
    return plain.substr(end + 1);
}

} // namespace whisperstore
