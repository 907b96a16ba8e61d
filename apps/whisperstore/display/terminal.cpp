#include "display/terminal.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <sys/ioctl.h>
#include <unistd.h>

namespace whisperstore::cli {

namespace {

std::string_view code_of(Tone tone) noexcept
{
    switch (tone) {
    case Tone::plain:
        break;
    case Tone::strong:
        return "1";
    case Tone::quiet:
        return "2";
    case Tone::good:
    case Tone::green:
        return "32";
    case Tone::warning:
    case Tone::yellow:
        return "33";
    case Tone::bad:
        return "31";
    case Tone::accent:
        return "1;36";
    case Tone::blue:
        return "34";
    case Tone::magenta:
        return "35";
    case Tone::cyan:
        return "36";
    }
    return {};
}

bool is_set(const char* variable) noexcept
{
    const char* value = std::getenv(variable);
    return value && *value;
}

} // namespace

Terminal Terminal::of(int descriptor)
{
    Terminal terminal;
    terminal.is_terminal = ::isatty(descriptor) == 1;
    terminal.fits_width = terminal.is_terminal;
    const char* kind = std::getenv("TERM");
    terminal.has_colors = terminal.is_terminal && !is_set("NO_COLOR") && !(kind && std::strcmp(kind, "dumb") == 0);
    winsize size{};
    if (terminal.is_terminal && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        terminal.width = size.ws_col;
    else if (is_set("COLUMNS"))
        if (const long columns = std::strtol(std::getenv("COLUMNS"), nullptr, 10); columns >= 20 && columns <= 1000)
            terminal.width = static_cast<std::size_t>(columns);
    return terminal;
}

std::string Terminal::paint(Tone tone, std::string_view text) const
{
    const std::string_view code = code_of(tone);
    if (!has_colors || code.empty() || text.empty())
        return std::string(text);
    return std::string("\x1b[").append(code).append("m").append(text).append("\x1b[0m");
}

Tone tone_of_name(std::string_view name) noexcept
{
    static constexpr std::array<Tone, 5> tones = {Tone::cyan, Tone::magenta, Tone::yellow, Tone::green, Tone::blue};
    std::size_t sum = 0;
    for (const char letter : name)
        sum = sum * 31 + static_cast<unsigned char>(letter);
    return tones[sum % tones.size()];
}

} // namespace whisperstore::cli
