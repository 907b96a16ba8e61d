#pragma once
// Text in columns of a terminal: widths, wrapping, padding.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::cli {

/// Columns a text takes in a terminal: wide characters take two, combining ones none.
std::size_t display_width(std::string_view text) noexcept;

/// Text from the data made safe to show: control characters (line breaks, terminal escapes) become
/// spaces, what is not UTF-8 becomes U+FFFD.
std::string one_line(std::string_view text);

/// Cut to `width` columns, with an ellipsis where something was cut off.
std::string fit(std::string_view text, std::size_t width);
/// Filled with spaces to `width` columns.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

/// Broken at spaces into lines of at most `width` columns; longer words are cut. At least one line.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

/// `count` copies of a text.
std::string repeat(std::string_view text, std::size_t count);

/// A horizontal bar of `width` columns for a part of 0 to 1, in eighths of a column.
std::string bar(double part, std::size_t width);

/// "4,124"
std::string grouped(std::uint64_t number);
/// With the noun: "1 message", "4,124 messages".
std::string counted(std::uint64_t number, std::string_view noun);
/// "1.4 MB"
std::string file_size(std::uint64_t bytes);
/// "0.8 s", "95 ms"
std::string duration(double seconds);
/// With so many digits after the point.
std::string fixed(double number, int digits);

} // namespace whisperstore::cli
