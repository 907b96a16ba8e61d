#pragma once
/// \file
/// Pages of long listings.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// Where the next page of a listing starts. Opaque text, safe in URLs, valid across processes and
/// restarts; only meaningful to the listing that issued it.
class PageCursor
{
public:
    /// \param listing names what is listed, e.g. "vectors/user_memories"; one line.
    /// \param position the backend's position within it.
    static PageCursor make(std::string_view listing, std::string_view position);
    /// Takes text a caller handed back. \throws StorageError invalid_argument when it is not a cursor.
    static PageCursor parse(std::string_view text);

    const std::string& text() const noexcept { return text_; }
    /// The position, checked. \throws StorageError invalid_argument when issued by another listing.
    std::string position(std::string_view listing) const;

    friend bool operator==(const PageCursor&, const PageCursor&) = default;

private:
    explicit PageCursor(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

/// One page; `next` is absent on the last one.
template <typename T>
struct Page
{
    std::vector<T> items;
    std::optional<PageCursor> next;
};

} // namespace whisperstore
