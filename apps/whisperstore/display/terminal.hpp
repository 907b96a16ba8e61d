#pragma once
// What a stream can show: width and colours.

#include <cstddef>
#include <string>
#include <string_view>

namespace whisperstore::cli {

enum class Tone
{
    plain,
    strong,
    quiet,
    good,
    warning,
    bad,
    accent,
    blue,
    magenta,
    cyan,
    green,
    yellow
};

/// A stream as somebody sees it.
struct Terminal
{
    bool is_terminal = false;
    bool has_colors = false; ///< a terminal, and neither NO_COLOR nor TERM=dumb
    bool fits_width = false; ///< whether lines are wrapped and cut to the width; a terminal's are
    std::size_t width = 80;  ///< columns: the terminal's, else COLUMNS, else 80

    /// Asks the stream.
    static Terminal of(int descriptor);

    /// The text in a tone, where there are colours.
    std::string paint(Tone tone, std::string_view text) const;
};

/// One of five tones for a name, always the same.
Tone tone_of_name(std::string_view name) noexcept;

} // namespace whisperstore::cli
