#pragma once
// The lines of a chat that WhatsApp exported as text.

#include <whisperstore/storage/message_importer.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore {

/// A line that begins a message: "[31/12/2023, 23:59:59] Anna: Hello" (iPhone) or "12/31/23, 11:59 PM - Anna: Hello"
/// (Android). The date's numbers stand in the order of the phone's region.
struct WhatsAppLine
{
    std::array<int, 3> date{}; ///< as they stand there
    bool year_first = false;   ///< 2023-12-31
    int hour = 0;              ///< 0-23
    int minute = 0;
    int second = 0;
    std::string author;  ///< empty: a note of the app
    bool marked = false; ///< iPhones put a mark before what the app says in somebody's name
    std::string text;
};

/// Nothing for a line that goes on with the message before it.
std::optional<WhatsAppLine> read_whatsapp_line(std::string_view line);

/// Whether a date can be read in this order, and does not lie outside a month.
bool fits(const WhatsAppLine& line, DateOrder order) noexcept;

/// Its time, taken for that of a zone `offset` ahead of UTC, as RFC 3339 with that offset.
std::string time_of(const WhatsAppLine& line, DateOrder order, std::chrono::minutes offset);

/// Whether the text stands for a picture or the like, left out of the export or kept beside it.
bool is_media(std::string_view text) noexcept;

} // namespace whisperstore
